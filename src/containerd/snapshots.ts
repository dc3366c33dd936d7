import type { Info__Output } from '../types/containerd/containerd/services/snapshots/v1/Info.ts';
import type { Mount__Output } from '../types/containerd/containerd/types/Mount.ts';
import type { SnapshotsDefinition } from '../types/containerd/containerd/services/snapshots/v1/Snapshots.ts';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import type { FirstAlone } from '../lib/first-alone.ts';
import type { Mount } from './mount.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

export type SnapshotKind = 'view' | 'active' | 'committed' | 'unknown';

/** A snapshot: `active` is writable, `view` read-only, `committed` a layer that others stand on. */
export interface SnapshotInfo {
  readonly name: string;
  readonly parent: string;
  readonly kind: SnapshotKind;
  readonly createdAtNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Record<Info__Output['kind'], SnapshotKind>> = {
  UNKNOWN: 'unknown',
  VIEW: 'view',
  ACTIVE: 'active',
  COMMITTED: 'committed',
};

/** How containerd says, as UNKNOWN, that a snapshot's folder is there already; file systems have two words for it. */
const placeTaken = /\brename\b.*: (?:file exists|directory not empty)\b/;

export interface SnapshotsParts {
  readonly rpc: Rpc;
  readonly methods: SnapshotsDefinition;
  readonly snapshotter: string;
  /** What the snapshots that are made with this connection to containerd wait for. */
  readonly firstAlone: () => FirstAlone;
}

/** The snapshots of one of containerd's snapshotters. */
export class Snapshots {
  readonly #rpc: Rpc;
  readonly #methods: SnapshotsDefinition;
  readonly #snapshotter: string;
  readonly #firstAlone: () => FirstAlone;

  constructor({ rpc, methods, snapshotter, firstAlone }: SnapshotsParts) {
    this.#rpc = rpc;
    this.#methods = methods;
    this.#snapshotter = snapshotter;
    this.#firstAlone = firstAlone;
  }

  /**
   * Makes a writable snapshot on a committed one ('' for none) and gives what to mount. Without a lease or a
   * container record that names it, it is garbage from its first moment.
   */
  async prepare(
    key: string,
    parent: string,
    labels: Readonly<Record<string, string>> = {},
    options?: CallOptions,
  ): Promise<Mount[]> {
    const request = { snapshotter: this.#snapshotter, key, parent, labels };
    const what = `prepare ${this.#nameOf(key)} on "${parent}"`;
    return this.#make(what, () => this.#rpc.unary(this.#methods.Prepare, request, what, options), options);
  }

  /** As `prepare`, read-only. */
  async view(
    key: string,
    parent: string,
    labels: Readonly<Record<string, string>> = {},
    options?: CallOptions,
  ): Promise<Mount[]> {
    const request = { snapshotter: this.#snapshotter, key, parent, labels };
    const what = `view ${this.#nameOf(key)} on "${parent}"`;
    return this.#make(what, () => this.#rpc.unary(this.#methods.View, request, what, options), options);
  }

  /** What to mount for a snapshot made before; `notFound` without it. */
  async mounts(key: string, options?: CallOptions): Promise<Mount[]> {
    const request = { snapshotter: this.#snapshotter, key };
    const what = `get the mounts of ${this.#nameOf(key)}`;
    return toMounts((await this.#rpc.unary(this.#methods.Mounts, request, what, options)).mounts);
  }

  /**
   * Freezes the writable snapshot `key` as the layer `name`, under which others can stand on it; `key` is gone then.
   * `alreadyExists` where there is a layer of that name. A snapshot that was prepared on nothing is put on the layer
   * `parent`, where that is given and the snapshotter has the capability `rebase`; another leaves it out silently.
   */
  async commit(
    name: string,
    key: string,
    labels: Readonly<Record<string, string>> = {},
    { parent = '', ...options }: CallOptions & { readonly parent?: string } = {},
  ): Promise<void> {
    const request = { snapshotter: this.#snapshotter, name, key, labels, parent };
    await this.#rpc.unary(this.#methods.Commit, request, `commit ${this.#nameOf(key)} as "${name}"`, options);
  }

  /** Removes a snapshot: `notFound` without it, `failedPrecondition` while others stand on it. */
  async remove(key: string, options?: CallOptions): Promise<void> {
    const request = { snapshotter: this.#snapshotter, key };
    await this.#rpc.unary(this.#methods.Remove, request, `remove ${this.#nameOf(key)}`, options);
  }

  /** What a snapshot is, or `notFound`. */
  async stat(key: string, options?: CallOptions): Promise<SnapshotInfo> {
    const request = { snapshotter: this.#snapshotter, key };
    const what = `stat ${this.#nameOf(key)}`;
    const { info } = await this.#rpc.unary(this.#methods.Stat, request, what, options);
    if (info === null) throw new CodedError('internal', `${what}: containerd answered without a snapshot`);
    return toInfo(info);
  }

  /** What a snapshot adds to its parent. Walks the disk for an active one: not within an RPC. */
  async usage(
    key: string,
    options?: CallOptions,
  ): Promise<{ readonly sizeBytes: bigint; readonly inodes: bigint }> {
    const request = { snapshotter: this.#snapshotter, key };
    const what = `measure ${this.#nameOf(key)}`;
    const { size, inodes } = await this.#rpc.unary(this.#methods.Usage, request, what, options);
    return { sizeBytes: BigInt(size), inodes: BigInt(inodes) };
  }

  /** Every snapshot of this snapshotter in the namespace. */
  async list(options?: CallOptions): Promise<SnapshotInfo[]> {
    const request = { snapshotter: this.#snapshotter };
    const infos: SnapshotInfo[] = [];
    for await (const { info } of this.#rpc.stream(
      this.#methods.List,
      request,
      `list snapshots of ${this.#snapshotter}`,
      options,
    )) {
      for (const each of info) infos.push(toInfo(each));
    }
    return infos;
  }

  /**
   * A containerd that ended while it made a snapshot may have left its folder without having noted it. Its successor
   * fails to make the next one in that place, takes the folder away as it fails, and may take away with it what another
   * call has just made there: so it is tried again, and none is made beside the first.
   */
  async #make(what: string, act: () => Promise<{ readonly mounts: Mount__Output[] }>, options: CallOptions = {}): Promise<Mount[]> {
    const { mounts } = await this.#firstAlone().run(options.signal, what, async () => {
      try {
        return await act();
      } catch (error) {
        if (!isKind(error, 'unknown') || !placeTaken.test(messageOf(error))) throw error;
        return act();
      }
    });
    return toMounts(mounts);
  }

  #nameOf(key: string): string {
    return `${this.#snapshotter} snapshot "${key}"`;
  }
}

function toMounts(mounts: Mount__Output[]): Mount[] {
  return mounts.map(({ type, source, target, options }) => ({ type, source, target, options }));
}

function toInfo(info: Info__Output): SnapshotInfo {
  return {
    name: info.name,
    parent: info.parent,
    kind: KINDS[info.kind] ?? 'unknown',
    createdAtNs: toNs(info.createdAt),
    labels: info.labels,
  };
}
