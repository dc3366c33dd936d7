import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** One record of a CRI log. */
export interface LogRecord {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly partial: boolean;
  readonly content: Buffer;
}

/** Reads a CRI log file; fails on anything that is no record. */
export function readRecords(file: string): LogRecord[] {
  return parseRecords(readFileSync(file));
}

/** As `readRecords`, of a file that is being written: the kernel shows a long write before it is whole. */
export function readWholeRecords(file: string): LogRecord[] {
  const log = readFileSync(file);
  return parseRecords(log.subarray(0, log.lastIndexOf(0x0a) + 1));
}

function parseRecords(log: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let from = 0; from < log.length; ) {
    const end = log.indexOf(0x0a, from);
    const head = /^(\S{30}) (stdout|stderr) ([FP]) $/.exec(log.toString('latin1', from, from + 40));
    assert.ok(end !== -1 && head !== null, `no record at byte ${from}: ${log.toString('latin1', from, from + 60)}`);
    records.push({
      time: head[1] ?? '',
      stream: head[2] === 'stdout' ? 'stdout' : 'stderr',
      partial: head[3] === 'P',
      content: log.subarray(from + 40, end),
    });
    from = end + 1;
  }
  return records;
}

/** What one stream wrote, lines joined from their parts. */
export function streamText(records: readonly LogRecord[], stream: 'stdout' | 'stderr'): string {
  return records
    .filter((record) => record.stream === stream)
    .map(({ content, partial }) => content.toString('latin1') + (partial ? '' : '\n'))
    .join('');
}
