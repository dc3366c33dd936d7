import { stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { ContentStore, Snapshots } from './ports.ts';

/** What images take up on disk (CRI FilesystemUsage). */
export interface ImageFsUsage {
  readonly timestampNs: bigint;
  /** A folder on the file system that holds them. */
  readonly mountpoint: string;
  readonly usedBytes: bigint;
  readonly inodesUsed: bigint;
}

export interface ImageFsOptions {
  readonly snapshots: Pick<Snapshots, 'list' | 'usage'>;
  /** The blobs that the images came as; undefined where another file system counts them. */
  readonly content?: Pick<ContentStore, 'list'> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** See snapshotterRoot. */
  readonly mountpoint: string;
  /** How old an answer may get before the next question has it counted again. */
  readonly maxAgeMs?: number;
}

interface Usage {
  readonly sizeBytes: bigint;
  readonly inodes: bigint;
}

const MAX_AGE_MS = 10_000;
// A burst of pulls changes images many times a second; counting more often than this serves nobody.
const MIN_INTERVAL_MS = 1_000;

/**
 * How much images take up. The kubelet asks every 10 s and waits for the answer, so it gets the last count at once
 * and the next is made behind its back. Only committed snapshots count: those are the images' layers, their usage
 * stands in containerd's database and never changes; a container's own layer is in that container's stats.
 */
export class ImageFs {
  readonly #options: ImageFsOptions;
  readonly #maxAgeNs: bigint;
  readonly #layers = new Map<string, Usage>();
  readonly #stop = new AbortController();
  #usage: ImageFsUsage;
  #wanted = false;
  #running: Promise<void> | undefined;

  constructor(options: ImageFsOptions) {
    this.#options = options;
    this.#maxAgeNs = BigInt(options.maxAgeMs ?? MAX_AGE_MS) * 1_000_000n;
    const timestampNs = options.clock.nowNs();
    this.#usage = { timestampNs, mountpoint: options.mountpoint, usedBytes: 0n, inodesUsed: 0n };
  }

  /** The last count; has it made again when it is old. */
  usage(): ImageFsUsage {
    if (this.#options.clock.nowNs() - this.#usage.timestampNs > this.#maxAgeNs) this.refresh();
    return this.#usage;
  }

  /** Has the usage counted soon: images changed. */
  refresh(): void {
    this.#wanted = true;
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#countWhileWanted().finally(() => {
      this.#running = undefined;
    });
  }

  /** Counts now; at the start, so that the first answer is a true one. Fails as containerd does. */
  async count(): Promise<ImageFsUsage> {
    const { clock, mountpoint } = this.#options;
    const timestampNs = clock.nowNs();
    const layers = await this.#countLayers();
    const contentBytes = await this.#countContent();
    const usedBytes = layers.sizeBytes + contentBytes;
    this.#usage = { timestampNs, mountpoint, usedBytes, inodesUsed: layers.inodes };
    return this.#usage;
  }

  /** Ends what runs in the background. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #countWhileWanted(): Promise<void> {
    const { clock, log } = this.#options;
    while (this.#wanted && !this.#stop.signal.aborted) {
      this.#wanted = false;
      try {
        await this.count();
        await clock.sleep(MIN_INTERVAL_MS, this.#stop.signal);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        // The next question tries again; the old count stands with its old timestamp.
        log.debug({ error: messageOf(error) }, 'could not count what images take up');
        return;
      }
    }
  }

  async #countLayers(): Promise<Usage> {
    const committed = (await this.#options.snapshots.list()).filter((snapshot) => snapshot.kind === 'committed');
    const names = new Set(committed.map((snapshot) => snapshot.name));
    for (const name of this.#layers.keys()) if (!names.has(name)) this.#layers.delete(name);
    for (const name of names) {
      if (this.#layers.has(name)) continue;
      try {
        const { sizeBytes, inodes } = await this.#options.snapshots.usage(name);
        this.#layers.set(name, { sizeBytes, inodes });
      } catch (error) {
        if (!isKind(error, 'notFound')) throw error;
      }
    }
    let sizeBytes = 0n;
    let inodes = 0n;
    for (const usage of this.#layers.values()) {
      sizeBytes += usage.sizeBytes;
      inodes += usage.inodes;
    }
    return { sizeBytes, inodes };
  }

  async #countContent(): Promise<bigint> {
    let bytes = 0n;
    await this.#options.content?.list([], (info) => {
      bytes += info.size;
    });
    return bytes;
  }
}

/** The part of containerd's introspection that tells where a snapshotter keeps its files. */
export interface PluginList {
  plugins(filters: readonly string[]): Promise<
    readonly {
      readonly id: string;
      readonly exports: Readonly<Record<string, string>>;
      readonly initError?: string;
    }[]
  >;
}

/**
 * A snapshotter's folder on this machine, which the kubelet maps to a disk. Fails with failedPrecondition for a
 * snapshotter that containerd doesn't have or couldn't start.
 */
export async function snapshotterRoot(introspection: PluginList, snapshotter: string): Promise<string> {
  const plugins = await introspection.plugins(['type==io.containerd.snapshotter.v1']);
  const plugin = plugins.find(({ id }) => id === snapshotter);
  const problem = plugin === undefined ? `containerd has ${plugins.map(({ id }) => id).join(', ')}` : plugin.initError;
  if (plugin === undefined || problem !== undefined) {
    throw new CodedError('failedPrecondition', `snapshotter "${snapshotter}" cannot be used: ${problem}`);
  }
  return existingFolder(plugin.exports['root'] ?? '/');
}

/** The nearest folder on the way up that exists; a snapshotter that never held anything may have made none. */
async function existingFolder(folder: string): Promise<string> {
  for (let current = path.resolve(folder); current !== '/'; current = path.dirname(current)) {
    const stats = await stat(current).catch(() => undefined);
    if (stats?.isDirectory() === true) return current;
  }
  return '/';
}
