import { untilAborted } from '../lib/abort.ts';
import { deferred } from '../lib/deferred.ts';
import type { Deferred } from '../lib/deferred.ts';
import type { CallOptions, ContentStore, TransferProgress } from './ports.ts';

/**
 * The blobs of one pull as they come in: whoever needs one waits here until it is in the content store. containerd's
 * events say so at once; its progress says it again, up to 300 ms later, and is the only one to tell of those that were
 * there before.
 */
export class ArrivingContent {
  readonly #content: Pick<ContentStore, 'read'>;
  /** What is here, and whether it came just now. */
  readonly #here = new Map<string, boolean>();
  readonly #awaited = new Map<string, Deferred<void>>();
  readonly #read = new Map<string, Promise<Buffer>>();
  #isWhole = false;

  constructor(content: Pick<ContentStore, 'read'>) {
    this.#content = content;
  }

  /** Takes in that a blob has come into the content store. */
  arrived(digest: string): void {
    this.#isHere(digest, true);
  }

  /** Takes in one line of containerd's progress. */
  observe({ event, descriptor }: TransferProgress): void {
    if (event === 'saved') this.allArrived();
    else if (descriptor !== undefined && event === 'complete') this.#isHere(descriptor.digest, true);
    else if (descriptor !== undefined && event === 'already exists') this.#isHere(descriptor.digest, false);
  }

  /** Takes in that nothing more is to come. */
  allArrived(): void {
    this.#isWhole = true;
    for (const arrival of this.#awaited.values()) arrival.resolve();
    this.#awaited.clear();
  }

  /** Whether a blob is known to have come during this pull. */
  isNew(digest: string): boolean {
    return this.#here.get(digest) ?? false;
  }

  /** Resolves when a blob is here, or will not come any more; rejects when `signal` aborts before. */
  async whenHere(digest: string, signal?: AbortSignal): Promise<void> {
    if (this.#isWhole || this.#here.has(digest)) return;
    const arrival = this.#awaited.get(digest) ?? deferred();
    this.#awaited.set(digest, arrival);
    await untilAborted(arrival.promise, signal, `wait for content ${digest}`);
  }

  /** As ContentStore.read, of a small blob that may still be on its way; each is read once. */
  async read(digest: string, options: CallOptions = {}): Promise<Buffer> {
    const reading = this.#read.get(digest) ?? this.whenHere(digest, options.signal).then(() => this.#content.read(digest, options));
    this.#read.set(digest, reading);
    return reading;
  }

  #isHere(digest: string, isNew: boolean): void {
    if (this.#here.has(digest)) return;
    this.#here.set(digest, isNew);
    this.#awaited.get(digest)?.resolve();
    this.#awaited.delete(digest);
  }
}
