import { nothingMore } from '../lib/abort.ts';
import { ArrivingContent } from './arriving-content.ts';
import type { ImageStore } from './image-store.ts';
import type { ContentStore, Descriptor, TransferProgress } from './ports.ts';
import type { Unpacker } from './unpack.ts';

export interface UnpackAheadOptions {
  readonly content: Pick<ContentStore, 'read'>;
  readonly store: Pick<ImageStore, 'known' | 'details'>;
  readonly unpacker: Pick<Unpacker, 'isUnpacked' | 'unpackArriving'>;
  readonly snapshotter: string;
  /** Holds on to what comes in and to what is made of it. */
  readonly lease: string;
  readonly signal: AbortSignal;
}

/** The unpacking of an image while a transfer fetches it. */
export class UnpackAhead {
  readonly #options: UnpackAheadOptions;
  readonly #content: ArrivingContent;
  readonly #over = new AbortController();
  readonly #broken = new AbortController();
  #unpacked: Promise<string> | undefined;

  constructor(options: UnpackAheadOptions) {
    this.#options = options;
    this.#content = new ArrivingContent(options.content);
  }

  /** Aborts when a layer cannot be unpacked: what is not here yet need not come any more. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Takes in that a blob has come into the content store. */
  arrived(digest: string): void {
    this.#content.arrived(digest);
  }

  /** Takes in one line of the transfer's progress; `target` is what is pulled, once that is known. */
  observe(line: TransferProgress, target: Descriptor | undefined): void {
    this.#content.observe(line);
    if (target === undefined || this.#unpacked !== undefined) return;
    this.#unpacked = this.#unpack(target);
    this.#unpacked.catch((error: unknown) => this.#broken.abort(error));
  }

  /** Waits for the end, with all that is to come here, and answers the image's id; undefined where it did not begin. */
  async finish(): Promise<string | undefined> {
    this.#content.allArrived();
    return this.#unpacked;
  }

  /** Gives up what is not done. Resolves when nothing is at work any more; never rejects. */
  async stop(): Promise<void> {
    this.#over.abort(nothingMore);
    await Promise.allSettled([this.#unpacked]);
  }

  async #unpack(target: Descriptor): Promise<string> {
    const { store, unpacker, snapshotter, lease } = this.#options;
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, this.#over.signal, failed.signal]);
    // A tag that is pulled again mostly stands for what it did.
    const known = store.known(target);
    if (known !== undefined && (await unpacker.isUnpacked(known.chainId, snapshotter, { signal }))) return known.id;
    const details = store.details(target, { signal, content: this.#content });
    const unpacking = unpacker.unpackArriving(target, details, this.#content, snapshotter, { signal, lease });
    try {
      const [{ id }] = await Promise.all([details, unpacking]);
      return id;
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled([details, unpacking]);
      throw error;
    }
  }
}
