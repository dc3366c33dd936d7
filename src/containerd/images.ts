import type { Image__Output } from '../types/containerd/containerd/services/images/v1/Image.ts';
import type { ImagesDefinition } from '../types/containerd/containerd/services/images/v1/Images.ts';
import { CodedError } from '../lib/errors.ts';
import { fromWireDescriptor, toWireDescriptor } from './descriptor.ts';
import type { Descriptor } from './descriptor.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

/** A name for an index or a manifest, with labels. */
export interface NewImage {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: Descriptor;
}

/** An image record as containerd keeps it. */
export interface ImageRecord extends NewImage {
  readonly createdAtNs: bigint;
  readonly updatedAtNs: bigint;
}

/** containerd's image records. */
export class Images {
  readonly #rpc: Rpc;
  readonly #methods: ImagesDefinition;

  constructor(rpc: Rpc, methods: ImagesDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** The record of a name, or `notFound`. */
  async get(name: string, options?: CallOptions): Promise<ImageRecord> {
    const what = `get image record "${name}"`;
    return toRecord((await this.#rpc.unary(this.#methods.Get, { name }, what, options)).image, what);
  }

  /** The records that any of the filters matches, all without one. */
  async list(filters: readonly string[] = [], options?: CallOptions): Promise<ImageRecord[]> {
    const what = 'list image records';
    const { images } = await this.#rpc.unary(this.#methods.List, { filters: [...filters] }, what, options);
    return images.map((image) => toRecord(image, what));
  }

  /** Makes a record; `alreadyExists` for a known name. */
  async create(image: NewImage, options?: CallOptions): Promise<ImageRecord> {
    const what = `create image record "${image.name}"`;
    const answer = await this.#rpc.unary(this.#methods.Create, { image: toWire(image) }, what, options);
    return toRecord(answer.image, what);
  }

  /** Changes the named fields (`target`, `labels`, `labels.KEY`), all without one; `notFound` without the name. */
  async update(image: NewImage, fieldPaths: readonly string[] = [], options?: CallOptions): Promise<ImageRecord> {
    const what = `update image record "${image.name}"`;
    const request = { image: toWire(image), updateMask: fieldPaths.length > 0 ? { paths: [...fieldPaths] } : null };
    return toRecord((await this.#rpc.unary(this.#methods.Update, request, what, options)).image, what);
  }

  /** Removes a name; with `sync` answers only after the garbage collector has removed what it alone held. */
  async delete(name: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void> {
    const request = { name, sync: options?.sync ?? false };
    await this.#rpc.unary(this.#methods.Delete, request, `delete image record "${name}"`, options);
  }
}

function toWire(image: NewImage) {
  return { name: image.name, labels: { ...image.labels }, target: toWireDescriptor(image.target) };
}

function toRecord(image: Image__Output | null, what: string): ImageRecord {
  if (image === null) throw new CodedError('internal', `${what}: containerd answered without a record`);
  return {
    name: image.name,
    labels: image.labels,
    target: fromWireDescriptor(image.target),
    createdAtNs: toNs(image.createdAt),
    updatedAtNs: toNs(image.updatedAt),
  };
}
