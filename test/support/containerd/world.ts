import { CodedError } from '../../../src/lib/errors.ts';
import type { ContainerdEvent } from '../../../src/containerd/event.ts';
import type { ContainerRecord } from '../../../src/containerd/containers.ts';
import type { ContentInfo } from '../../../src/containerd/content.ts';
import type { ImageRecord } from '../../../src/containerd/images.ts';
import type { SandboxEntry } from '../../../src/containerd/sandboxes.ts';
import type { SnapshotInfo } from '../../../src/containerd/snapshots.ts';
import { Faults } from './faults.ts';

/** Everything that a fake containerd holds, shared by its services. */
export interface World {
  readonly faults: Faults;
  readonly containers: Map<string, ContainerRecord>;
  readonly sandboxes: Map<string, SandboxEntry>;
  readonly images: Map<string, ImageRecord>;
  readonly content: Map<string, { readonly info: ContentInfo; readonly data: Buffer }>;
  /** By snapshotter and key. */
  readonly snapshots: Map<string, Map<string, SnapshotInfo>>;
  readonly leases: Map<string, FakeLease>;
  /** Which blobs a manifest needs, and which snapshot it unpacks to; as containerd's labels say it. */
  readonly references: Map<string, { readonly blobs: readonly string[]; readonly chainId: string }>;
  emit(event: Happening): void;
  nowNs(): bigint;
}

/** An event without what the fake adds. */
export type Happening = ContainerdEvent extends infer E ? (E extends ContainerdEvent ? Omit<E, 'atNs'> : never) : never;

export interface FakeLease {
  readonly labels: Readonly<Record<string, string>>;
  /** `snapshots/SNAPSHOTTER KEY` and `content DIGEST`. */
  readonly holds: Set<string>;
}

/** An empty world. */
export function emptyWorld(emit: (event: ContainerdEvent) => void): World {
  let nowNs = 1_700_000_000_000_000_000n;
  const world: World = {
    faults: new Faults(),
    containers: new Map(),
    sandboxes: new Map(),
    images: new Map(),
    content: new Map(),
    snapshots: new Map([['overlayfs', new Map()]]),
    leases: new Map(),
    references: new Map(),
    emit: (event) => emit({ ...event, atNs: world.nowNs() } as ContainerdEvent),
    nowNs: () => (nowNs += 1_000n),
  };
  return world;
}

/** The value of a key, or `notFound`. */
export function find<T>(map: ReadonlyMap<string, T>, what: string, key: string): T {
  const found = map.get(key);
  if (found === undefined) throw new CodedError('notFound', `${what} "${key}": not found`);
  return found;
}

/** Throws `alreadyExists` for a key that is there. */
export function mustBeNew(map: ReadonlyMap<string, unknown>, what: string, key: string): void {
  if (map.has(key)) throw new CodedError('alreadyExists', `${what} "${key}": already exists`);
}

/** Lets the lease that a call was made under hold something. */
export function holdUnder(world: World, lease: string | undefined, what: string): void {
  if (lease !== undefined) find(world.leases, 'lease', lease).holds.add(what);
}

/**
 * Removes what nothing refers to: snapshots that no container record, no lease, no image and no snapshot
 * above them names, and blobs that no image and no lease does.
 */
export function collectGarbage(world: World): void {
  const held = new Set([...world.leases.values()].flatMap((lease) => [...lease.holds]));
  const blobs = new Set<string>();
  const chains = new Set<string>();
  for (const image of world.images.values()) {
    blobs.add(image.target.digest);
    const references = world.references.get(image.target.digest);
    for (const digest of references?.blobs ?? []) blobs.add(digest);
    if (references !== undefined) chains.add(references.chainId);
  }
  for (const digest of world.content.keys()) {
    if (!blobs.has(digest) && !held.has(`content ${digest}`)) world.content.delete(digest);
  }
  const used = new Set([...world.containers.values()].map((record) => `snapshots/${record.snapshotter} ${record.snapshotKey}`));
  for (const [snapshotter, snapshots] of world.snapshots) {
    const keep = new Set<string>();
    for (const snapshot of snapshots.values()) {
      const name = `snapshots/${snapshotter} ${snapshot.name}`;
      if (!held.has(name) && !used.has(name) && !chains.has(snapshot.name)) continue;
      for (let key = snapshot.name; key !== ''; key = snapshots.get(key)?.parent ?? '') keep.add(key);
    }
    for (const key of snapshots.keys()) if (!keep.has(key)) snapshots.delete(key);
  }
}
