import { CodedError } from '../../../src/lib/errors.ts';
import type { Any } from '../../../src/containerd/any.ts';
import type { CallOptions } from '../../../src/containerd/rpc.ts';
import type { ContainerRecord, Containers, NewContainer } from '../../../src/containerd/containers.ts';
import type { Lease, LeaseResource, Leases, NewLease } from '../../../src/containerd/leases.ts';
import type { NewSandbox, SandboxEntry, Sandboxes } from '../../../src/containerd/sandboxes.ts';
import { fieldsOf, matches } from './filters.ts';
import { collectGarbage, find, mustBeNew } from './world.ts';
import type { World } from './world.ts';

/** The methods of a class as an interface, without its private fields. */
export type Public<T> = { readonly [K in keyof T]: T[K] };

export class FakeContainers implements Public<Containers> {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async create(container: NewContainer, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('containers.create', [container], options);
    const { containers } = this.#world;
    mustBeNew(containers, 'container', container.id);
    const record: ContainerRecord = {
      labels: {},
      image: '',
      snapshotter: '',
      snapshotKey: '',
      extensions: {},
      sandboxId: '',
      ...container,
      createdAtNs: this.#world.nowNs(),
    };
    containers.set(record.id, record);
    this.#world.emit({ topic: '/containers/create', type: 'containerCreate', containerId: record.id });
  }

  async get(id: string, options?: CallOptions): Promise<ContainerRecord> {
    await this.#world.faults.enter('containers.get', [id], options);
    return find(this.#world.containers, 'container', id);
  }

  async list(filters: readonly string[] = [], options?: CallOptions): Promise<ContainerRecord[]> {
    await this.#world.faults.enter('containers.list', [filters], options);
    return [...this.#world.containers.values()].filter(({ id, labels, image }) =>
      matches(filters, fieldsOf({ id, labels, image })),
    );
  }

  async update(
    container: Pick<NewContainer, 'id'> & Partial<NewContainer>,
    fieldPaths: readonly string[],
    options?: CallOptions,
  ): Promise<ContainerRecord> {
    await this.#world.faults.enter('containers.update', [container, fieldPaths], options);
    let record = find(this.#world.containers, 'container', container.id);
    for (const path of fieldPaths) record = withField(record, container, path);
    this.#world.containers.set(record.id, record);
    this.#world.emit({ topic: '/containers/update', type: 'containerUpdate', containerId: record.id });
    return record;
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('containers.delete', [id], options);
    find(this.#world.containers, 'container', id);
    this.#world.containers.delete(id);
    this.#world.emit({ topic: '/containers/delete', type: 'containerDelete', containerId: id });
  }
}

function withField(record: ContainerRecord, from: Partial<NewContainer>, path: string): ContainerRecord {
  const key = path.slice(path.indexOf('.') + 1);
  switch (path.split('.')[0] ?? '') {
    case 'labels':
      return { ...record, labels: merged(record.labels, from.labels ?? {}, path === 'labels' ? undefined : key) };
    case 'extensions': {
      const only = path === 'extensions' ? undefined : key;
      return { ...record, extensions: merged<Any>(record.extensions, from.extensions ?? {}, only) };
    }
    case 'spec':
      return { ...record, spec: from.spec ?? record.spec };
    case 'image':
      return { ...record, image: from.image ?? '' };
    case 'snapshot_key':
    case 'snapshotkey':
      return { ...record, snapshotKey: from.snapshotKey ?? '' };
    default:
      throw new CodedError('invalidArgument', `cannot update field "${path}" of container "${record.id}"`);
  }
}

/** All of `to`'s values, or of `from` those of one key. */
export function merged<T>(
  from: Readonly<Record<string, T>>,
  to: Readonly<Record<string, T>>,
  key: string | undefined,
): Record<string, T> {
  if (key === undefined) return { ...to };
  const { [key]: _, ...rest } = from;
  const value = to[key];
  return value === undefined || value === '' ? rest : { ...rest, [key]: value };
}

export class FakeSandboxes implements Public<Sandboxes> {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async create(sandbox: NewSandbox, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('sandboxes.create', [sandbox], options);
    mustBeNew(this.#world.sandboxes, 'sandbox', sandbox.sandboxId);
    const { sandboxId, runtime, sandboxer, labels = {}, extensions = {} } = sandbox;
    const createdAtNs = this.#world.nowNs();
    this.#world.sandboxes.set(sandboxId, { sandboxId, runtime, sandboxer, labels, extensions, createdAtNs });
  }

  async get(sandboxId: string, options?: CallOptions): Promise<SandboxEntry> {
    await this.#world.faults.enter('sandboxes.get', [sandboxId], options);
    return find(this.#world.sandboxes, 'sandbox', sandboxId);
  }

  async list(filters: readonly string[] = [], options?: CallOptions): Promise<SandboxEntry[]> {
    await this.#world.faults.enter('sandboxes.list', [filters], options);
    return [...this.#world.sandboxes.values()].filter(({ sandboxId, labels }) =>
      matches(filters, fieldsOf({ id: sandboxId, labels })),
    );
  }

  async delete(sandboxId: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('sandboxes.delete', [sandboxId], options);
    find(this.#world.sandboxes, 'sandbox', sandboxId);
    this.#world.sandboxes.delete(sandboxId);
  }
}

export class FakeLeases implements Public<Leases> {
  readonly #world: World;
  readonly #owed = new Set<string>();
  #made = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async create(lease: NewLease, options?: CallOptions): Promise<string> {
    await this.#world.faults.enter('leases.create', [lease], options);
    const id = lease.id || `lease-${++this.#made}`;
    mustBeNew(this.#world.leases, 'lease', id);
    this.#world.leases.set(id, { labels: { ...lease.labels }, holds: new Set() });
    return id;
  }

  async delete(id: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void> {
    await this.#world.faults.enter('leases.delete', [id], options);
    find(this.#world.leases, 'lease', id);
    this.#world.leases.delete(id);
    if (options?.sync) collectGarbage(this.#world);
  }

  async list(filters: readonly string[] = [], options?: CallOptions): Promise<Lease[]> {
    await this.#world.faults.enter('leases.list', [filters], options);
    return [...this.#world.leases]
      .filter(([id, { labels }]) => matches(filters, fieldsOf({ id, labels })))
      .map(([id, { labels }]) => ({ id, labels }));
  }

  async addResource(id: string, resource: LeaseResource, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('leases.addResource', [id, resource], options);
    find(this.#world.leases, 'lease', id).holds.add(`${resource.type} ${resource.id}`);
  }

  async deleteResource(id: string, resource: LeaseResource, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('leases.deleteResource', [id, resource], options);
    find(this.#world.leases, 'lease', id).holds.delete(`${resource.type} ${resource.id}`);
  }

  async listResources(id: string, options?: CallOptions): Promise<LeaseResource[]> {
    await this.#world.faults.enter('leases.listResources', [id], options);
    return [...find(this.#world.leases, 'lease', id).holds].map((held) => {
      const [type = '', resource = ''] = held.split(' ');
      return { id: resource, type };
    });
  }

  async withLease<T>(
    labels: Readonly<Record<string, string>>,
    act: (leaseId: string) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    const id = await this.create({ labels }, options);
    try {
      return await act(id);
    } finally {
      await this.delete(id).catch(() => this.#owed.add(id));
    }
  }

  async deleteOwed(): Promise<void> {
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const id of owed) await this.delete(id);
  }
}
