import assert from 'node:assert/strict';
import { deferred } from '../../../src/lib/deferred.ts';
import { StubContainerd } from './stub-containerd.ts';
import type { ConnectionState } from '../../../src/containerd/connection.ts';
import type { Containerd } from '../../../src/containerd/client.ts';

const services = { version: { Version: (_: unknown, answer: (error: null, value: object) => void) => answer(null, {}) } };

async function until(client: Containerd, wanted: (state: ConnectionState) => boolean): Promise<ConnectionState> {
  if (wanted(client.state())) return client.state();
  const found = deferred<ConnectionState>();
  const unsubscribe = client.onStateChange((state) => {
    if (wanted(state)) found.resolve(state);
  });
  const state = await found.promise;
  unsubscribe();
  return state;
}

describe('the connection to containerd', () => {
  let stub: StubContainerd;
  beforeEach(() => {
    stub = new StubContainerd();
  });
  afterEach(() => stub.close());

  it('says why there is none', async () => {
    const state = await until(stub.client(), ({ reason }) => reason.includes('ENOENT'));
    assert.deepEqual(state, {
      connected: false,
      reason: `containerd at ${stub.address} cannot be reached: connect ENOENT ${stub.address}`,
    });
  });

  it('is made when containerd comes, without anybody calling it', async () => {
    const client = stub.client();
    await until(client, ({ reason }) => reason.includes('ENOENT'));
    const ready = client.waitReady();
    await stub.serve(services);
    await ready;
    assert.deepEqual(client.state(), { connected: true, reason: '' });
  });

  it('is noticed to be lost, and made again', async () => {
    await stub.serve(services);
    const client = stub.client();
    await client.waitReady();
    stub.kill();
    await until(client, ({ connected }) => !connected);
    await stub.serve(services);
    await until(client, ({ connected }) => connected);
  });

  it('is not waited for beyond a signal’s abort', async () => {
    const controller = new AbortController();
    const waiting = stub.client().waitReady(controller.signal);
    controller.abort();
    await assert.rejects(waiting, /wait for containerd at .*: canceled/);
  });

  it('is not waited for any more when the client is closed', async () => {
    const client = stub.client();
    const waiting = client.waitReady();
    client.close();
    await assert.rejects(waiting, /the client is closed/);
    await assert.rejects(client.waitReady(), /the client is closed/);
  });
});
