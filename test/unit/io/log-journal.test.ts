import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeJournal, encodeJournal } from '../../../src/io/log-journal.ts';
import type { JournalState } from '../../../src/io/log-journal.ts';

const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const plain = { noNullPrototype: true };
const position = fc.record({ dev: u64, ino: u64, size: offset }, plain);
const stream = fc.constantFrom('stdout' as const, 'stderr' as const);
const pending = fc.record({ stream, upTo: offset, log: position, timeNs: u64 }, plain);
const state: fc.Arbitrary<JournalState> = fc.record(
  {
    settled: fc.record({ stdout: offset, stderr: offset }, plain),
    pending: fc.option(pending, { nil: undefined }),
  },
  plain,
);

describe("a log's journal", () => {
  it('says after a restart what it was told before', () => {
    fc.assert(fc.property(state, (said) => assert.deepEqual(decodeJournal(encodeJournal(said)), said)));
  });

  it('says nothing where it was never written or is something else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assert.equal(decodeJournal(Buffer.from(bytes)), undefined)));
  });
});
