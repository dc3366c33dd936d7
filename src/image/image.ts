import { CodedError } from '../lib/errors.ts';
import { chainIdOf, parseImageConfig, parseManifestOrIndex } from './oci.ts';
import { canRun, formatPlatform, isSamePlatform } from './platform.ts';
import type { Blob, ImageConfig, Index, Manifest } from './oci.ts';
import type { CallOptions, ContentStore, Descriptor, Platform } from './ports.ts';

/** What is read once of an image's content; it can't change, being found by digest. */
export interface ImageDetails {
  /** The config's digest of this platform's manifest: CRI Image.id, PullImageResponse.image_ref. */
  readonly id: string;
  /** The name of the snapshot with all the layers; empty for an image without layers. */
  readonly chainId: string;
  /** Compressed: manifests, config and layers, as the registry has them. */
  readonly sizeBytes: bigint;
  /** The part of the user before the colon, where it is a number (CRI Image.uid); else see `username`. */
  readonly uid?: bigint;
  readonly username: string;
  readonly config: ImageConfig;
  /** The manifest's annotations (CRI Image.spec.annotations). */
  readonly annotations: Readonly<Record<string, string>>;
}

/** An image with the names that it goes by at the moment. */
export interface Image extends ImageDetails {
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly pinned: boolean;
  /** The index or manifest that its names point to. */
  readonly target: Descriptor;
}

// An index may refer to indexes. Nobody nests deeper; a hostile registry could, for ever.
const MAX_DEPTH = 4;

/**
 * Reads what an image is from its manifest and config. Fails with notFound when there is nothing in it for
 * `platform` or when content is missing, with invalidArgument when it is no container image.
 */
export async function readImageDetails(
  content: Pick<ContentStore, 'read'>,
  target: Descriptor,
  platform: Platform,
  options: CallOptions = {},
): Promise<ImageDetails> {
  const found = await findManifest(content, target, platform, options);
  const { manifest } = found;
  const parsed = parseImageConfig(await content.read(manifest.config.digest, options), manifest.config.digest);
  if (found.platform === undefined && !isPlatformOpen(parsed.platform) && !canRun(parsed.platform, platform)) {
    throw noMatch(target.digest, platform, [parsed.platform]);
  }
  const sizes = [manifest.config, ...manifest.layers].map((blob) => (blob.sizeBytes > 0n ? blob.sizeBytes : 0n));
  return {
    id: manifest.config.digest,
    chainId: chainIdOf(parsed.diffIds),
    sizeBytes: sizes.reduce((sum, size) => sum + size, found.manifestBytes),
    ...splitUser(parsed.config.user),
    config: parsed.config,
    annotations: manifest.annotations,
  };
}

/** One layer of an image: its blob, and what it and all below it are called when they are unpacked. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: string;
  readonly chainId: string;
}

/** The layers of an image as its manifest has them, from the lowest up. Fails as readImageDetails does. */
export async function readLayerBlobs(
  content: Pick<ContentStore, 'read'>,
  target: Descriptor,
  platform: Platform,
  options: CallOptions = {},
): Promise<Descriptor[]> {
  const { manifest } = await findManifest(content, target, platform, options);
  return manifest.layers.map(toDescriptor);
}

/** The layers of an image from the lowest up, and what its configuration says of them. Fails as readImageDetails does. */
export async function readImageLayers(
  content: Pick<ContentStore, 'read'>,
  target: Descriptor,
  platform: Platform,
  options: CallOptions = {},
): Promise<ImageLayer[]> {
  const { manifest } = await findManifest(content, target, platform, options);
  const { diffIds } = parseImageConfig(await content.read(manifest.config.digest, options), manifest.config.digest);
  if (diffIds.length !== manifest.layers.length) {
    const counts = `${manifest.layers.length} layers in its manifest and ${diffIds.length} in its configuration`;
    throw new CodedError('invalidArgument', `image ${manifest.config.digest} has ${counts}`);
  }
  return manifest.layers.map((blob, position) => ({
    descriptor: toDescriptor(blob),
    diffId: diffIds[position] ?? '',
    chainId: chainIdOf(diffIds.slice(0, position + 1)),
  }));
}

function toDescriptor({ mediaType, digest, sizeBytes }: Blob): Descriptor {
  return { mediaType, digest, size: sizeBytes, annotations: {} };
}

interface FoundManifest {
  readonly manifest: Manifest;
  /** The bytes of it and of the indexes above it. */
  readonly manifestBytes: bigint;
  /** Set where an index vouched for the platform. */
  readonly platform?: Platform;
}

async function findManifest(
  content: Pick<ContentStore, 'read'>,
  target: Descriptor,
  platform: Platform,
  options: CallOptions,
): Promise<FoundManifest> {
  let digest = target.digest;
  let vouched: Platform | undefined;
  let manifestBytes = 0n;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const bytes = await content.read(digest, options);
    manifestBytes += BigInt(bytes.length);
    const document = parseManifestOrIndex(bytes, digest);
    if (document.kind === 'manifest') {
      return { manifest: document, manifestBytes, ...(vouched !== undefined && { platform: vouched }) };
    }
    const entry = chooseEntry(document, platform);
    if (entry === undefined) throw noMatch(target.digest, platform, offeredBy(document));
    digest = entry.digest;
    vouched = entry.platform;
  }
  throw new CodedError('invalidArgument', `manifest ${target.digest} is nested more than ${MAX_DEPTH} deep`);
}

/** The first entry for the platform; one that names no platform is taken only when none does it better. */
function chooseEntry(index: Index, platform: Platform): Blob | undefined {
  return (
    index.manifests.find((entry) => entry.platform !== undefined && isSamePlatform(entry.platform, platform)) ??
    index.manifests.find((entry) => entry.platform === undefined)
  );
}

// Hand-made configs often leave the architecture out; such an image claims nothing, so it is taken.
function isPlatformOpen(platform: Platform): boolean {
  return platform.architecture === '';
}

function offeredBy(index: Index): Platform[] {
  return index.manifests.flatMap((entry) => (entry.platform === undefined ? [] : [entry.platform]));
}

function noMatch(digest: string, wanted: Platform, offered: readonly Platform[]): CodedError {
  const have = offered.slice(0, 8).map(formatPlatform).join(', ') || 'nothing';
  return new CodedError('notFound', `no image for platform ${formatPlatform(wanted)} in ${digest}, it offers ${have}`);
}

/** CRI Image.uid and Image.username, of which one is set at most. */
export function splitUser(user: string): { uid?: bigint; username: string } {
  const name = user.split(':', 1)[0] ?? '';
  if (!/^[+-]?\d+$/.test(name)) return { username: name };
  const uid = BigInt(name.replace(/^\+/, ''));
  return BigInt.asIntN(64, uid) === uid ? { uid, username: '' } : { username: name };
}
