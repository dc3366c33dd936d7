import assert from 'node:assert/strict';
import fc from 'fast-check';
import { frameLines, frameRest, maxPartBytes, recordHeads } from '../../../src/io/log-line.ts';

const heads = recordHeads('stdout', 1_763_719_200_000_000_042n);

/** Feeds chunks as the pump does: what frameLines leaves goes before the next chunk, the end through frameRest. */
function frameChunks(chunks: readonly Buffer[], outputBytes = 1 << 20): Buffer {
  const output = Buffer.alloc(outputBytes);
  const parts: Buffer[] = [];
  let rest = Buffer.alloc(0);
  for (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const { consumed, written } = frameLines(rest, heads, output);
      if (consumed === 0) break;
      parts.push(Buffer.from(output.subarray(0, written)));
      rest = rest.subarray(consumed);
    }
  }
  const { written } = frameRest(rest, heads, output);
  parts.push(Buffer.from(output.subarray(0, written)));
  return Buffer.concat(parts);
}

/** Takes records apart the slow way: tag and content of each. */
function records(log: Buffer): { tag: string; content: Buffer }[] {
  const found: { tag: string; content: Buffer }[] = [];
  for (let from = 0; from < log.length; ) {
    const end = log.indexOf(10, from);
    const head = log.toString('latin1', from, from + 40);
    assert.match(head, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout [FP] $/);
    found.push({ tag: head.charAt(38), content: log.subarray(from + 40, end) });
    from = end + 1;
  }
  return found;
}

function tagsAndLengths(input: string): string {
  return records(frameChunks([Buffer.from(input, 'latin1')]))
    .map(({ tag, content }) => tag + content.length)
    .join(' ');
}

describe('CRI log records', () => {
  it('carry an RFC 3339 timestamp with nine digits, in UTC', () => {
    assert.equal(heads.full.toString(), '2025-11-21T10:00:00.000000042Z stdout F ');
  });

  const x = (n: number): string => 'x'.repeat(n);
  for (const [what, input, expected] of [
    ['a line', 'hello\n', 'F5'],
    ['an empty line', '\n', 'F0'],
    ['a line ended the DOS way, without its carriage return', 'hello\r\n', 'F5'],
    ['a carriage return inside a line, which stays', 'a\rb\n', 'F3'],
    ['two carriage returns before a newline, of which one stays', 'a\r\r\n', 'F2'],
    ['an unfinished last line as partial', 'one\ntwo', 'F3 P3'],
    ['a line of exactly 16 KiB whole', `${x(maxPartBytes)}\n`, 'F16384'],
    ['a line of exactly 16 KiB ended the DOS way whole', `${x(maxPartBytes)}\r\n`, 'F16384'],
    ['a line one byte over 16 KiB in two', `${x(maxPartBytes + 1)}\n`, 'P16384 F1'],
    ['a line of 40 KiB in three', `${x(40 * 1024)}\n`, 'P16384 P16384 F8192'],
    ['an unfinished line of 40 KiB in three partials', x(40 * 1024), 'P16384 P16384 P8192'],
    ['an unfinished 16 KiB and a carriage return', `${x(maxPartBytes)}\r`, 'P16384 P1'],
    ['nothing', '', ''],
  ] as const) {
    it(`hold ${what}`, () => assert.equal(tagsAndLengths(input), expected));
  }

  // Mostly lines, some long enough to be cut, bytes of every kind, line ends of both kinds.
  const output = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom('\n', '\r\n', '\r', '\n\n').map((text) => Buffer.from(text)),
        fc.integer({ min: maxPartBytes - 3, max: 2 * maxPartBytes + 3 }).map((n) => Buffer.alloc(n, 'y')),
      ),
      { maxLength: 12 },
    )
    .map((parts) => Buffer.concat(parts));

  it('do not depend on how the output arrived in chunks', () => {
    fc.assert(
      fc.property(output, fc.array(fc.nat(), { maxLength: 8 }), (bytes, cuts) => {
        const at = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
        const chunks = [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
        assert.deepEqual(frameChunks(chunks), frameChunks([bytes]));
      }),
    );
  });

  it('do not depend on the room in the output buffer', () => {
    fc.assert(
      fc.property(output, fc.integer({ min: maxPartBytes + 100, max: 4 * maxPartBytes }), (bytes, room) => {
        assert.deepEqual(frameChunks([bytes], room + maxPartBytes), frameChunks([bytes]));
      }),
    );
  });

  it('hold every byte of the output but line ends', () => {
    fc.assert(
      fc.property(output, (bytes) => {
        const joined = records(frameChunks([bytes])).map(({ tag, content }) =>
          tag === 'F' ? Buffer.concat([content, Buffer.from('\n')]) : content,
        );
        const withoutDosEnds = Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
        assert.deepEqual(Buffer.concat(joined), withoutDosEnds);
      }),
    );
  });

  it('come out the same when a part of what was framed is framed again', () => {
    // What recovery rests on: after a kill the records of a journalled stretch are made anew and completed.
    fc.assert(
      fc.property(output, fc.integer({ min: maxPartBytes + 100, max: 3 * maxPartBytes }), (bytes, room) => {
        const first = Buffer.alloc(room + maxPartBytes);
        const { consumed, written } = frameLines(bytes, heads, first);
        assert.deepEqual(frameChunks([bytes.subarray(0, consumed)]), first.subarray(0, written));
      }),
    );
  });
});
