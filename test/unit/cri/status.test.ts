import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { status } from '@grpc/grpc-js';
import { CodedError } from '../../../src/lib/errors.ts';
import { toCallStatus, toDetails } from '../../../src/cri/status.ts';

describe('the status of a failed call', () => {
  it('is that of the kind', () => {
    const codes = (['canceled', 'notFound', 'unavailable', 'unauthenticated', 'unknown'] as const).map(
      (kind) => toCallStatus(new CodedError(kind, 'x')).code,
    );
    assert.deepEqual(codes, [1, 5, 14, 16, 2]);
  });

  it('keeps the words the kubelet looks for at the beginning', () => {
    const error = new CodedError('unknown', 'RegistryUnavailable: pull "x": no route to host');
    assert.deepEqual(toCallStatus(error), { code: status.UNKNOWN, details: error.message });
  });

  it('keeps the beginning and the end of a text that is too long', () => {
    const details = toDetails(`create container "c1": ${'x'.repeat(100_000)}: no such file`);
    assert.match(details, /^create container "c1": x+ … x+: no such file$/);
  });

  it('always fits into the trailers, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20_000, size: 'max' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(
      fc.property(text, (input) => {
        assert.ok(encodeURI(toDetails(input)).length < 8192);
      }),
    );
  });

  it('is the text itself where that is short and well formed', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (input) => assert.equal(toDetails(input), input)));
  });
});
