import assert from 'node:assert/strict';
import { CodedError, wrapError } from '../../../src/lib/errors.ts';

describe('a CodedError', () => {
  it('keeps its kind when it is wrapped, and a plain error is internal', () => {
    const wrapped = wrapError('start "a"', new CodedError('notFound', 'no such task'));
    assert.deepEqual([wrapped.kind, wrapped.message], ['notFound', 'start "a": no such task']);
    assert.equal(wrapError('start "a"', new Error('oops')).kind, 'internal');
    assert.equal(wrapError('write a', Object.assign(new Error('full'), { code: 'ENOSPC' })).kind, 'resourceExhausted');
  });

  it('begins with its reason however often it is wrapped, because the kubelet looks there', () => {
    const error = new CodedError('unknown', 'no image "x"', { reason: 'ImageVolumeMountFailed' });
    assert.equal(error.message, 'ImageVolumeMountFailed: no image "x"');
    const twice = wrapError('create container "c"', wrapError('mount', error));
    assert.deepEqual(
      [twice.kind, twice.reason, twice.message],
      ['unknown', 'ImageVolumeMountFailed', 'ImageVolumeMountFailed: create container "c": mount: no image "x"'],
    );
  });
});
