import { randomUUID } from 'node:crypto';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { lowerFolders } from '../linux/overlay.ts';
import type { ImageLayer } from './image.ts';
import type { CallOptions, Descriptor, Diff, Mount, Snapshots } from './ports.ts';

export interface LayerWorkParts {
  readonly diff: Diff;
  readonly snapshots: Pick<Snapshots, 'stat' | 'prepare' | 'view' | 'commit' | 'remove'>;
  readonly snapshotter: string;
  readonly log: Log;
}

/** A writable snapshot that a layer is to be unpacked into. */
export interface Prepared {
  readonly key: string;
  readonly mounts: readonly Mount[];
}

// containerd's: whoever prepares a snapshot for a layer that is there is told so, and has it under his lease.
const REF_LABEL = 'containerd.io/snapshot.ref';

/** The single steps from a layer's blob to a snapshot of one snapshotter. */
export class LayerWork {
  readonly #parts: LayerWorkParts;

  constructor(parts: LayerWorkParts) {
    this.#parts = parts;
  }

  get snapshotter(): string {
    return this.#parts.snapshotter;
  }

  /** Whether the snapshotter has a layer, and so all below it. */
  async has({ chainId }: Pick<ImageLayer, 'chainId'>, options: CallOptions): Promise<boolean> {
    try {
      await this.#parts.snapshots.stat(chainId, options);
      return true;
    } catch (error) {
      if (isKind(error, 'notFound')) return false;
      throw error;
    }
  }

  /** Puts a layer and all below it under the call's lease; false where the snapshotter has not got it. */
  async claim({ chainId }: ImageLayer, options: CallOptions): Promise<boolean> {
    const key = newKey();
    try {
      await this.#parts.snapshots.prepare(key, '', { [REF_LABEL]: chainId }, options);
    } catch (error) {
      if (isKind(error, 'alreadyExists')) return true;
      throw error;
    }
    await this.drop(key);
    return false;
  }

  /** How many of `layers`, from the lowest up, the snapshotter has; they are under the call's lease then. */
  async claimAll(layers: readonly ImageLayer[], options: CallOptions): Promise<number> {
    for (;;) {
      // Where one is, all below it are.
      let there = 0;
      for (let missing = layers.length; there < missing; ) {
        const middle = Math.floor((there + missing) / 2);
        const layer = layers[middle];
        if (layer !== undefined && (await this.has(layer, options))) there = middle + 1;
        else missing = middle;
      }
      const highest = layers[there - 1];
      if (highest === undefined || (await this.claim(highest, options))) return there;
    }
  }

  /** Makes room for a layer on the layer `parent`, '' for none. */
  async prepare(parent: string, options: CallOptions): Promise<Prepared> {
    const key = newKey();
    return { key, mounts: await this.#parts.snapshots.prepare(key, parent, {}, options) };
  }

  /** Unpacks a layer's blob over `mounts`, and answers the digest of what it is unpacked. */
  async apply(blob: Descriptor, mounts: readonly Mount[], options: CallOptions): Promise<string> {
    return (await this.#parts.diff.apply(blob, mounts, options)).digest;
  }

  /**
   * Makes what was unpacked from a layer's blob that layer, on `parent` where it was prepared on none. Another may have
   * been faster. Fails with dataLoss where `digest` is not what the image's configuration says.
   */
  async commit(layer: ImageLayer, key: string, digest: string, options: CallOptions & { readonly parent?: string }): Promise<void> {
    const { descriptor, diffId, chainId } = layer;
    if (digest !== diffId) {
      throw new CodedError('dataLoss', `layer ${descriptor.digest} holds ${digest} and not ${diffId}, as the image's configuration has it`);
    }
    try {
      await this.#parts.snapshots.commit(chainId, key, { [REF_LABEL]: chainId }, options);
    } catch (error) {
      // containerd has put the other's under the lease before it says so.
      if (!isKind(error, 'alreadyExists')) throw error;
      await this.drop(key);
    }
  }

  /** Unpacks a layer on the layer `parent`, '' for none; nothing is left where that fails. */
  async unpackOn(parent: string, layer: ImageLayer, options: CallOptions): Promise<void> {
    const { key, mounts } = await this.prepare(parent, options);
    await this.orDrop(key, async () => {
      await this.commit(layer, key, await this.apply(layer.descriptor, mounts, options), options);
    });
  }

  /** The folders of a layer and of those below it, the highest first, as an overlay puts them together. */
  async foldersOf(chainId: string, options: CallOptions): Promise<string[]> {
    const key = newKey();
    const mounts = await this.#parts.snapshots.view(key, chainId, {}, options);
    await this.drop(key);
    return mounts.flatMap(({ type, source, options: words }) => (type === 'bind' ? [source] : lowerFolders(words)));
  }

  /** Runs `act`, and removes the snapshot `key` when it fails. */
  async orDrop<T>(key: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      await this.drop(key);
      throw error;
    }
  }

  /** Removes a snapshot that is not to stay; what cannot be removed goes with its lease. */
  async drop(key: string): Promise<void> {
    const { snapshots, snapshotter, log } = this.#parts;
    try {
      await snapshots.remove(key);
    } catch (error) {
      if (isKind(error, 'notFound')) return;
      log.warn({ snapshotter, key, error: messageOf(error) }, 'could not remove a half unpacked layer, it goes with its lease');
    }
  }
}

function newKey(): string {
  return `podwright-unpack-${randomUUID()}`;
}
