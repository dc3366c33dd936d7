import type { Descriptor, TransferProgress } from './ports.ts';

interface Download {
  bytes: bigint;
  started: boolean;
}

/**
 * What one pull has moved and since when it stands still. Time counts against a pull only while it waits for the
 * registry: from the first request until all that it knows of is here; unpacking a large layer takes what it takes.
 */
export class PullProgress {
  readonly #downloads = new Map<string, Download>();
  #bytes = 0n;
  readonly #fetched = new Set<string>();
  readonly #present = new Set<string>();
  #lastMoveMs: number;
  #resolved = false;
  #target: Descriptor | undefined;
  #unpacking = false;
  #saved: Descriptor | undefined;

  constructor(nowMs: number) {
    this.#lastMoveMs = nowMs;
  }

  /** Takes in one line of containerd's progress. */
  observe({ event, name, progress, total, descriptor }: TransferProgress, nowMs: number): void {
    if (name === '') return; // "Resolving from …": a headline
    const wasIdle = !this.isWaiting;
    switch (event) {
      case 'fetching image content':
        this.#resolved = true;
        this.#target = descriptor;
        this.#lastMoveMs = nowMs;
        break;
      case 'waiting':
      case 'downloading':
        this.#download(name, progress, total, nowMs);
        break;
      case 'already exists':
        this.#present.add(name);
        this.#finish(name, undefined, nowMs);
        break;
      case 'complete':
        this.#finish(name, progress, nowMs);
        break;
      case 'extracting':
      case 'extracted':
        // containerd looks three times a second: of a layer that came quicker this is the first word.
        this.#finish(name, total, nowMs);
        this.#unpacking = true;
        break;
      case 'saved':
        this.#saved = descriptor;
        break;
      default:
    }
    // A request that starts after a pause has its whole time.
    if (wasIdle && this.isWaiting) this.#lastMoveMs = nowMs;
  }

  /** Bytes from the registry so far. */
  get bytes(): bigint {
    return this.#bytes;
  }

  /** How many blobs came from the registry. */
  get blobs(): number {
    return this.#fetched.size;
  }

  /** How many were here before. */
  get present(): number {
    return this.#present.size;
  }

  /** Whether containerd unpacked anything, as it then does with all of it. */
  get isUnpacking(): boolean {
    return this.#unpacking;
  }

  /** What the registry says the name stands for; undefined before it has. */
  get target(): Descriptor | undefined {
    return this.#target;
  }

  /** What the record that it ended with stands for; undefined before, and where the word was missed. */
  get saved(): Descriptor | undefined {
    return this.#saved;
  }

  /** When a byte came last, or something else that shows life. */
  get lastMoveMs(): number {
    return this.#lastMoveMs;
  }

  /** How many downloads are known and not done. */
  get open(): number {
    return this.#downloads.size;
  }

  /** Whether the registry is to answer something. */
  get isWaiting(): boolean {
    return !this.#resolved || this.#downloads.size > 0;
  }

  /**
   * Whether everything known still stands in a queue: containerd limits downloads over all pulls and fetches a
   * blob that two pulls need once, so another pull's progress is progress for this one too.
   */
  get isQueued(): boolean {
    return this.#resolved && [...this.#downloads.values()].every((download) => !download.started);
  }

  #download(name: string, progress: bigint, total: bigint, nowMs: number): void {
    const download = this.#downloads.get(name) ?? { bytes: 0n, started: false };
    this.#downloads.set(name, download);
    if (progress > download.bytes) {
      this.#fetched.add(name);
      this.#bytes += progress - download.bytes;
      download.bytes = progress;
      download.started = true;
      this.#lastMoveMs = nowMs;
    }
    // All here, and only to be written down.
    if (total > 0n && progress >= total) this.#finish(name, undefined, nowMs);
  }

  #finish(name: string, size: bigint | undefined, nowMs: number): void {
    const download = this.#downloads.get(name);
    if (download === undefined) return;
    if (size !== undefined) this.#fetched.add(name);
    if (size !== undefined && size > download.bytes) this.#bytes += size - download.bytes;
    this.#downloads.delete(name);
    this.#lastMoveMs = nowMs;
  }
}

/**
 * How long a pull has stood still, in ms; 0 while it doesn't wait for the registry. `othersMoveMs` is when another
 * pull last moved, which excuses one that is queued.
 */
export function stalledMs(pull: PullProgress, nowMs: number, othersMoveMs: number): number {
  if (!pull.isWaiting) return 0;
  const since = pull.isQueued ? Math.max(pull.lastMoveMs, othersMoveMs) : pull.lastMoveMs;
  return Math.max(0, nowMs - since);
}
