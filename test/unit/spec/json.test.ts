import assert from 'node:assert/strict';
import fc from 'fast-check';

import { decodeJson, encodeJson, toInt64 } from '../../../src/spec/json.ts';

describe('spec JSON', () => {
  it('writes the largest int64 digit by digit', () => {
    assert.equal(encodeJson({ limit: toInt64('9223372036854775807') }), '{"limit":9223372036854775807}');
  });

  it('reads a uint64 back as it stands', () => {
    assert.deepEqual(decodeJson('{"value":18446744073709551615,"n":-1}'), { value: 18446744073709551615n, n: -1 });
  });

  it('leaves long digits inside a string a string', () => {
    const text = String.raw`{"id":"12345678901234567890","quote":"\"12345678901234567890"}`;
    assert.deepEqual(decodeJson(text), { id: '12345678901234567890', quote: '"12345678901234567890' });
  });

  it('leaves a long fraction and an exponent numbers', () => {
    assert.deepEqual(decodeJson('[0.12345678901234567890,1000000000000000000000e2]'), [0.12345678901234568, 1e23]);
  });

  it('leaves members out that are undefined, as JSON.stringify does', () => {
    assert.equal(encodeJson({ a: undefined, b: [undefined] }), '{"b":[null]}');
  });

  it('refuses what is no JSON', () => {
    assert.throws(() => decodeJson('{"a":'), SyntaxError);
  });

  it('agrees with JSON.stringify on everything JSON can hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(encodeJson(value), JSON.stringify(value));
      }),
    );
  });

  it('gives every 64-bit integer back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        const back = decodeJson(encodeJson({ value: toInt64(value.toString()) })) as { value: number | bigint };
        assert.equal(BigInt(back.value), value);
      }),
    );
  });
});
