import { createHash } from 'node:crypto';
import { CodedError } from '../../../src/lib/errors.ts';
import type { CallOptions } from '../../../src/containerd/rpc.ts';
import type { Content, ContentInfo } from '../../../src/containerd/content.ts';
import type { ImageRecord, Images, NewImage } from '../../../src/containerd/images.ts';
import type { Transfer, TransferPullOptions } from '../../../src/containerd/transfer.ts';
import { fieldsOf, matches } from './filters.ts';
import { merged } from './fake-stores.ts';
import type { Public } from './fake-stores.ts';
import { collectGarbage, find, holdUnder, mustBeNew } from './world.ts';
import type { World } from './world.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export class FakeImages implements Public<Images> {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async get(name: string, options?: CallOptions): Promise<ImageRecord> {
    await this.#world.faults.enter('images.get', [name], options);
    return find(this.#world.images, 'image', name);
  }

  async list(filters: readonly string[] = [], options?: CallOptions): Promise<ImageRecord[]> {
    await this.#world.faults.enter('images.list', [filters], options);
    return [...this.#world.images.values()].filter(({ name, labels }) => matches(filters, fieldsOf({ name, labels })));
  }

  async create(image: NewImage, options?: CallOptions): Promise<ImageRecord> {
    await this.#world.faults.enter('images.create', [image], options);
    mustBeNew(this.#world.images, 'image', image.name);
    const nowNs = this.#world.nowNs();
    const record = { ...image, createdAtNs: nowNs, updatedAtNs: nowNs };
    this.#world.images.set(image.name, record);
    this.#world.emit({ topic: '/images/create', type: 'imageCreate', name: image.name });
    return record;
  }

  async update(image: NewImage, fieldPaths: readonly string[] = [], options?: CallOptions): Promise<ImageRecord> {
    await this.#world.faults.enter('images.update', [image, fieldPaths], options);
    let record = find(this.#world.images, 'image', image.name);
    for (const path of fieldPaths.length > 0 ? fieldPaths : ['labels', 'target']) {
      if (path === 'target') record = { ...record, target: image.target };
      else if (path === 'labels') record = { ...record, labels: { ...image.labels } };
      else if (path.startsWith('labels.')) record = { ...record, labels: merged(record.labels, image.labels, path.slice(7)) };
      else throw new CodedError('invalidArgument', `cannot update field "${path}" of image "${image.name}"`);
    }
    record = { ...record, updatedAtNs: this.#world.nowNs() };
    this.#world.images.set(image.name, record);
    this.#world.emit({ topic: '/images/update', type: 'imageUpdate', name: image.name });
    return record;
  }

  async delete(name: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void> {
    await this.#world.faults.enter('images.delete', [name], options);
    find(this.#world.images, 'image', name);
    this.#world.images.delete(name);
    this.#world.emit({ topic: '/images/delete', type: 'imageDelete', name });
    if (options?.sync) collectGarbage(this.#world);
  }
}

export class FakeContent implements Public<Content> {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async info(digest: string, options?: CallOptions): Promise<ContentInfo> {
    await this.#world.faults.enter('content.info', [digest], options);
    return find(this.#world.content, 'content', digest).info;
  }

  async read(digest: string, options?: CallOptions & { readonly maxBytes?: number }): Promise<Buffer> {
    await this.#world.faults.enter('content.read', [digest], options);
    const { data } = find(this.#world.content, 'content', digest);
    if (data.length > (options?.maxBytes ?? Infinity)) {
      throw new CodedError('resourceExhausted', `content "${digest}" has more than ${options?.maxBytes} bytes`);
    }
    return data;
  }

  async list(filters: readonly string[], onInfo: (info: ContentInfo) => void, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('content.list', [filters], options);
    for (const { info } of this.#world.content.values()) {
      if (matches(filters, fieldsOf({ digest: info.digest, labels: info.labels }))) onInfo(info);
    }
  }

  async updateLabels(digest: string, labels: Readonly<Record<string, string>>, options?: CallOptions): Promise<ContentInfo> {
    await this.#world.faults.enter('content.updateLabels', [digest, labels], options);
    const { info, data } = find(this.#world.content, 'content', digest);
    const kept = Object.entries({ ...info.labels, ...labels }).filter(([, value]) => value !== '');
    const updated = { ...info, labels: Object.fromEntries(kept) };
    this.#world.content.set(digest, { info: updated, data });
    return updated;
  }

  async delete(digest: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('content.delete', [digest], options);
    find(this.#world.content, 'content', digest);
    this.#world.content.delete(digest);
  }
}

/** An image that a fake containerd can pull: one layer, of one platform. */
export interface PullableImage {
  readonly os?: string;
  readonly architecture?: string;
  /** The `config` object of the image configuration. */
  readonly config?: object;
  /** Tells two images apart that are otherwise alike. */
  readonly layer?: string;
}

export class FakeTransfer implements Public<Transfer> {
  readonly #world: World;
  readonly #images: FakeImages;
  readonly #pullable = new Map<string, PullableImage>();

  constructor(world: World, images: FakeImages) {
    this.#world = world;
    this.#images = images;
  }

  /** Lets `reference` be pulled from now on. */
  publish(reference: string, image: PullableImage = {}): void {
    this.#pullable.set(reference, image);
  }

  async pull(options: TransferPullOptions): Promise<void> {
    await this.#world.faults.enter('transfer.pull', [options], options);
    const { os = 'linux', architecture = 'amd64', config = {}, layer = '' } = find(this.#pullable, 'image', options.reference);
    const { lease } = options;
    const diffId = digestOf(Buffer.from(`unpacked ${layer}`));
    const layerBlob = this.#store(Buffer.from(`packed ${layer}`), lease);
    const configJson = JSON.stringify({ os, architecture, config, rootfs: { type: 'layers', diff_ids: [diffId] } });
    const configBlob = this.#store(Buffer.from(configJson), lease);
    const descriptor = (mediaType: string, digest: string) => ({ mediaType, digest, size: this.#sizeOf(digest) });
    const manifest = this.#store(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST,
          config: descriptor('application/vnd.oci.image.config.v1+json', configBlob),
          layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layerBlob)],
        }),
      ),
      lease,
    );
    this.#world.references.set(manifest, { blobs: [configBlob, layerBlob], chainId: diffId });
    const snapshots = this.#world.snapshots.get(options.snapshotter ?? '');
    const info = { name: diffId, parent: '', kind: 'committed', labels: {}, createdAtNs: this.#world.nowNs() } as const;
    if (!snapshots?.has(diffId)) snapshots?.set(diffId, info);
    const target = { mediaType: MANIFEST, digest: manifest, size: BigInt(this.#sizeOf(manifest)), annotations: {} };
    const record = { name: options.imageName, labels: options.imageLabels, target };
    if (this.#world.images.has(record.name)) await this.#images.update(record);
    else await this.#images.create(record);
  }

  #sizeOf(digest: string): number {
    return Number(find(this.#world.content, 'content', digest).info.size);
  }

  #store(data: Buffer, lease: string | undefined): string {
    const digest = digestOf(data);
    const info = { digest, size: BigInt(data.length), createdAtNs: this.#world.nowNs(), labels: {} };
    this.#world.content.set(digest, { info, data });
    holdUnder(this.#world, lease, `content ${digest}`);
    this.#world.emit({ topic: '/content/create', type: 'contentCreate', digest });
    return digest;
  }
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
