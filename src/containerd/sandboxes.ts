import type { Sandbox__Output } from '../types/containerd/containerd/types/Sandbox.ts';
import type { StoreDefinition } from '../types/containerd/containerd/services/sandbox/v1/Store.ts';
import { CodedError } from '../lib/errors.ts';
import { fromWireAnys, optionalAny, toWireAny, toWireAnys } from './any.ts';
import type { Any } from './any.ts';
import type { ContainerRuntime } from './containers.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

/** What an entry of the sandbox store is made from; `sandboxer` names the controller, `shim` or `podsandbox`. */
export interface NewSandbox {
  readonly sandboxId: string;
  readonly runtime: ContainerRuntime;
  readonly sandboxer: string;
  readonly spec?: Any;
  readonly labels?: Readonly<Record<string, string>>;
  readonly extensions?: Readonly<Record<string, Any>>;
}

/** An entry of the sandbox store. */
export interface SandboxEntry {
  readonly sandboxId: string;
  readonly runtime: ContainerRuntime;
  readonly sandboxer: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtNs: bigint;
  readonly extensions: Readonly<Record<string, Any>>;
}

/**
 * containerd's sandbox store. An entry is what makes a later container share the shim of the task with the
 * entry's id; nothing else hangs on it with runc's shim.
 */
export class Sandboxes {
  readonly #rpc: Rpc;
  readonly #methods: StoreDefinition;

  constructor(rpc: Rpc, methods: StoreDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** Makes an entry; `alreadyExists` for a known id. */
  async create(sandbox: NewSandbox, options?: CallOptions): Promise<void> {
    const request = {
      sandbox: {
        sandboxId: sandbox.sandboxId,
        runtime: { name: sandbox.runtime.name, options: toWireAny(sandbox.runtime.options) },
        sandboxer: sandbox.sandboxer,
        spec: toWireAny(sandbox.spec),
        labels: { ...sandbox.labels },
        extensions: toWireAnys(sandbox.extensions),
      },
    };
    await this.#rpc.unary(this.#methods.Create, request, `create sandbox entry "${sandbox.sandboxId}"`, options);
  }

  /** The entry of an id, or `notFound`. */
  async get(sandboxId: string, options?: CallOptions): Promise<SandboxEntry> {
    const what = `get sandbox entry "${sandboxId}"`;
    const { sandbox } = await this.#rpc.unary(this.#methods.Get, { sandboxId }, what, options);
    if (sandbox === null) throw new CodedError('internal', `${what}: containerd answered without an entry`);
    return toEntry(sandbox);
  }

  /** The entries that any of the filters matches, all without one. */
  async list(filters: readonly string[] = [], options?: CallOptions): Promise<SandboxEntry[]> {
    const { list } = await this.#rpc.unary(
      this.#methods.List,
      { filters: [...filters] },
      'list sandbox entries',
      options,
    );
    return list.map(toEntry);
  }

  /** Removes an entry, or `notFound`. */
  async delete(sandboxId: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Delete, { sandboxId }, `delete sandbox entry "${sandboxId}"`, options);
  }
}

function toEntry(sandbox: Sandbox__Output): SandboxEntry {
  const options = optionalAny(sandbox.runtime?.options ?? null);
  return {
    sandboxId: sandbox.sandboxId,
    runtime: { name: sandbox.runtime?.name ?? '', ...(options && { options }) },
    sandboxer: sandbox.sandboxer,
    labels: sandbox.labels,
    createdAtNs: toNs(sandbox.createdAt),
    extensions: fromWireAnys(sandbox.extensions),
  };
}
