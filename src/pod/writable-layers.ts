import { isKind, messageOf } from '../lib/errors.ts';
import type { Parts } from './parts.ts';
import type { Container } from './container.ts';

export interface LayerUsage {
  readonly atNs: bigint;
  readonly sizeBytes: bigint;
  readonly inodes: bigint;
}

/** Age beyond which a question has the layers counted anew, ns. */
const maxAgeNs = 10_000_000_000n;

/**
 * How much each container wrote into its own layer. Counting walks that layer's files, which can be
 * millions: so it never happens inside a call but behind it, one layer after another, and the answer is the
 * last count. A new container's layer is empty until the first one.
 */
export class WritableLayers {
  readonly #parts: Pick<Parts, 'log' | 'clock' | 'containerd' | 'containers'>;
  readonly #known = new Map<string, LayerUsage>();
  #counting = false;
  #countedAtNs = 0n;

  constructor(parts: Pick<Parts, 'log' | 'clock' | 'containerd' | 'containers'>) {
    this.#parts = parts;
  }

  /** The last count of a container's layer. */
  usage(container: Container): LayerUsage {
    if (!this.#counting && this.#parts.clock.nowNs() - this.#countedAtNs > maxAgeNs) void this.#count();
    return this.#known.get(container.id) ?? { atNs: BigInt(container.record.createdAtNs), sizeBytes: 0n, inodes: 0n };
  }

  /** Never rejects: what could not be counted keeps its last count. */
  async #count(): Promise<void> {
    const { clock, containers, containerd, log } = this.#parts;
    this.#counting = true;
    this.#countedAtNs = clock.nowNs();
    for (const id of this.#known.keys()) if (!containers.has(id)) this.#known.delete(id);
    for (const container of containers.values()) {
      try {
        const counted = await containerd.snapshots(container.record.snapshotter).usage(container.id);
        this.#known.set(container.id, { ...counted, atNs: clock.nowNs() });
      } catch (error) {
        if (isKind(error, 'notFound')) continue;
        log.debug({ containerId: container.id, error: messageOf(error) }, 'could not count a writable layer');
      }
    }
    this.#counting = false;
  }
}
