import { randomUUID } from 'node:crypto';
import { CodedError, isKind, messageOf, wrapError } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import type { Log } from '../lib/log.ts';
import { readImageLayers } from './image.ts';
import type { ImageLayer } from './image.ts';
import type { CallOptions, ContentStore, Descriptor, Diff, Leases, Platform, Snapshots } from './ports.ts';

export interface UnpackerOptions {
  readonly content: ContentStore;
  readonly diff: Diff;
  readonly leases: Leases;
  readonly snapshots: (snapshotter: string) => Pick<Snapshots, 'stat' | 'prepare' | 'commit' | 'remove'>;
  readonly platform: Platform;
  readonly log: Log;
}

/** What is unpacked. */
export interface PackedImage {
  readonly id: string;
  readonly chainId: string;
  readonly target: Descriptor;
}

/**
 * Unpacks images that are here for snapshotters that have not got their layers: those of a second handler, or after
 * somebody imported an image without unpacking it. A pull has containerd's Transfer service do this, which is faster.
 */
export class Unpacker {
  readonly #options: UnpackerOptions;
  readonly #lock = new KeyedLock();

  constructor(options: UnpackerOptions) {
    this.#options = options;
  }

  /** Whether a snapshotter has all of an image's layers. */
  async isUnpacked(chainId: string, snapshotter: string, options: CallOptions = {}): Promise<boolean> {
    return chainId === '' || this.#has(chainId, snapshotter, options);
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

  async #unpackUnder(image: PackedImage, snapshotter: string, options: CallOptions): Promise<void> {
    const { content, platform } = this.#options;
    const layers = await readImageLayers(content, image.target, platform, options);
    let first = layers.length;
    while (first > 0 && !(await this.#has(layers[first - 1]?.chainId ?? '', snapshotter, options))) first -= 1;
    for (const [position, layer] of layers.entries()) {
      if (position >= first) await this.#unpackLayer(layer, layers[position - 1]?.chainId ?? '', snapshotter, options);
    }
    // By this label containerd's collector knows that the image needs the snapshot.
    await content.updateLabels(image.id, { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: image.chainId }, options);
  }

  async #unpackLayer(layer: ImageLayer, parent: string, snapshotter: string, options: CallOptions): Promise<void> {
    const { diff } = this.#options;
    const snapshots = this.#options.snapshots(snapshotter);
    const key = `podwright-unpack-${randomUUID()}`;
    const mounts = await snapshots.prepare(key, parent, {}, options);
    try {
      const { digest } = await diff.apply(layer.descriptor, mounts, options);
      if (digest !== layer.diffId) {
        throw new CodedError('dataLoss', `layer ${layer.descriptor.digest} holds ${digest} and not ${layer.diffId}, as the image's configuration has it`);
      }
      await snapshots.commit(layer.chainId, key, {}, options);
    } catch (error) {
      await this.#drop(key, snapshotter);
      // A pull of another image with the same layer was faster.
      if (!isKind(error, 'alreadyExists')) throw error;
    }
  }

  async #drop(key: string, snapshotter: string): Promise<void> {
    try {
      await this.#options.snapshots(snapshotter).remove(key);
    } catch (error) {
      if (isKind(error, 'notFound')) return;
      this.#options.log.warn({ snapshotter, key, error: messageOf(error) }, 'could not remove a half unpacked layer, it goes with its lease');
    }
  }

  async #has(chainId: string, snapshotter: string, options: CallOptions): Promise<boolean> {
    try {
      await this.#options.snapshots(snapshotter).stat(chainId, options);
      return true;
    } catch (error) {
      if (isKind(error, 'notFound')) return false;
      throw error;
    }
  }
}
