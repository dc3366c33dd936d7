import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Entry, writeTar } from './tar.ts';

/** The part of an image's configuration that says how it is run (OCI image-spec, config.md "config"). */
export interface RunConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** What an image is made of. */
export interface ImageSource {
  readonly layers: readonly (readonly Entry[])[];
  readonly config: RunConfig;
  /** GOARCH's word; this machine's when left out. */
  readonly architecture?: string;
  /** Puts an index above the manifest, as multi-platform images have one. */
  readonly index?: boolean;
}

/** An image as its blobs, by digest; `top` is the manifest or index that a tag points at. */
export interface BuiltImage {
  readonly top: Descriptor;
  /** Blobs that are not manifests: config and layers. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Manifests and indexes, each after what it names. */
  readonly manifests: readonly { readonly descriptor: Descriptor; readonly data: Buffer }[];
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const mediaType = (name: string): string => `application/vnd.oci.image.${name}`;

/** Builds an image; the same source gives the same digests. */
export function buildImage(source: ImageSource): BuiltImage {
  const blobs = new Map<string, Buffer>();
  const addBlob = (type: string, data: Buffer): Descriptor => {
    const descriptor = describe(type, data);
    blobs.set(descriptor.digest, data);
    return descriptor;
  };

  const tars = source.layers.map((entries) => writeTar(entries));
  const layers = tars.map((tar) => addBlob(mediaType('layer.v1.tar+gzip'), gzipSync(tar, { level: 9 })));
  const platform = { architecture: source.architecture ?? goArchitecture(), os: 'linux' };
  const config = addBlob(
    mediaType('config.v1+json'),
    json({
      created: new Date(0).toISOString(),
      ...platform,
      config: source.config,
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
      history: tars.map(() => ({ created: new Date(0).toISOString(), created_by: 'podwright hack/images' })),
    }),
  );

  const manifests: { descriptor: Descriptor; data: Buffer }[] = [];
  const addManifest = (type: string, content: object): Descriptor => {
    const data = json({ schemaVersion: 2, mediaType: type, ...content });
    const descriptor = describe(type, data);
    manifests.push({ descriptor, data });
    return descriptor;
  };
  const manifest = addManifest(mediaType('manifest.v1+json'), { config, layers });
  const top = source.index
    ? addManifest(mediaType('index.v1+json'), { manifests: [{ ...manifest, platform }] })
    : manifest;
  return { top, blobs, manifests };
}

/** This machine's architecture as Go and the OCI call it. */
export function goArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function describe(type: string, data: Buffer): Descriptor {
  return { mediaType: type, digest: digestOf(data), size: data.length };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
