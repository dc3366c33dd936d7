import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { benchImages } from './bench.ts';
import { cacheFolder, fillOnce } from './cache.ts';
import { catalogue } from './catalogue.ts';
import { toolFolders } from '../../test/support/node/tools.ts';
import { critestImages } from './critest.ts';
import type { CatalogueEntry, Ingredients } from './entry.ts';
import { nodeSuiteImages } from './node-suite.ts';
import { buildImage, type Descriptor } from './oci.ts';
import { program } from './roots.ts';
import type { Entry } from './tar.ts';

const run = promisify(execFile);
const here = import.meta.dirname;
const busyboxPath = '/bin/busybox';

/** One image of a built set: where it goes, and its blobs as files below the set's folder. */
export interface StoredImage {
  readonly names: readonly string[];
  readonly blobs: readonly string[];
  /** In the order in which a registry takes them: what is named before what names it. */
  readonly manifests: readonly Descriptor[];
}

/** A built set of images. */
export interface ImageSet {
  readonly folder: string;
  readonly images: readonly StoredImage[];
}

/** The path of a blob of a built set. */
export function blobPath(set: ImageSet, digest: string): string {
  return path.join(set.folder, digest.replace(':', '-'));
}

/** Every test node's registry has the usual ones; pushing all to all of them would cost each a second. */
const catalogues = { usual: catalogue, critest: critestImages, bench: benchImages, nodeSuite: nodeSuiteImages };
type CatalogueName = keyof typeof catalogues;

/** Builds every image of a catalogue, or finds them built by an earlier run from the same sources. */
export async function buildImages(which: CatalogueName = 'usual'): Promise<ImageSet> {
  // Few tests need it, and it takes minutes to build.
  const agnhost = which === 'nodeSuite' ? path.join((await toolFolders('agnhost')).agnhost, 'agnhost') : undefined;
  const folder = path.join(cacheFolder(), 'images', `${await sourceHash(agnhost)}-${which}`);
  if (!existsSync(folder)) {
    await fillOnce(folder, async (part) => writeImages(part, catalogues[which], await gather(part, agnhost)));
  }
  const images = JSON.parse(await readFile(path.join(folder, 'images.json'), 'utf8')) as StoredImage[];
  return { folder, images };
}

async function writeImages(folder: string, entries: readonly CatalogueEntry[], ingredients: Ingredients): Promise<void> {
  const images: StoredImage[] = [];
  for (const entry of entries) {
    const image = buildImage(entry.make(ingredients));
    const manifests = image.manifests.map(({ descriptor, data }) => [descriptor.digest, data] as const);
    for (const [digest, data] of [...image.blobs, ...manifests]) {
      await writeFile(path.join(folder, digest.replace(':', '-')), data);
    }
    images.push({
      names: entry.names,
      blobs: [...image.blobs.keys()],
      manifests: image.manifests.map(({ descriptor }) => descriptor),
    });
  }
  await writeFile(path.join(folder, 'images.json'), JSON.stringify(images, undefined, 2));
}

async function gather(folder: string, agnhost: string | undefined): Promise<Ingredients> {
  const { stdout } = await run(busyboxPath, ['--list']);
  return {
    busybox: await readFile(busyboxPath),
    applets: stdout.split('\n').filter((name) => name !== ''),
    pause: await compile('pause.c', path.join(folder, 'pause')),
    web: await compile('web.c', path.join(folder, 'web')),
    effectiveUid: await compile('effective-uid.c', path.join(folder, 'effective-uid')),
    shell: await compile('sh.c', path.join(folder, 'sh')),
    fetch: await compile('fetch.c', path.join(folder, 'fetch')),
    datagram: await compile('datagram.c', path.join(folder, 'datagram')),
    grpcHealth: await compile('grpc-health.c', path.join(folder, 'grpc-health')),
    clock: await compile('clock.c', path.join(folder, 'clock')),
    ipc: await compile('ipc.c', path.join(folder, 'ipc')),
    dynamic: await withLibraries('/bin/dash', '/bin/hostname'),
    ...(agnhost !== undefined && { agnhost: await readFile(agnhost), certificate: await makeCertificate(folder) }),
  };
}

/** A server's certificate for localhost, which nobody has to trust. */
async function makeCertificate(folder: string): Promise<{ key: Buffer; certificate: Buffer }> {
  const [key, certificate] = [path.join(folder, 'localhost.key'), path.join(folder, 'localhost.crt')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650', '-subj', '/CN=localhost'];
  await run('openssl', ['req', ...kind, '-keyout', key, '-out', certificate]);
  return { key: await readFile(key), certificate: await readFile(certificate) };
}

/** Programs of this machine and the libraries that they are linked to, each where it is here. */
async function withLibraries(...programs: readonly string[]): Promise<Entry[]> {
  const { stdout } = await run('ldd', [...programs]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library);
  const files = [...new Set([...programs, ...libraries])];
  return Promise.all(files.map(async (file) => program(file.slice(1), await readFile(file))));
}

/** Compiles a C program of this folder into a static one. */
async function compile(source: string, into: string): Promise<Buffer> {
  await run('gcc', ['-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-o', into, path.join(here, source)]);
  return readFile(into);
}

/** A hash of all that the images are made from, except for the C library. */
async function sourceHash(agnhost = ''): Promise<string> {
  // The folder of a tool has the hash of its sources in its path.
  const hash = createHash('sha256').update(agnhost);
  const sources = (await readdir(here)).filter((name) => /\.(ts|c|h)$/.test(name)).sort();
  for (const file of [...sources.map((name) => path.join(here, name)), busyboxPath]) {
    hash.update(`${path.basename(file)}\0`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}
