import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { pread, pwrite } from '../linux/libc.ts';
import type { LogStream } from './log-line.ts';

/** Which log file, and how long it was before the batch. */
export interface LogPosition {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: number;
}

/** A batch of records that was about to be written to the log. */
export interface PendingBatch {
  readonly stream: LogStream;
  /** The batch holds the stage's bytes from what is settled to here. */
  readonly upTo: number;
  readonly log: LogPosition;
  /** The time in the batch's records: with it they can be made again, byte for byte. */
  readonly timeNs: bigint;
}

/** How far a container's streams are in its log. */
export interface JournalState {
  /** Bytes of each stream's stage, from its beginning, that are in the log. */
  readonly settled: Readonly<Record<LogStream, number>>;
  readonly pending: PendingBatch | undefined;
}

const magic = 0x316a6c70; // "plj1"
const recordBytes = 72;

// 0 magic  4 pending stream (0 none, 1 stdout, 2 stderr)  8 settled stdout  16 settled stderr  24 upTo
// 32 log dev  40 log ino  48 log size  56 time ns  64 zero. Counts as doubles: exact to 2^53 and no bigint to make.
/** Puts a state in the journal's form: fixed size, so that one write replaces it whole. */
export function encodeJournal(state: JournalState, record: Buffer = Buffer.alloc(recordBytes)): Buffer {
  const { settled, pending } = state;
  record.writeUInt32LE(magic, 0);
  record.writeUInt32LE(pending === undefined ? 0 : pending.stream === 'stdout' ? 1 : 2, 4);
  record.writeDoubleLE(settled.stdout, 8);
  record.writeDoubleLE(settled.stderr, 16);
  if (pending === undefined) return record;
  record.writeDoubleLE(pending.upTo, 24);
  record.writeBigUInt64LE(pending.log.dev, 32);
  record.writeBigUInt64LE(pending.log.ino, 40);
  record.writeDoubleLE(pending.log.size, 48);
  record.writeBigUInt64LE(pending.timeNs, 56);
  return record;
}

/** Reads a journal; undefined for anything that is none. */
export function decodeJournal(record: Buffer): JournalState | undefined {
  if (record.length < recordBytes || record.readUInt32LE(0) !== magic) return undefined;
  const stream = [undefined, 'stdout', 'stderr'] as const;
  const pendingStream = stream[record.readUInt32LE(4)];
  return {
    settled: { stdout: record.readDoubleLE(8), stderr: record.readDoubleLE(16) },
    pending:
      pendingStream === undefined
        ? undefined
        : {
            stream: pendingStream,
            upTo: record.readDoubleLE(24),
            log: { dev: record.readBigUInt64LE(32), ino: record.readBigUInt64LE(40), size: record.readDoubleLE(48) },
            timeNs: record.readBigUInt64LE(56),
          },
  };
}

/** The journal file of one container, on the tmpfs beside its stages. */
export class LogJournal {
  readonly #file: string;
  readonly #fd: number;
  readonly #record = Buffer.alloc(recordBytes);

  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** What the last write said, or undefined where there was none. */
  read(): JournalState | undefined {
    const record = Buffer.alloc(recordBytes);
    return decodeJournal(record.subarray(0, pread(this.#fd, record, 0)));
  }

  /** Replaces the state. It lies within one page, so a kill leaves the old or the new. */
  write(state: JournalState): void {
    pwrite(this.#fd, encodeJournal(state, this.#record), 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  remove(): void {
    rmSync(this.#file, { force: true });
  }
}
