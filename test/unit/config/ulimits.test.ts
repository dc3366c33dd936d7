import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readUlimit } from '../../../src/config/ulimits.ts';

describe('a ulimit of the configuration', () => {
  it('has a soft and a hard limit, or one for both, or none', () => {
    assert.deepEqual(readUlimit('nofile=1024:2048'), { type: 'RLIMIT_NOFILE', soft: 1024n, hard: 2048n });
    assert.deepEqual(readUlimit('core=0'), { type: 'RLIMIT_CORE', soft: 0n, hard: 0n });
    const unlimited = 2n ** 64n - 1n;
    assert.deepEqual(readUlimit('memlock=64:-1'), { type: 'RLIMIT_MEMLOCK', soft: 64n, hard: unlimited });
    assert.deepEqual(readUlimit('memlock=unlimited'), { type: 'RLIMIT_MEMLOCK', soft: unlimited, hard: unlimited });
  });

  for (const text of ['', 'nofile', 'nofile=', 'files=1', 'nofile=2:1', 'nofile=-2', 'nofile=1:2:3', 'nofile=99999999999999999999', 'NOFILE=1']) {
    it(`is refused where it is ${JSON.stringify(text)}, and shown`, () => {
      const why = readUlimit(text);
      assert.ok(typeof why === 'string' && why.startsWith(JSON.stringify(text)));
    });
  }

  it('is read or refused, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (text) => ['string', 'object'].includes(typeof readUlimit(`nofile=${text}`))));
  });
});
