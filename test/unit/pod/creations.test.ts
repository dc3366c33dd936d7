import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { Creations } from '../../../src/pod/creations.ts';

const succeed = async (): Promise<void> => {};

describe('names of sandboxes and containers', () => {
  it('are taken by what was created under them, until that is removed', async () => {
    const creations = new Creations('pod sandbox');
    assert.equal(await creations.run('a', 'request', 'id1', undefined, succeed), 'id1');
    await assert.rejects(creations.run('a', 'request', 'id2', undefined, succeed), {
      kind: 'alreadyExists',
      message: /"a" is taken by id1/,
    });
    creations.release('a', 'id1');
    assert.equal(await creations.run('a', 'request', 'id3', undefined, succeed), 'id3');
  });

  it('are free again after a creation that failed', async () => {
    const creations = new Creations('pod sandbox');
    const failing = creations.run('a', 'request', 'id1', undefined, async () => {
      throw new CodedError('unavailable', 'no network');
    });
    await assert.rejects(failing, { kind: 'unavailable' });
    assert.equal(await creations.run('a', 'request', 'id2', undefined, succeed), 'id2');
  });

  it('lead a retry to the creation that its caller gave up waiting for', async () => {
    const creations = new Creations('pod sandbox');
    const slow = deferred();
    const caller = new AbortController();
    const first = creations.run('a', 'request', 'id1', caller.signal, () => slow.promise);
    caller.abort(new CodedError('deadlineExceeded', 'the caller waited long enough'));
    await assert.rejects(first, { kind: 'deadlineExceeded' });
    const retry = creations.run('a', 'request', 'id2', undefined, () => assert.fail('created twice'));
    slow.resolve();
    assert.equal(await retry, 'id1');
    await assert.rejects(creations.run('a', 'request', 'id3', undefined, succeed), { kind: 'alreadyExists' });
  });

  it('lead a retry to what was finished after its caller had gone, once', async () => {
    const creations = new Creations('container');
    const slow = deferred();
    const caller = new AbortController();
    const first = creations.run('a', 'request', 'id1', caller.signal, () => slow.promise);
    caller.abort();
    await assert.rejects(first, { kind: 'canceled' });
    slow.resolve();
    await creations.settle();
    assert.equal(await creations.run('a', 'request', 'id2', undefined, succeed), 'id1');
    await assert.rejects(creations.run('a', 'request', 'id3', undefined, succeed), { kind: 'alreadyExists' });
  });

  it('know a retry by what it asks for', async () => {
    const creations = new Creations('container');
    const request = (value: string): object => ({ envs: [{ key: 'A', value: Buffer.from(value) }], labels: { a: 'b' } });
    const slow = deferred();
    const first = creations.run('a', request('x'), 'id1', undefined, () => slow.promise);
    const retry = creations.run('a', request('x'), 'id2', undefined, () => assert.fail('created twice'));
    await assert.rejects(creations.run('a', request('y'), 'id3', undefined, succeed), { kind: 'alreadyExists' });
    slow.resolve();
    assert.deepEqual(await Promise.all([first, retry]), ['id1', 'id1']);
  });

  it('are not handed to a different request', async () => {
    const creations = new Creations('container');
    const slow = deferred();
    const first = creations.run('a', 'request', 'id1', undefined, () => slow.promise);
    await assert.rejects(creations.run('a', 'another request', 'id2', undefined, succeed), { kind: 'alreadyExists' });
    slow.resolve();
    assert.equal(await first, 'id1');
  });

  it('are not released by something else that had them before', async () => {
    const creations = new Creations('container');
    creations.hold('a', 'id1');
    creations.release('a', 'id0');
    await assert.rejects(creations.run('a', 'request', 'id2', undefined, succeed), { kind: 'alreadyExists' });
  });
});
