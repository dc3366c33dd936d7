import path from 'node:path';
import type { Clock } from '../lib/clock.ts';
import { CodedError, errnoOf } from '../lib/errors.ts';
import { LogFile } from './log-file.ts';
import { LogJournal } from './log-journal.ts';
import type { PendingBatch } from './log-journal.ts';
import { frameLines, frameRest, maxPartBytes, recordHeads } from './log-line.ts';
import type { Framed, LogStream } from './log-line.ts';
import type { ContainerLogSpec } from './log-messages.ts';
import { LogSource } from './log-source.ts';
import type { LogTap } from './log-tap.ts';

/** Buffers that all containers of a thread share, as only one is worked on at a time. */
export interface LogBuffers {
  readonly input: Buffer;
  readonly output: Buffer;
}

/** Makes the buffers. The input holds a full pipe behind an unfinished line. */
export function makeLogBuffers(): LogBuffers {
  return { input: Buffer.alloc(256 * 1024 + 2 * maxPartBytes), output: Buffer.alloc(384 * 1024) };
}

/** What a container's log reports upwards. */
export interface ContainerLogEvents {
  dropped(records: number, bytes: number, reason: string): void;
  warning(message: string): void;
}

/** The most that is read at a stretch from a process that never stops writing: more than any FIFO here holds. */
const drainLimitBytes = 1024 * 1024;

/**
 * The outputs of one container on their way into its CRI log, without losing or doubling a byte however
 * podwright dies:
 *
 *     FIFO --splice--> stage (tmpfs) --> records --write--> log
 *                                        journal: "stdout up to 8192, log was 4711 long, at time t"
 *
 * Each byte is in the FIFO or in the stage, never only in memory. The journal is written before each batch, and
 * it alone decides after a restart: the batch's records are made again, byte for byte, from the stage and the
 * time, and as much as the log has not grown by is appended. No step needs a second one to follow it, so there
 * is no window. What this cannot save is a FIFO whose last holder went: output of a container that ended while
 * podwright was away and that nobody had taken.
 */
export class ContainerLog {
  readonly containerId: string;
  readonly #sources: readonly LogSource[];
  readonly #journal: LogJournal | undefined;
  readonly #logPath: string;
  readonly #buffers: LogBuffers;
  readonly #clock: Clock;
  readonly #events: ContainerLogEvents;
  #file: LogFile | undefined;
  #dirty = false;

  /** Opens FIFOs, log and state, and finishes what a killed predecessor had begun. */
  constructor(spec: ContainerLogSpec, buffers: LogBuffers, clock: Clock, events: ContainerLogEvents) {
    this.containerId = spec.containerId;
    this.#buffers = buffers;
    this.#clock = clock;
    this.#events = events;
    this.#logPath = spec.logPath;
    const sources: LogSource[] = [];
    try {
      if (spec.logPath !== '') {
        this.#file = new LogFile(spec.logPath);
        this.#journal = new LogJournal(path.join(spec.stateDir, 'log.journal'));
      }
      for (const stream of ['stdout', 'stderr'] as const) {
        const fifo = spec[stream];
        const stage = spec.logPath === '' ? undefined : path.join(spec.stateDir, `log.${stream}`);
        if (fifo !== undefined) sources.push(new LogSource(stream, fifo, stage));
      }
      this.#sources = sources;
      this.#recover();
    } catch (error) {
      for (const source of sources) source.close();
      this.#file?.close();
      this.#journal?.close();
      throw error;
    }
  }

  /** The outputs that have not ended, for epoll. */
  get open(): readonly LogSource[] {
    return this.#sources.filter((source) => !source.ended);
  }

  get ended(): boolean {
    return this.open.length === 0;
  }

  /** Has an output's bytes given to somebody else too, from now on; where there is no more, that is told. */
  tap(stream: LogStream, tap: LogTap): void {
    const source = this.open.find((one) => one.stream === stream);
    if (source === undefined) tap.end('ended');
    else source.taps.add(tap);
  }

  /** Takes one batch from an output that epoll says is ready. Says whether there may be more. */
  pump(source: LogSource): 'more' | 'nothing' | 'ended' {
    const { input } = this.#buffers;
    input.set(source.rest);
    const room = input.subarray(source.rest.length);
    const taken = source.take(room, (why) => {
      this.#flush();
      this.#events.warning(`${source.stream} is read without a stage from now on: ${why}`);
    });
    if (taken === 'nothing') return taken;
    if (taken === 'end') {
      this.#end(source);
      return 'ended';
    }
    source.taps.give(room.subarray(0, taken.bytes));
    this.#absorb(source, input.subarray(0, source.rest.length + taken.bytes));
    return 'more';
  }

  /**
   * Reads what an output has, and ends it when nobody can write to it any more; for when the process has exited.
   * epoll alone does not tell: it says nothing of a writer that was gone before the FIFO was opened.
   */
  finish(source: LogSource): void {
    for (let left = drainLimitBytes; left > 0 && this.pump(source) === 'more'; left -= this.#buffers.input.length);
  }

  /**
   * Ends the log for good: takes what is there, up to a bound, writes an unfinished line, and removes the state.
   * For a container that is removed, or whose child keeps the pipe.
   */
  close(): void {
    for (const source of this.open) {
      this.finish(source);
      if (!source.ended) this.#end(source);
    }
    this.#journal?.remove();
    this.leave((source) => source.removeStage());
  }

  /** Lets go of everything and leaves the state for the next daemon: containers go on writing. */
  leave(each: (source: LogSource) => void = () => {}): void {
    this.#flush();
    for (const source of this.#sources) {
      each(source);
      source.close();
    }
    this.#journal?.close();
    this.#file?.close();
  }

  /** Goes on in a new file at the log's path, after the kubelet has renamed the old one. */
  reopen(): void {
    if (this.#file === undefined) return;
    if (this.ended) {
      throw new CodedError('failedPrecondition', `reopen log of container "${this.containerId}": its output has ended`);
    }
    const next = new LogFile(this.#logPath);
    // The journal speaks of the old file: what it has pending is in there and has to be called settled first.
    this.#flush();
    this.#file.close();
    this.#file = next;
  }

  /** Brings the journal up to date while nothing is pending, so that a log cut by others confuses no restart. */
  tick(): void {
    if (this.#dirty) this.#flush();
  }

  #end(source: LogSource): void {
    if (source.rest.length > 0) this.#commit(source, 'rest', source.rest, this.#clock.nowNs());
    source.rest = Buffer.alloc(0);
    this.#flush();
    source.endReading();
  }

  /** Writes the whole lines of `bytes` and keeps what is left of them for later. */
  #absorb(source: LogSource, bytes: Buffer): void {
    if (this.#file === undefined) return;
    const timeNs = this.#clock.nowNs();
    let left = bytes;
    for (;;) {
      const consumed = this.#commit(source, 'lines', left, timeNs);
      if (consumed === 0) break;
      left = left.subarray(consumed);
    }
    // A copy: the buffer is the next container's in a moment.
    source.rest = Buffer.from(left);
  }

  /** Frames what fits in one batch, journals it and writes it. Gives how many bytes of input that were. */
  #commit(source: LogSource, what: 'lines' | 'rest', bytes: Buffer, timeNs: bigint): number {
    if (this.#file === undefined) return bytes.length;
    const { output } = this.#buffers;
    const frame = what === 'lines' ? frameLines : frameRest;
    const framed = frame(bytes, recordHeads(source.stream, timeNs), output);
    if (framed.consumed === 0) return 0;
    if (source.staged) {
      const log = this.#file.position();
      this.#write({ stream: source.stream, upTo: source.settled + framed.consumed, log, timeNs });
    }
    this.#append(this.#file, output.subarray(0, framed.written), framed);
    source.settle(framed.consumed);
    return framed.consumed;
  }

  #append(file: LogFile, records: Buffer, framed: Framed): void {
    const { written, error } = file.append(records);
    if (error === undefined) return;
    const lost = records.subarray(written);
    const count = written === 0 ? framed.records : countLines(lost);
    this.#events.dropped(count, lost.length, errnoOf(error) ?? 'unknown');
  }

  #write(pending: PendingBatch | undefined): void {
    this.#dirty = pending !== undefined;
    this.#journal?.write({ settled: { stdout: this.#settled('stdout'), stderr: this.#settled('stderr') }, pending });
  }

  #flush(): void {
    this.#write(undefined);
  }

  #settled(stream: LogStream): number {
    return this.#sources.find((source) => source.stream === stream)?.settled ?? 0;
  }

  #recover(): void {
    const state = this.#journal?.read();
    for (const source of this.#sources) {
      // Without a journal nothing says what of an old stage is in the log; all of it is logged rather than none.
      source.settled = Math.min(state?.settled[source.stream] ?? 0, source.stagedBytes);
    }
    const pending = state?.pending;
    const source = this.#sources.find(({ stream }) => stream === pending?.stream);
    if (pending !== undefined && source !== undefined) this.#complete(source, pending);
    this.#flush();
    for (const each of this.#sources) this.#catchUp(each);
  }

  /** Writes what is missing of the batch that was being written when the predecessor died. */
  #complete(source: LogSource, pending: PendingBatch): void {
    const upTo = Math.min(pending.upTo, source.stagedBytes);
    const bytes = this.#buffers.input.subarray(0, Math.max(0, upTo - source.settled));
    const length = source.reread(bytes, source.settled);
    const records = frameAgain(bytes.subarray(0, length), source.stream, pending.timeNs, this.#buffers.output);
    const now = this.#file?.position();
    const sameFile = now?.dev === pending.log.dev && now.ino === pending.log.ino;
    const written = sameFile ? Math.max(0, now.size - pending.log.size) : 0;
    const missing = records.subarray(Math.min(written, records.length));
    if (missing.length > 0) this.#file?.append(missing);
    source.settle(length);
  }

  /** Logs the whole lines that were taken but not framed; an unfinished line waits for its end. */
  #catchUp(source: LogSource): void {
    while (source.settled + source.rest.length < source.stagedBytes) {
      const { input } = this.#buffers;
      const length = source.reread(input, source.settled);
      const before = source.settled;
      this.#absorb(source, input.subarray(0, length));
      if (source.settled === before) return;
    }
  }
}

/** Makes the records of a journalled batch again: whole lines, and at its end perhaps a part without one. */
function frameAgain(bytes: Buffer, stream: LogStream, timeNs: bigint, output: Buffer): Buffer {
  const heads = recordHeads(stream, timeNs);
  const lines = frameLines(bytes, heads, output);
  const rest = frameRest(bytes.subarray(lines.consumed), heads, output.subarray(lines.written));
  return output.subarray(0, lines.written + rest.written);
}

function countLines(records: Buffer): number {
  let count = 0;
  for (let at = records.indexOf(0x0a); at !== -1; at = records.indexOf(0x0a, at + 1)) count++;
  return count;
}
