import type { NamespacesDefinition } from '../types/containerd/containerd/services/namespaces/v1/Namespaces.ts';
import { isKind } from '../lib/errors.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** A namespace of containerd, not of Linux: what is in one is invisible in another. */
export interface NamespaceRecord {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** containerd's namespaces. */
export class Namespaces {
  readonly #rpc: Rpc;
  readonly #methods: NamespacesDefinition;

  constructor(rpc: Rpc, methods: NamespacesDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** Makes the namespace unless it is there. */
  async ensure(name: string, options?: CallOptions): Promise<void> {
    try {
      await this.#rpc.unary(this.#methods.Create, { namespace: { name } }, `create namespace "${name}"`, options);
    } catch (error) {
      if (!isKind(error, 'alreadyExists')) throw error;
    }
  }

  async list(options?: CallOptions): Promise<NamespaceRecord[]> {
    const { namespaces } = await this.#rpc.unary(this.#methods.List, {}, 'list namespaces', options);
    return namespaces.map(({ name, labels }) => ({ name, labels }));
  }

  /** Removes an empty namespace: `failedPrecondition` while anything is in it. */
  async delete(name: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Delete, { name }, `delete namespace "${name}"`, options);
  }
}
