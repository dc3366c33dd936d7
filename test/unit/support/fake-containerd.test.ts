import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { jsonAny, JSON_TYPES } from '../../../src/containerd/typeurl.ts';
import { containerdContract } from '../../contract/containerd.ts';
import { FakeContainerd } from '../../support/fake-containerd.ts';

containerdContract('the fake', async () => {
  const containerd = new FakeContainerd();
  return {
    containerd,
    rootfs: [{ type: 'bind', source: '/', target: '', options: ['rbind'] }],
    publish(name) {
      containerd.transfer.publish(`fake.example/${name}:1`, { layer: name });
      return `fake.example/${name}:1`;
    },
    async stop() {},
  };
});

describe('the fake containerd', () => {
  const container = { id: 'a', runtime: { name: 'r' }, spec: jsonAny(JSON_TYPES.spec, { process: { args: ['x'] } }) };

  it('fails the next call of a name, once', async () => {
    const fake = new FakeContainerd();
    fake.faults.failNext('containers.create', new CodedError('internal', 'disk full'));
    await assert.rejects(fake.containers.create(container), /disk full/);
    await fake.containers.create(container);
    assert.deepEqual(fake.faults.calls.map((call) => call.method), ['containers.create', 'containers.create']);
  });

  it('holds a call back until it is released', async () => {
    const fake = new FakeContainerd();
    const held = fake.faults.hold('containers.create');
    const creating = fake.containers.create(container);
    await held.arrived;
    assert.deepEqual(await fake.containers.list(), []);
    held.release();
    await creating;
    assert.deepEqual((await fake.containers.list()).map(({ id }) => id), ['a']);
  });

  it('goes away and comes back, with a gap in its events', async () => {
    const fake = new FakeContainerd();
    await fake.containers.create(container);
    await fake.tasks.create({ containerId: 'a', rootfs: [] });
    await fake.tasks.start('a');
    const stop = new AbortController();
    const told: string[] = [];
    const open = fake.events.openEvents({
      onEvent: (event) => told.push(event.type),
      onGap: async () => {
        told.push('gap');
      },
      signal: stop.signal,
    });
    fake.disconnect();
    assert.equal(fake.state().connected, false);
    await assert.rejects(fake.tasks.get('a'), (error: unknown) => error instanceof CodedError && error.kind === 'unavailable');
    fake.tasks.exit('a', 3);
    fake.reconnect();
    await fake.waitReady();
    assert.equal((await fake.tasks.get('a')).exitStatus, 3);
    assert.deepEqual(told, ['gap', 'gap']);
    stop.abort();
    await open;
  });

  it('lets a test decide what signals do', async () => {
    const fake = new FakeContainerd();
    fake.tasks.onSignal = () => undefined;
    await fake.containers.create(container);
    await fake.tasks.create({ containerId: 'a', rootfs: [] });
    await fake.tasks.start('a');
    await fake.tasks.kill('a', { signal: 15 });
    assert.equal((await fake.tasks.get('a')).status, 'running');
    await fake.tasks.kill('a', { signal: 9 });
    assert.equal((await fake.tasks.wait('a')).exitStatus, 137);
  });
});
