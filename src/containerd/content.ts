import type { ContentDefinition } from '../types/containerd/containerd/services/content/v1/Content.ts';
import type { Info__Output } from '../types/containerd/containerd/services/content/v1/Info.ts';
import { CodedError } from '../lib/errors.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

/** A blob of the content store; `size` in bytes. */
export interface ContentInfo {
  readonly digest: string;
  readonly size: bigint;
  readonly createdAtNs: bigint;
  readonly labels: Readonly<Record<string, string>>;
}

// Registries keep manifests to 4 MiB and containerd itself reads no more than 8 MiB of one.
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/** containerd's blobs by digest. */
export class Content {
  readonly #rpc: Rpc;
  readonly #methods: ContentDefinition;

  constructor(rpc: Rpc, methods: ContentDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** What is known of a blob, or `notFound`. */
  async info(digest: string, options?: CallOptions): Promise<ContentInfo> {
    const what = `get content "${digest}"`;
    return toInfo((await this.#rpc.unary(this.#methods.Info, { digest }, what, options)).info, what);
  }

  /** A small blob whole; `notFound` without it, `resourceExhausted` above `maxBytes` (8 MiB). */
  async read(digest: string, options?: CallOptions & { readonly maxBytes?: number }): Promise<Buffer> {
    const what = `read content "${digest}"`;
    const maxBytes = options?.maxBytes ?? DEFAULT_MAX_BYTES;
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const { data } of this.#rpc.stream(this.#methods.Read, { digest }, what, options)) {
      length += data.length;
      if (length > maxBytes) throw new CodedError('resourceExhausted', `${what}: it has more than ${maxBytes} bytes`);
      pieces.push(data);
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length);
  }

  /** Tells of each blob that any of the filters matches, of all without one. */
  async list(
    filters: readonly string[],
    onInfo: (info: ContentInfo) => void,
    options?: CallOptions,
  ): Promise<void> {
    const what = 'list content';
    for await (const { info } of this.#rpc.stream(this.#methods.List, { filters: [...filters] }, what, options)) {
      for (const each of info) onInfo(toInfo(each, what));
    }
  }

  /** Sets labels of a blob, removing those whose value is empty; other labels stay. */
  async updateLabels(
    digest: string,
    labels: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<ContentInfo> {
    const what = `label content "${digest}"`;
    const request = {
      info: { digest, labels: { ...labels } },
      updateMask: { paths: Object.keys(labels).map((name) => `labels.${name}`) },
    };
    return toInfo((await this.#rpc.unary(this.#methods.Update, request, what, options)).info, what);
  }

  /** Removes a blob, referenced or not; `notFound` without it. */
  async delete(digest: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Delete, { digest }, `delete content "${digest}"`, options);
  }
}

function toInfo(info: Info__Output | null, what: string): ContentInfo {
  if (info === null) throw new CodedError('internal', `${what}: containerd answered without a blob`);
  return { digest: info.digest, size: BigInt(info.size), createdAtNs: toNs(info.createdAt), labels: info.labels };
}
