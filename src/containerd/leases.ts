import type { LeasesDefinition } from '../types/containerd/containerd/services/leases/v1/Leases.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { CallOptions, Rpc } from './rpc.ts';

/** A lease by id; what it refers to is not garbage collected. */
export interface Lease {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a lease is made from. containerd makes up an id where there is none. */
export interface NewLease {
  readonly id?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** After this the collector may take the lease, so that one of a daemon that died does not stay for ever. */
  readonly expireSeconds?: number;
}

/** Something that a lease holds: `type` is `content`, `ingests` or `snapshots/SNAPSHOTTER`. */
export interface LeaseResource {
  readonly id: string;
  readonly type: string;
}

const EXPIRE_LABEL = 'containerd.io/gc.expire';
const WITH_LEASE_SECONDS = 24 * 60 * 60;

/** containerd's leases. */
export class Leases {
  readonly #rpc: Rpc;
  readonly #methods: LeasesDefinition;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Those of acts that have ended, which could not be deleted. */
  readonly #owed = new Set<string>();

  constructor(rpc: Rpc, methods: LeasesDefinition, clock: Clock, log: Log) {
    this.#rpc = rpc;
    this.#methods = methods;
    this.#clock = clock;
    this.#log = log;
  }

  /** Makes a lease and gives its id, which goes into `CallOptions.lease`; `alreadyExists` for a known id. */
  async create(lease: NewLease, options?: CallOptions): Promise<string> {
    const { id = '', expireSeconds } = lease;
    const labels = { ...lease.labels };
    if (expireSeconds !== undefined) labels[EXPIRE_LABEL] = this.#timeIn(expireSeconds);
    const what = `create lease "${id}"`;
    const answer = await this.#rpc.unary(this.#methods.Create, { id, labels }, what, options);
    if (answer.lease === null) throw new CodedError('internal', `${what}: containerd answered without a lease`);
    return answer.lease.id;
  }

  /** Ends a lease, or `notFound`; with `sync` answers only after the garbage collector has run. */
  async delete(id: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void> {
    const request = { id, sync: options?.sync ?? false };
    await this.#rpc.unary(this.#methods.Delete, request, `delete lease "${id}"`, options);
  }

  /** The leases that any of the filters matches, all without one. */
  async list(filters: readonly string[] = [], options?: CallOptions): Promise<Lease[]> {
    const { leases } = await this.#rpc.unary(this.#methods.List, { filters: [...filters] }, 'list leases', options);
    return leases.map(({ id, labels }) => ({ id, labels }));
  }

  /** Puts something that is there already under a lease. */
  async addResource(id: string, resource: LeaseResource, options?: CallOptions): Promise<void> {
    const what = `add ${resource.type} "${resource.id}" to lease "${id}"`;
    await this.#rpc.unary(this.#methods.AddResource, { id, resource }, what, options);
  }

  /** Takes something out of a lease; it is then garbage unless something else refers to it. */
  async deleteResource(id: string, resource: LeaseResource, options?: CallOptions): Promise<void> {
    const what = `take ${resource.type} "${resource.id}" out of lease "${id}"`;
    await this.#rpc.unary(this.#methods.DeleteResource, { id, resource }, what, options);
  }

  /** All that a lease holds. */
  async listResources(id: string, options?: CallOptions): Promise<LeaseResource[]> {
    const what = `list what lease "${id}" holds`;
    const { resources } = await this.#rpc.unary(this.#methods.ListResources, { id }, what, options);
    return resources.map((resource) => ({ id: resource.id, type: resource.type }));
  }

  /**
   * Runs `act` with a lease of its own, which ends with it and at the latest after a day. The act's outcome
   * counts: a lease that could not be deleted is logged, and left to `deleteOwed` or to expire.
   */
  async withLease<T>(
    labels: Readonly<Record<string, string>>,
    act: (leaseId: string) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    const id = await this.create({ labels, expireSeconds: WITH_LEASE_SECONDS }, options);
    try {
      return await act(id);
    } finally {
      // Without the caller's signal: it may be what ended the act.
      await this.#end(id);
    }
  }

  /** Deletes the leases of acts that ended while containerd was away; once it is back. */
  async deleteOwed(): Promise<void> {
    const owed = [...this.#owed];
    this.#owed.clear();
    await Promise.all(owed.map((id) => this.#end(id)));
  }

  async #end(id: string): Promise<void> {
    try {
      await this.delete(id, { timeoutMs: 10_000 });
    } catch (error) {
      if (isKind(error, 'notFound')) return;
      this.#owed.add(id);
      this.#log.warn({ lease: id, error: messageOf(error) }, 'could not delete a lease, which is tried again when containerd is back');
    }
  }

  #timeIn(seconds: number): string {
    const ms = Number(this.#clock.nowNs() / 1_000_000n) + seconds * 1000;
    return new Date(ms).toISOString();
  }
}
