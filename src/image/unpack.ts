import { wrapError } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import type { Log } from '../lib/log.ts';
import { readImageLayers, readLayerBlobs } from './image.ts';
import { LayerWork } from './layer-work.ts';
import { ParallelUnpack } from './parallel-unpack.ts';
import type { ArrivingContent } from './arriving-content.ts';
import type { ImageLayer } from './image.ts';
import type { CallOptions, ContentStore, Descriptor, Diff, Introspection, Leases, Platform, Snapshots } from './ports.ts';

export interface UnpackerOptions {
  readonly content: ContentStore;
  readonly diff: Diff;
  readonly leases: Leases;
  readonly snapshots: (snapshotter: string) => Pick<Snapshots, 'stat' | 'prepare' | 'view' | 'commit' | 'remove'>;
  readonly introspection: Introspection;
  readonly platform: Platform;
  readonly log: Log;
  /** How many layers are unpacked at the same time; see ParallelUnpack. One after the other where it is 1. */
  readonly maxConcurrent?: number;
}

/** What is unpacked. */
export interface PackedImage {
  readonly id: string;
  readonly chainId: string;
  readonly target: Descriptor;
}

// The one whose layers are plain folders, which can be looked at before they are put together.
const PARALLEL_SNAPSHOTTER = 'overlayfs';

/**
 * Unpacks images for snapshotters that have not got their layers: those that are being pulled, several layers at a time
 * where the snapshotter can; and those that are here, for a second handler, or after somebody imported an image without
 * unpacking it.
 */
export class Unpacker {
  readonly #options: UnpackerOptions;
  readonly #lock = new KeyedLock();
  readonly #parallel: ParallelUnpack;

  constructor(options: UnpackerOptions) {
    this.#options = options;
    this.#parallel = new ParallelUnpack(options.maxConcurrent ?? 1);
  }

  /**
   * Whether layers for a snapshotter are unpacked side by side. containerd is asked each time: another one may have
   * taken its place, and one that is too old leaves out silently what a layer stands on.
   */
  async isParallel(snapshotter: string, options: CallOptions = {}): Promise<boolean> {
    const { introspection, maxConcurrent = 1 } = this.#options;
    if (maxConcurrent <= 1 || snapshotter !== PARALLEL_SNAPSHOTTER) return false;
    const plugins = await introspection.plugins([`type==io.containerd.snapshotter.v1,id==${snapshotter}`], options);
    return plugins.some(({ id, capabilities }) => id === snapshotter && capabilities.includes('rebase'));
  }

  /** Whether a snapshotter has all of an image's layers. */
  async isUnpacked(chainId: string, snapshotter: string, options: CallOptions = {}): Promise<boolean> {
    return chainId === '' || this.#work(snapshotter).has({ chainId }, options);
  }

  /**
   * Gives a snapshotter the layers of an image that it lacks; at once where it lacks none. Fails with notFound when
   * their content is gone, as after containerd was told to discard it; then only another pull helps.
   */
  async unpack(image: PackedImage, snapshotter: string, options: CallOptions = {}): Promise<void> {
    const { leases, log } = this.#options;
    await this.#lock.run(`${snapshotter} ${image.chainId}`, async () => {
      if (await this.isUnpacked(image.chainId, snapshotter, options)) return;
      try {
        const act = (lease: string): Promise<void> => this.#unpackUnder(image, snapshotter, { ...options, lease });
        await (options.lease === undefined ? leases.withLease({ 'podwright.io/unpack': 'true' }, act) : act(options.lease));
      } catch (error) {
        throw wrapError(`unpack image ${image.id} for snapshotter "${snapshotter}"`, error);
      }
      log.info({ imageId: image.id, snapshotter }, 'unpacked image');
    });
  }

  /**
   * Unpacks an image for a snapshotter that takes its layers side by side, each as soon as it comes in. `details` are
   * what the content behind `target` is found to be. Fails as `unpack` does.
   */
  async unpackArriving(
    target: Descriptor,
    details: Promise<Pick<PackedImage, 'id' | 'chainId'>>,
    content: ArrivingContent,
    snapshotter: string,
    options: CallOptions & { readonly lease: string },
  ): Promise<void> {
    const { platform } = this.#options;
    const blobs = await readLayerBlobs(content, target, platform, options);
    // An image of another platform is none to go on with.
    const named = details.then(() => readImageLayers(content, target, platform, options));
    try {
      await this.#parallel.run({ blobs, named, arriving: content }, this.#work(snapshotter), options);
      await this.#keep(await details, snapshotter, options);
    } catch (error) {
      throw wrapError(`unpack image ${target.digest} for snapshotter "${snapshotter}"`, error);
    }
  }

  async #unpackUnder(image: PackedImage, snapshotter: string, options: CallOptions): Promise<void> {
    const { content, platform } = this.#options;
    const layers = await readImageLayers(content, image.target, platform, options);
    const work = this.#work(snapshotter);
    if (await this.isParallel(snapshotter, options)) {
      const blobs = layers.map(({ descriptor }) => descriptor);
      await this.#parallel.run({ blobs, named: Promise.resolve(layers) }, work, options);
    } else {
      await unpackInOrder(layers, work, options);
    }
    await this.#keep(image, snapshotter, options);
  }

  /** Has containerd's collector know that the image needs its snapshots. */
  async #keep({ id, chainId }: Pick<PackedImage, 'id' | 'chainId'>, snapshotter: string, options: CallOptions): Promise<void> {
    if (chainId === '') return; // no layers
    await this.#options.content.updateLabels(id, { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId }, options);
  }

  #work(snapshotter: string): LayerWork {
    const { diff, snapshots, log } = this.#options;
    return new LayerWork({ diff, snapshots: snapshots(snapshotter), snapshotter, log });
  }
}

/** Gives a snapshotter those of `layers` that it lacks, from the lowest up. */
async function unpackInOrder(layers: readonly ImageLayer[], work: LayerWork, options: CallOptions): Promise<void> {
  const there = await work.claimAll(layers, options);
  for (const [position, layer] of layers.entries()) {
    if (position >= there) await work.unpackOn(layers[position - 1]?.chainId ?? '', layer, options);
  }
}
