import { readFile } from 'node:fs/promises';
import { blobPath, buildImages, type ImageSet, type StoredImage } from './build.ts';
import { parseImageName } from './image-name.ts';

/** Where to push: `http://127.0.0.1:PORT`, and an Authorization header where it asks for one. */
export interface PushTarget {
  readonly url: string;
  readonly authorization?: string;
}

/**
 * Pushes a set of images over the distribution API (OCI distribution-spec, "Push"). The host of a name is
 * left out: the registry stands in for all of them.
 */
export async function pushImages(set: ImageSet, target: PushTarget): Promise<void> {
  await Promise.all(set.images.map((image) => pushImage(set, image, target)));
}

async function pushImage(set: ImageSet, image: StoredImage, target: PushTarget): Promise<void> {
  const names = image.names.map(parseImageName);
  for (const repository of new Set(names.map((name) => name.repository))) {
    const tags = names.filter((name) => name.repository === repository).map((name) => name.tag);
    const base = `${target.url}/v2/${repository}`;
    for (const digest of image.blobs) await pushBlob(base, digest, await readFile(blobPath(set, digest)), target);
    for (const manifest of image.manifests) {
      const isTop = manifest === image.manifests.at(-1);
      for (const reference of isTop ? tags : [manifest.digest]) {
        await send('PUT', `${base}/manifests/${reference}`, target, {
          body: await readFile(blobPath(set, manifest.digest)),
          type: manifest.mediaType,
        });
      }
    }
  }
}

async function pushBlob(base: string, digest: string, body: Buffer, target: PushTarget): Promise<void> {
  const upload = await send('POST', `${base}/blobs/uploads/`, target);
  const location = upload.headers.get('location');
  if (location === null) throw new Error(`push to ${base}: the registry named no upload location`);
  const url = new URL(location, target.url);
  url.searchParams.set('digest', digest);
  await send('PUT', url.href, target, { body, type: 'application/octet-stream' });
}

async function send(
  method: 'POST' | 'PUT',
  url: string,
  target: PushTarget,
  content?: { readonly body: Buffer; readonly type: string },
): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(content && { 'content-type': content.type }),
      ...(target.authorization && { authorization: target.authorization }),
    },
    body: content ? new Uint8Array(content.body) : null,
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  return response;
}

/** Pushes all images to the registry at `url`, where one is given, and tells their names. */
async function pushAll(url: string | undefined): Promise<void> {
  for (const set of [await buildImages(), await buildImages('critest'), await buildImages('nodeSuite')]) {
    if (url !== undefined) await pushImages(set, { url });
    for (const name of set.images.flatMap((image) => image.names)) console.log(name);
  }
}

// No await at the top level: mocha requires its files first, and whatever they import must allow that.
if (process.argv[1] === import.meta.filename) {
  pushAll(process.argv[2]).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
