import type { Container, Container__Output } from '../types/containerd/containerd/services/containers/v1/Container.ts';
import type { ContainersDefinition } from '../types/containerd/containerd/services/containers/v1/Containers.ts';
import { CodedError } from '../lib/errors.ts';
import { fromWireAny, fromWireAnys, optionalAny, toWireAny, toWireAnys } from './any.ts';
import type { Any } from './any.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

/** A runtime by name (`io.containerd.runc.v2`) and its options (`containerd.runc.v1.Options` for that one). */
export interface ContainerRuntime {
  readonly name: string;
  readonly options?: Any;
}

/** What a container record is made from. */
export interface NewContainer {
  readonly id: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly runtime: ContainerRuntime;
  readonly spec: Any;
  readonly snapshotter?: string;
  readonly snapshotKey?: string;
  readonly extensions?: Readonly<Record<string, Any>>;
  readonly sandboxId?: string;
}

/** A container as containerd keeps it: what to run, nothing of whether it runs. */
export interface ContainerRecord {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly runtime: ContainerRuntime;
  readonly spec: Any;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  readonly createdAtNs: bigint;
  readonly extensions: Readonly<Record<string, Any>>;
  readonly sandboxId: string;
}

/** containerd's container records. */
export class Containers {
  readonly #rpc: Rpc;
  readonly #methods: ContainersDefinition;

  constructor(rpc: Rpc, methods: ContainersDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** Makes a record; `alreadyExists` for a known id. */
  async create(container: NewContainer, options?: CallOptions): Promise<void> {
    // The answer is the whole record once more, and whoever made it knows what is in it.
    const method = { ...this.#methods.Create, responseDeserialize: (): object => ({}) };
    await this.#rpc.unary(method, { container: toWire(container) }, `create container record "${container.id}"`, options);
  }

  /** The record of an id, or `notFound`. */
  async get(id: string, options?: CallOptions): Promise<ContainerRecord> {
    const what = `get container record "${id}"`;
    return toRecord((await this.#rpc.unary(this.#methods.Get, { id }, what, options)).container, what);
  }

  /**
   * The records that any of the filters matches, all without one. They come one a message, since specs
   * are large and a thousand of them in one answer exceed what a gRPC message may be.
   */
  async list(filters: readonly string[] = [], options?: CallOptions): Promise<ContainerRecord[]> {
    const what = 'list container records';
    const records: ContainerRecord[] = [];
    for await (const { container } of this.#rpc.stream(
      this.#methods.ListStream,
      { filters: [...filters] },
      what,
      options,
    )) {
      records.push(toRecord(container, what));
    }
    return records;
  }

  /**
   * Changes the named fields (`labels`, `labels.KEY`, `spec`, `extensions.KEY`, `image`, `snapshot_key`) to
   * what `container` has. Runtime and snapshotter cannot change: `invalidArgument`.
   */
  async update(
    container: Pick<NewContainer, 'id'> & Partial<NewContainer>,
    fieldPaths: readonly string[],
    options?: CallOptions,
  ): Promise<ContainerRecord> {
    const what = `update ${fieldPaths.join(', ')} of container record "${container.id}"`;
    const request = { container: toWire(container), updateMask: { paths: [...fieldPaths] } };
    return toRecord((await this.#rpc.unary(this.#methods.Update, request, what, options)).container, what);
  }

  /** Removes a record, or `notFound`; its snapshot stays until it is removed or collected. */
  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Delete, { id }, `delete container record "${id}"`, options);
  }
}

function toWire(container: Pick<NewContainer, 'id'> & Partial<NewContainer>): Container {
  const { runtime } = container;
  return {
    id: container.id,
    labels: { ...container.labels },
    image: container.image ?? '',
    runtime: runtime === undefined ? null : { name: runtime.name, options: toWireAny(runtime.options) },
    spec: toWireAny(container.spec),
    snapshotter: container.snapshotter ?? '',
    snapshotKey: container.snapshotKey ?? '',
    extensions: toWireAnys(container.extensions),
    sandbox: container.sandboxId ?? '',
  };
}

function toRecord(container: Container__Output | null, what: string): ContainerRecord {
  if (container === null) throw new CodedError('internal', `${what}: containerd answered without a record`);
  const options = optionalAny(container.runtime?.options ?? null);
  return {
    id: container.id,
    labels: container.labels,
    image: container.image,
    runtime: { name: container.runtime?.name ?? '', ...(options && { options }) },
    spec: fromWireAny(container.spec),
    snapshotter: container.snapshotter,
    snapshotKey: container.snapshotKey,
    createdAtNs: toNs(container.createdAt),
    extensions: fromWireAnys(container.extensions),
    sandboxId: container.sandbox,
  };
}
