import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../../../src/lib/errors.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import type {
  CallOptions,
  ContentInfo,
  ContentStore,
  Descriptor,
  Diff,
  Introspection,
  ImageRecord,
  ImageRecords,
  Leases,
  Mount,
  Platform,
  Snapshots,
  Transfer,
  TransferPullOptions,
} from '../../../src/image/ports.ts';

export const amd64: Platform = { os: 'linux', architecture: 'amd64' };
export const arm64: Platform = { os: 'linux', architecture: 'arm64' };

export function sha256(text: string | Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Blobs in memory, with makers of images. */
export class FakeContent implements ContentStore {
  readonly blobs = new Map<string, Buffer>();
  readonly reads: string[] = [];
  readonly labels = new Map<string, Readonly<Record<string, string>>>();

  async updateLabels(digest: string, labels: Readonly<Record<string, string>>): Promise<void> {
    this.labels.set(digest, { ...this.labels.get(digest), ...labels });
  }

  async read(digest: string): Promise<Buffer> {
    this.reads.push(digest);
    const blob = this.blobs.get(digest);
    if (blob === undefined) throw new CodedError('notFound', `content ${digest}: not found`);
    return blob;
  }

  async list(_filters: readonly string[], onInfo: (info: ContentInfo) => void): Promise<void> {
    for (const [digest, blob] of this.blobs) onInfo({ digest, size: BigInt(blob.length) });
  }

  put(value: unknown): Descriptor {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType: 'application/octet-stream', digest, size: BigInt(bytes.length), annotations: {} };
  }

  /** An image of one layer; what differs goes into `config`. */
  image(options: {
    config?: object;
    platform?: Platform | null;
    annotations?: Record<string, string>;
    layerBytes?: number;
    /** What the layers are uncompressed, from the lowest up. */
    layers?: readonly string[];
  } = {}): Descriptor {
    const platform = options.platform === undefined ? amd64 : options.platform;
    const layers = options.layers ?? ['layer'];
    const config = this.put({
      ...platform,
      config: options.config ?? {},
      rootfs: { type: 'layers', diff_ids: layers.map((text) => sha256(text)) },
    });
    return this.put({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: Number(config.size) },
      layers: layers.map((text) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: sha256(`gz ${text}`),
        size: options.layerBytes ?? 1000,
      })),
      annotations: options.annotations ?? {},
    });
  }

  index(entries: readonly { target: Descriptor; platform?: Platform }[]): Descriptor {
    const manifests = entries.map(({ target, platform }) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: target.digest,
      size: Number(target.size),
      ...(platform && { platform }),
    }));
    return this.put({ schemaVersion: 2, manifests });
  }
}

export class FakeRecords implements ImageRecords {
  readonly byName = new Map<string, ImageRecord>();
  readonly deletes: { name: string; sync: boolean }[] = [];
  /** Called before each call, to fail or to delay it. */
  before: (method: 'get' | 'list' | 'create' | 'update' | 'delete', name: string) => Promise<void> | void = () => {};

  async get(name: string): Promise<ImageRecord> {
    await this.before('get', name);
    const record = this.byName.get(name);
    if (record === undefined) throw new CodedError('notFound', `image ${name}: not found`);
    return record;
  }

  async list(): Promise<ImageRecord[]> {
    const records = [...this.byName.values()];
    await this.before('list', '');
    return records;
  }

  async create(record: ImageRecord): Promise<void> {
    await this.before('create', record.name);
    if (this.byName.has(record.name)) throw new CodedError('alreadyExists', `image ${record.name}: already exists`);
    this.byName.set(record.name, record);
  }

  async update(record: ImageRecord, fieldPaths: readonly string[]): Promise<void> {
    await this.before('update', record.name);
    const old = this.byName.get(record.name);
    if (old === undefined) throw new CodedError('notFound', `image ${record.name}: not found`);
    const labels = { ...old.labels };
    for (const path of fieldPaths) {
      if (!path.startsWith('labels.')) continue;
      const label = path.slice('labels.'.length);
      const value = record.labels[label];
      if (value !== undefined) labels[label] = value;
    }
    this.byName.set(record.name, { ...old, labels, target: fieldPaths.includes('target') ? record.target : old.target });
  }

  async delete(name: string, options: CallOptions & { readonly sync?: boolean } = {}): Promise<void> {
    await this.before('delete', name);
    this.deletes.push({ name, sync: options.sync ?? false });
    if (!this.byName.delete(name)) throw new CodedError('notFound', `image ${name}: not found`);
  }
}

export class FakeLeases implements Leases {
  open = 0;
  made = 0;
  /** How long the end of a lease takes. */
  ending: Promise<void> = Promise.resolve();

  async withLease<T>(_labels: Readonly<Record<string, string>>, act: (leaseId: string) => Promise<T>): Promise<T> {
    this.open += 1;
    this.made += 1;
    try {
      return await act(`lease-${this.made}`);
    } finally {
      await this.ending;
      this.open -= 1;
    }
  }
}

/** Committed snapshots by name. */
export class FakeSnapshots implements Snapshots {
  readonly committed = new Map<string, { sizeBytes: bigint; inodes: bigint }>();
  readonly views = new Set<string>();
  /** Writable ones with what they stand on. */
  readonly active = new Map<string, string>();
  /** What committed ones stand on, of those that were made here. */
  readonly parents = new Map<string, string>();
  /** What was found to be there when room was asked for it, and so held by the caller's lease. */
  readonly claimed: string[] = [];
  /** Where the files of writable ones are; made only where it is set. */
  folder: string | undefined;
  viewsMade = 0;
  usages = 0;

  async view(key: string, parent: string) {
    if (!this.committed.has(parent)) throw new CodedError('notFound', `snapshot ${parent}: not found`);
    this.views.add(key);
    this.viewsMade += 1;
    return [{ type: 'overlay', source: 'overlay', target: '', options: ['ro', 'lowerdir=/a:/b'] }];
  }

  async prepare(key: string, parent: string, labels: Readonly<Record<string, string>> = {}): Promise<Mount[]> {
    if (parent !== '' && !this.committed.has(parent)) throw new CodedError('notFound', `snapshot ${parent}: not found`);
    const wanted = labels['containerd.io/snapshot.ref'] ?? '';
    if (this.committed.has(wanted)) {
      this.claimed.push(wanted);
      throw new CodedError('alreadyExists', `target snapshot ${wanted}: already exists`);
    }
    this.active.set(key, parent);
    const source = path.join(this.folder ?? '/snapshots', key);
    if (this.folder !== undefined) await mkdir(source);
    if (parent === '') return [{ type: 'bind', source, target: '', options: ['rw'] }];
    return [{ type: 'overlay', source: 'overlay', target: '', options: [`upperdir=${source}`, `lowerdir=/layers/${parent}`] }];
  }

  async commit(name: string, key: string, _labels?: Readonly<Record<string, string>>, options: { readonly parent?: string } = {}): Promise<void> {
    if (this.committed.has(name)) throw new CodedError('alreadyExists', `snapshot ${name}: already exists`);
    const parent = options.parent ?? this.active.get(key) ?? '';
    if (parent !== '' && !this.committed.has(parent)) throw new CodedError('notFound', `parent snapshot ${parent}: not found`);
    this.parents.set(name, parent);
    this.active.delete(key);
    this.committed.set(name, { sizeBytes: 1n, inodes: 1n });
  }

  async remove(key: string): Promise<void> {
    this.views.delete(key);
    this.active.delete(key);
  }

  async usage(key: string) {
    this.usages += 1;
    const usage = this.committed.get(key);
    if (usage === undefined) throw new CodedError('notFound', `snapshot ${key}: not found`);
    return usage;
  }

  async stat(key: string) {
    if (!this.committed.has(key)) throw new CodedError('notFound', `snapshot ${key}: not found`);
    return { name: key, kind: 'committed' as const };
  }

  async list() {
    const committed = [...this.committed.keys()].map((name) => ({ name, kind: 'committed' as const }));
    return [...committed, { name: 'container', kind: 'active' as const }];
  }
}

/** Unpacks a blob `gz x`, as FakeContent makes them, into the layer `x`. */
export class FakeDiff implements Diff {
  readonly applied: string[] = [];
  /** What each blob, by its digest, was unpacked over. */
  readonly over = new Map<string, readonly Mount[]>();
  /** How many are being unpacked now, and were at most. */
  running = 0;
  most = 0;
  /** Called while a blob is being unpacked. */
  during: (layer: Descriptor, mounts: readonly Mount[], options?: CallOptions) => Promise<void> | void = () => {};
  readonly #diffIds = new Map<string, string>();

  constructor(layers: readonly string[]) {
    for (const text of layers) this.#diffIds.set(sha256(`gz ${text}`), sha256(text));
  }

  async apply(layer: Descriptor, mounts: readonly Mount[], options?: CallOptions): Promise<Descriptor> {
    const digest = this.#diffIds.get(layer.digest);
    if (digest === undefined) throw new CodedError('notFound', `content ${layer.digest}: not found`);
    this.applied.push(digest);
    this.over.set(layer.digest, mounts);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    try {
      await this.during(layer, mounts, options);
    } finally {
      this.running -= 1;
    }
    return { ...layer, digest };
  }
}

/** A containerd with one snapshotter, and what that can do. */
export class FakeIntrospection implements Introspection {
  capabilities: readonly string[] = [];

  async plugins() {
    return [{ id: 'overlayfs', capabilities: this.capabilities }];
  }
}

/** A registry of references → images; each pull runs `during` and then makes the record. */
export class FakeTransfer implements Transfer {
  readonly pulls: TransferPullOptions[] = [];
  readonly images = new Map<string, Descriptor>();
  readonly #records: FakeRecords;
  during: (options: TransferPullOptions) => Promise<void> | void = () => {};
  /** Whether the last line of its progress comes through. */
  saysSaved = true;
  /** How long it takes from there to its end. */
  ending: Promise<void> = Promise.resolve();

  constructor(records: FakeRecords) {
    this.#records = records;
  }

  async pull(options: TransferPullOptions): Promise<void> {
    this.pulls.push(options);
    await this.during(options);
    const target = this.images.get(options.reference);
    if (target === undefined) throw new CodedError('notFound', `failed to resolve image: ${options.reference}: not found`);
    await this.#records.create({ name: options.imageName, labels: options.imageLabels, target });
    if (this.saysSaved) options.onProgress?.({ event: 'saved', name: options.imageName, progress: 0n, total: 0n, descriptor: target });
    await this.ending;
  }
}

/** Rejects when the signal aborts, and never resolves. */
export function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new CodedError('canceled', 'context canceled'));
    if (signal?.aborted === true) fail();
    else signal?.addEventListener('abort', fail, { once: true });
  });
}

/** Time that goes on only by `advance`. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<{ atMs: number; wake: () => void }>();

  nowNs(): bigint {
    return BigInt(this.#nowMs) * 1_000_000n;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(new Error('aborted'));
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { atMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Moves on and lets what was due run to its next wait. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.atMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settle();
  }
}

/** Lets everything run that waits for nothing but promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
