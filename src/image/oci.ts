import { createHash } from 'node:crypto';
import { CodedError, messageOf } from '../lib/errors.ts';
import { isDigest } from './reference.ts';
import type { Platform } from './ports.ts';

/** A descriptor inside an index or a manifest. A size below zero means that it is not known. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: bigint;
  readonly platform?: Platform;
}

/** An image index or a Docker manifest list. */
export interface Index {
  readonly kind: 'index';
  readonly manifests: readonly Blob[];
}

/** An image manifest. */
export interface Manifest {
  readonly kind: 'manifest';
  readonly config: Blob;
  readonly layers: readonly Blob[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What of an image's configuration a container is made from (image-spec, config.md). */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** `user`, `uid`, `user:group` or `uid:gid`; empty means root. */
  readonly user: string;
  readonly stopSignal: string;
  /** Paths that the image declares as volumes. */
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** An image's configuration with what identifies its layers and its platform. */
export interface ParsedConfig {
  readonly config: ImageConfig;
  readonly diffIds: readonly string[];
  readonly platform: Platform;
}

/** Reads an index or a manifest. A document that is both is refused: two readers could see two images in it. */
export function parseManifestOrIndex(bytes: Buffer, digest: string): Index | Manifest {
  const document = parseObject(bytes, `manifest ${digest}`);
  const isIndex = document['manifests'] !== undefined;
  const isManifest = document['config'] !== undefined || document['layers'] !== undefined;
  if (isIndex === isManifest) throw broken(`manifest ${digest}`, isIndex ? 'is an index and a manifest at once' : 'is neither');
  if (isIndex) return { kind: 'index', manifests: objectsOf(document['manifests']).map((entry) => toBlob(entry, digest)) };
  return {
    kind: 'manifest',
    config: toBlob(objectOf(document['config']), digest),
    layers: objectsOf(document['layers']).map((entry) => toBlob(entry, digest)),
    annotations: stringsByKey(document['annotations']),
  };
}

/** Reads an image's configuration; fails with invalidArgument for a document that describes no root file system. */
export function parseImageConfig(bytes: Buffer, digest: string): ParsedConfig {
  const what = `image config ${digest}`;
  const document = parseObject(bytes, what);
  const diffIds = objectOf(document['rootfs'])['diff_ids'];
  if (!Array.isArray(diffIds)) throw broken(what, 'has no rootfs.diff_ids, so it is no container image');
  const config = objectOf(document['config']);
  const variant = textOf(document['variant']);
  return {
    diffIds: diffIds.map((diffId) => {
      if (typeof diffId !== 'string' || !isDigest(diffId)) throw broken(what, 'has a diff_id that is no digest');
      return diffId;
    }),
    platform: {
      os: textOf(document['os']) || 'linux',
      architecture: textOf(document['architecture']),
      ...(variant !== '' && { variant }),
    },
    config: {
      entrypoint: textsOf(config['Entrypoint']),
      cmd: textsOf(config['Cmd']),
      env: textsOf(config['Env']),
      workingDir: textOf(config['WorkingDir']),
      user: textOf(config['User']),
      stopSignal: textOf(config['StopSignal']),
      volumes: Object.keys(objectOf(config['Volumes'])).sort(),
      labels: stringsByKey(config['Labels']),
    },
  };
}

/**
 * The chain id of a stack of layers (image-spec, config.md "Layer ChainID"), the name of the snapshot that holds all
 * of them; empty for no layers.
 */
export function chainIdOf(diffIds: readonly string[]): string {
  let chainId = '';
  for (const diffId of diffIds) {
    chainId = chainId === '' ? diffId : `sha256:${createHash('sha256').update(`${chainId} ${diffId}`).digest('hex')}`;
  }
  return chainId;
}

type Json = Readonly<Record<string, unknown>>;

function parseObject(bytes: Buffer, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new CodedError('invalidArgument', `${what} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isObject(value)) throw broken(what, 'is no JSON object');
  return value;
}

function toBlob(entry: Json, digest: string): Blob {
  const own = entry['digest'];
  if (typeof own !== 'string' || !isDigest(own)) throw broken(`manifest ${digest}`, 'refers to something without a digest');
  const size = entry['size'];
  const platform = objectOf(entry['platform']);
  const variant = textOf(platform['variant']);
  return {
    mediaType: textOf(entry['mediaType']),
    digest: own,
    sizeBytes: typeof size === 'number' && Number.isSafeInteger(size) ? BigInt(size) : -1n,
    ...(isObject(entry['platform']) && {
      platform: { os: textOf(platform['os']), architecture: textOf(platform['architecture']), ...(variant !== '' && { variant }) },
    }),
  };
}

function broken(what: string, why: string): CodedError {
  return new CodedError('invalidArgument', `${what} ${why}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function stringsByKey(value: unknown): Record<string, string> {
  const entries = Object.entries(objectOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}
