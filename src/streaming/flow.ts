import type { Readable, Writable } from 'node:stream';
import { InPlaceSocket } from '../io/in-place-socket.ts';
import { type Clock, isWithin } from '../lib/clock.ts';
import type { TerminalSize } from '../pod/ports.ts';
import type { Pacer } from './pacer.ts';
import type { TerminalSizes } from './remotecommand.ts';
import { SpdyStream } from './spdy/stream.ts';

/** Carries a process' output to its client, at the pace of the slower; a client that closes a stream misses the rest. */
export class OutputFlow {
  readonly #sink: Writable | undefined;
  readonly #pacer: Pacer;
  readonly #done: Promise<void>;
  #bytes = 0;
  #writes = 0;

  constructor(source: Readable | undefined, sink: Writable | undefined, pacer: Pacer) {
    this.#sink = sink;
    this.#pacer = pacer;
    this.#done = source === undefined ? Promise.resolve() : this.#carry(source);
  }

  /** Resolves when the source is at its end. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** How much has come so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it waits for the client. */
  get isBlocked(): boolean {
    return this.#writes > 0 || (this.#sink?.writableNeedDrain === true && !this.#sink.destroyed);
  }

  #carry(source: Readable): Promise<void> {
    if (source instanceof InPlaceSocket) this.#readInPlace(source);
    else this.#read(source);
    return new Promise((resolve) => {
      if (source.closed) resolve();
      source.once('end', resolve);
      source.once('close', resolve);
    });
  }

  #readInPlace(source: InPlaceSocket): void {
    const sink = this.#sink;
    let hasStopped = false;
    source.readInPlace((bytes, release, isFull) => {
      this.#bytes += bytes.length;
      if (!sink?.writable) {
        release();
        this.#pacer.resume(source);
        return false;
      }
      this.#writes++;
      sink.write(bytes, () => {
        this.#writes--;
        release();
        if (hasStopped && this.#writes === 0) this.#pacer.resume(source);
      });
      // Even a write that is done is told so only behind this; with another before it, the client is slower.
      hasStopped = !isFull || this.#writes > 1 || !this.#pacer.goesOn(source);
      return !hasStopped;
    });
  }

  #read(source: Readable): void {
    const sink = this.#sink;
    sink?.on('drain', () => source.resume());
    sink?.once('close', () => source.resume());
    source.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      if (sink?.writable && !sink.write(chunk)) source.pause();
    });
  }
}

/**
 * Waits until all output of an ended process has been carried on. A child that keeps a pipe open does not hold it up
 * for ever: when nothing has come for `quietMs`, and not because the client is slow, that was all.
 */
export async function drained(clock: Clock, flows: readonly OutputFlow[], quietMs: number): Promise<void> {
  const all = Promise.all(flows.map((flow) => flow.done));
  for (;;) {
    const before = total(flows);
    const isDone = await isWithin(clock, quietMs, all);
    if (isDone || (total(flows) === before && !flows.some((flow) => flow.isBlocked))) return;
  }
}

function total(flows: readonly OutputFlow[]): number {
  return flows.reduce((sum, flow) => sum + flow.bytes, 0);
}

/**
 * Carries a client's input to a process; the end of the one is the end of the other. What nobody reads any more is
 * taken and dropped, as it would hold up what else the client has to say.
 */
export function pumpInput(source: Readable | undefined, sink: Writable | undefined): void {
  if (source === undefined) {
    sink?.destroy();
    return;
  }
  if (sink === undefined || sink.destroyed) {
    source.resume();
    return;
  }
  join(source, sink);
  sink.once('close', () => source.resume());
  // Without an end the client has gone or reset the stream; more does not come then either.
  source.once('close', () => sink.end());
}

/** Carries all that comes into `sink`, its end included. */
export function join(source: Readable, sink: Writable): void {
  if (source instanceof SpdyStream) source.carryTo(sink);
  else source.pipe(sink);
}

/** Tells a terminal the client's sizes, one after the other; what is overtaken while one is set is left out. */
export function followSizes(sizes: TerminalSizes, resize: (size: TerminalSize) => Promise<void>): void {
  let next: TerminalSize | undefined;
  let isBusy = false;
  const catchUp = async (): Promise<void> => {
    isBusy = true;
    for (let size = next; size !== undefined; size = next) {
      next = undefined;
      await resize(size);
    }
    isBusy = false;
  };
  sizes.listen((size) => {
    next = size;
    if (!isBusy) void catchUp();
  });
}
