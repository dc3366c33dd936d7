import { CodedError } from '../../../src/lib/errors.ts';
import type { CallOptions } from '../../../src/containerd/rpc.ts';
import type { Mount } from '../../../src/containerd/mount.ts';
import type { SnapshotInfo, SnapshotKind, Snapshots } from '../../../src/containerd/snapshots.ts';
import type { Public } from './fake-stores.ts';
import { find, holdUnder, mustBeNew } from './world.ts';
import type { World } from './world.ts';

export class FakeSnapshots implements Public<Snapshots> {
  readonly #world: World;
  readonly #snapshotter: string;

  constructor(world: World, snapshotter: string) {
    this.#world = world;
    this.#snapshotter = snapshotter;
  }

  async prepare(key: string, parent: string, labels = {}, options?: CallOptions): Promise<Mount[]> {
    await this.#world.faults.enter('snapshots.prepare', [key, parent, labels], options);
    return this.#make('active', key, parent, labels, options);
  }

  async view(key: string, parent: string, labels = {}, options?: CallOptions): Promise<Mount[]> {
    await this.#world.faults.enter('snapshots.view', [key, parent, labels], options);
    return this.#make('view', key, parent, labels, options);
  }

  async mounts(key: string, options?: CallOptions): Promise<Mount[]> {
    await this.#world.faults.enter('snapshots.mounts', [key], options);
    return mountsOf(find(this.#all, 'snapshot', key));
  }

  async commit(name: string, key: string, labels = {}, options?: CallOptions & { readonly parent?: string }): Promise<void> {
    await this.#world.faults.enter('snapshots.commit', [name, key, labels], options);
    const { parent = find(this.#all, 'snapshot', key).parent } = options ?? {};
    if (parent !== '') find(this.#all, 'snapshot', parent);
    mustBeNew(this.#all, 'snapshot', name);
    this.#all.delete(key);
    this.#all.set(name, { name, parent, kind: 'committed', labels, createdAtNs: this.#world.nowNs() });
    holdUnder(this.#world, options?.lease, `snapshots/${this.#snapshotter} ${name}`);
  }

  async remove(key: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('snapshots.remove', [key], options);
    find(this.#all, 'snapshot', key);
    if ([...this.#all.values()].some(({ parent }) => parent === key)) {
      throw new CodedError('failedPrecondition', `remove snapshot "${key}": it has children`);
    }
    this.#all.delete(key);
  }

  async stat(key: string, options?: CallOptions): Promise<SnapshotInfo> {
    await this.#world.faults.enter('snapshots.stat', [key], options);
    return find(this.#all, 'snapshot', key);
  }

  async usage(key: string, options?: CallOptions) {
    await this.#world.faults.enter('snapshots.usage', [key], options);
    find(this.#all, 'snapshot', key);
    return { sizeBytes: 4096n, inodes: 1n };
  }

  async list(options?: CallOptions): Promise<SnapshotInfo[]> {
    await this.#world.faults.enter('snapshots.list', [], options);
    return [...this.#all.values()];
  }

  get #all(): Map<string, SnapshotInfo> {
    const found = this.#world.snapshots.get(this.#snapshotter);
    if (found === undefined) throw new CodedError('invalidArgument', `snapshotter not loaded: ${this.#snapshotter}`);
    return found;
  }

  #make(kind: SnapshotKind, key: string, parent: string, labels: Readonly<Record<string, string>>, options?: CallOptions): Mount[] {
    mustBeNew(this.#all, 'snapshot', key);
    const layer = labels['containerd.io/snapshot.ref'] ?? '';
    if (this.#all.has(layer)) {
      holdUnder(this.#world, options?.lease, `snapshots/${this.#snapshotter} ${layer}`);
      throw new CodedError('alreadyExists', `target snapshot "${layer}": already exists`);
    }
    if (parent !== '' && find(this.#all, 'snapshot', parent).kind !== 'committed') {
      throw new CodedError('invalidArgument', `parent "${parent}" is not a committed snapshot`);
    }
    const info: SnapshotInfo = { name: key, parent, kind, labels, createdAtNs: this.#world.nowNs() };
    this.#all.set(key, info);
    holdUnder(this.#world, options?.lease, `snapshots/${this.#snapshotter} ${key}`);
    return mountsOf(info);
  }
}

function mountsOf(info: SnapshotInfo): Mount[] {
  if (info.kind === 'committed') throw new CodedError('failedPrecondition', `snapshot "${info.name}" is committed`);
  const mode = info.kind === 'view' ? 'ro' : 'rw';
  return [{ type: 'overlay', source: 'overlay', target: '', options: [mode, `workdir=/fake/snapshots/${info.name}`] }];
}
