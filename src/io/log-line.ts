/** Which of a container's outputs a record comes from. */
export type LogStream = 'stdout' | 'stderr';

/** A line's content longer than this is cut into parts; the kubelet joins them again. */
export const maxPartBytes = 16 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;
/** What a record has beside its content. */
export const recordOverhead = '2026-11-21T10:00:00.000000000Z stdout F \n'.length;

/** How far framing came. */
export interface Framed {
  /** Bytes of input that are in whole records now. */
  readonly consumed: number;
  /** Bytes of records in the output. */
  readonly written: number;
  readonly records: number;
}

/** What the records of one read begin with: `<time> <stream> F ` and `<time> <stream> P `. */
export interface RecordHeads {
  readonly full: Buffer;
  readonly partial: Buffer;
}

/** The heads for one stream at one time, RFC 3339 in UTC with nine digits of a second. */
export function recordHeads(stream: LogStream, timeNs: bigint): RecordHeads {
  const seconds = Number(timeNs / 1_000_000_000n);
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, '0');
  const head = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z ${stream}`;
  return { full: Buffer.from(`${head} F `, 'latin1'), partial: Buffer.from(`${head} P `, 'latin1') };
}

/**
 * Frames the whole lines of `input` as CRI log records (`<time> <stream> <F|P> <bytes>\n`) into `output`, as many
 * as there are and as fit. A line's end is `\n` or `\r\n`; content over 16 KiB becomes P records and one F. What is
 * left is an unfinished line of at most 16 KiB and a `\r`. Where a line is cut depends on the content alone, never
 * on how reads happened to chunk it, and the same input, heads and output size give the same records.
 */
export function frameLines(input: Buffer, heads: RecordHeads, output: Buffer): Framed {
  let from = 0;
  let at = 0;
  let records = 0;
  for (;;) {
    const end = input.indexOf(newline, from);
    let contentEnd = end;
    let next = end + 1;
    if (end > from && input[end - 1] === carriageReturn) contentEnd = end - 1;
    if (end === -1 ? mustCut(input, from) : contentEnd - from > maxPartBytes) {
      contentEnd = next = from + maxPartBytes;
    } else if (end === -1) break;
    const whole = next > contentEnd;
    if (at + recordOverhead + contentEnd - from > output.length) break;
    at = putRecord(output, at, whole ? heads.full : heads.partial, input, from, contentEnd);
    records++;
    from = next;
  }
  return { consumed: from, written: at, records };
}

// One byte more than a part is no reason to cut yet when it is a `\r`: a `\n` may follow, and it was no content.
function mustCut(input: Buffer, from: number): boolean {
  const pending = input.length - from;
  return pending > maxPartBytes + 1 || (pending === maxPartBytes + 1 && input[input.length - 1] !== carriageReturn);
}

/** Frames the unfinished line that `frameLines` left when no more will come: P records, as containerd writes it. */
export function frameRest(input: Buffer, heads: RecordHeads, output: Buffer): Framed {
  let from = 0;
  let at = 0;
  let records = 0;
  while (from < input.length) {
    const end = Math.min(from + maxPartBytes, input.length);
    at = putRecord(output, at, heads.partial, input, from, end);
    records++;
    from = end;
  }
  return { consumed: from, written: at, records };
}

function putRecord(output: Buffer, at: number, head: Buffer, input: Buffer, from: number, end: number): number {
  output.set(head, at);
  const content = at + head.length;
  input.copy(output, content, from, end);
  const last = content + end - from;
  output[last] = newline;
  return last + 1;
}
