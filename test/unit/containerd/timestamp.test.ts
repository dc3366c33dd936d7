import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromNs, toNs } from '../../../src/containerd/timestamp.ts';

describe('timestamps', () => {
  it('keep every nanosecond of a time that no double can hold', () => {
    assert.equal(toNs({ seconds: '1795270617', nanos: 672277165 }), 1795270617672277165n);
  });

  it('are 0 for none and for Go’s zero time', () => {
    assert.equal(toNs(null), 0n);
    assert.equal(toNs({ seconds: '-62135596800', nanos: 0 }), 0n);
  });

  it('survive the way there and back, before 1970 too', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }), (ns) => {
        const { seconds, nanos } = fromNs(ns);
        assert.ok(nanos >= 0 && nanos < 1e9);
        assert.equal(toNs({ seconds, nanos }), ns);
      }),
    );
  });
});
