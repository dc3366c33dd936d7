import type { DiffDefinition } from '../types/containerd/containerd/services/diff/v1/Diff.ts';
import type { Descriptor } from './descriptor.ts';
import { fromWireDescriptor, toWireDescriptor } from './descriptor.ts';
import type { Mount } from './mount.ts';
import { toWireMount } from './mount.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** containerd's way from blobs to file systems. */
export class Diff {
  readonly #rpc: Rpc;
  readonly #methods: DiffDefinition;

  constructor(rpc: Rpc, methods: DiffDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /**
   * Unpacks a layer's blob over mounts and answers what it is uncompressed, whose digest is the layer's diff id.
   * `notFound` without the blob. May take as long as the layer is large.
   */
  async apply(layer: Descriptor, mounts: readonly Mount[], options?: CallOptions): Promise<Descriptor> {
    const what = `unpack layer "${layer.digest}"`;
    const request = { diff: toWireDescriptor(layer), mounts: mounts.map(toWireMount) };
    const { applied } = await this.#rpc.unary(this.#methods.Apply, request, what, { timeoutMs: 0, ...options });
    return fromWireDescriptor(applied);
  }
}
