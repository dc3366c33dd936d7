import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { CodedError } from '../../../src/lib/errors.ts';
import { kindOfStatus, reasonOf, toCodedError, transportReason } from '../../../src/containerd/errors.ts';

const failed = (code: number, details: string) => Object.assign(new Error(`${code} ${details}`), { code, details });

describe('errors from containerd', () => {
  it('have a kind of their own for every status but OK', () => {
    const codes = Object.values(status).filter((code) => typeof code === 'number' && code !== status.OK);
    const kinds = codes.map((code) => kindOfStatus(code as number));
    assert.equal(new Set(kinds).size, 16);
  });

  it('are unknown for a status that gRPC does not have', () => {
    assert.equal(kindOfStatus(4711), 'unknown');
  });

  it('say what was tried and what containerd answered', () => {
    const error = toCodedError('get task "a"', failed(status.NOT_FOUND, 'task a not found'));
    assert.equal(error.kind, 'notFound');
    assert.equal(error.message, 'get task "a": task a not found');
  });

  it('name the status where containerd gives no reason', () => {
    assert.equal(toCodedError('x', failed(status.ABORTED, '')).message, 'x: containerd answered ABORTED without a reason');
  });

  it('carry a deadline as a deadline when the call was cancelled for it', () => {
    const signal = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
    assert.equal(toCodedError('x', failed(status.CANCELLED, 'Cancelled on client'), signal).kind, 'deadlineExceeded');
    const cancelled = AbortSignal.abort();
    assert.equal(toCodedError('x', failed(status.CANCELLED, 'Cancelled on client'), cancelled).kind, 'canceled');
  });

  it('are a deadline too where containerd noticed it first and says only that the call was cancelled', () => {
    const cancelled = failed(status.CANCELLED, 'Call cancelled');
    assert.equal(toCodedError('x', cancelled, undefined, Date.now() - 1).kind, 'deadlineExceeded');
    assert.equal(toCodedError('x', cancelled, undefined, Date.now() + 60_000).kind, 'canceled');
    const shimTooLate = failed(status.UNKNOWN, 'context deadline exceeded');
    assert.equal(toCodedError('x', shimTooLate, undefined, Date.now() - 1).kind, 'deadlineExceeded');
    assert.equal(toCodedError('x', shimTooLate, undefined, Date.now() + 60_000).kind, 'unknown');
    assert.equal(toCodedError('x', failed(status.UNKNOWN, 'no such process'), undefined, Date.now() - 1).kind, 'unknown');
  });

  it('keep containerd’s own answer when it came before the cancellation', () => {
    assert.equal(toCodedError('x', failed(status.NOT_FOUND, 'no'), AbortSignal.abort()).kind, 'notFound');
  });

  it('leave a CodedError alone and take anything else for internal', () => {
    const coded = new CodedError('dataLoss', 'd');
    assert.equal(toCodedError('x', coded), coded);
    assert.equal(toCodedError('x', new TypeError('t')).kind, 'internal');
  });

  it('tell a shim that ended under a call from what a runtime refused', () => {
    assert.equal(toCodedError('x', failed(status.UNKNOWN, 'failed to create shim task: ttrpc: closed')).kind, 'aborted');
    assert.equal(toCodedError('x', failed(status.UNKNOWN, 'OCI runtime create failed: no such file')).kind, 'unknown');
  });

  it('say why containerd cannot be reached, without gRPC’s own words around it', () => {
    const details =
      'No connection established. Last error: Error: connect ENOENT /run/c.sock. Resolution note: ';
    assert.equal(transportReason(details), 'connect ENOENT /run/c.sock');
    assert.equal(transportReason('read ECONNRESET'), 'read ECONNRESET');
    assert.equal(transportReason(''), 'no reason given');
    const error = toCodedError('list tasks', failed(status.UNAVAILABLE, details));
    assert.equal(error.message, 'list tasks: containerd cannot be reached: connect ENOENT /run/c.sock');
    assert.equal(reasonOf(error), 'connect ENOENT /run/c.sock');
  });
});
