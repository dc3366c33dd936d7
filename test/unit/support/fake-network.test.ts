import assert from 'node:assert/strict';
import { describeNetworkContract } from '../../contract/network.ts';
import { FakeNetwork } from '../../support/fake-network.ts';

describeNetworkContract('the fake network', async () => {
  const namespaces = new Set<string>();
  const network = new FakeNetwork((path) => namespaces.has(path));
  return {
    network,
    async makeNetns() {
      const path = `/run/netns/fake-${namespaces.size}`;
      namespaces.add(path);
      return path;
    },
    async removeNetns(path) {
      namespaces.delete(path);
    },
    addressesTaken: async () => network.attached.size,
    restart: async () => network,
    async close() {},
  };
});

describe('the fake network', () => {
  const request = (id: string) => ({
    id,
    netnsPath: '/run/netns/a',
    pod: { name: 'web', namespace: 'default', uid: 'u' },
    portMappings: [],
    annotations: {},
    cgroupParent: '',
  });

  it('fails as often as it was told to', async () => {
    const network = new FakeNetwork();
    network.failNext('add');
    await assert.rejects(network.add(request('a')), /told to fail/);
    await network.add(request('a'));
    assert.deepEqual(network.calls, ['add a', 'add a']);
  });

  it('hangs until it is let go, or its caller goes away', async () => {
    const network = new FakeNetwork();
    const release = network.hold('del');
    const caller = new AbortController();
    const given = network.del({ id: 'a', netnsPath: '' }, caller.signal);
    const patient = network.del({ id: 'b', netnsPath: '' });
    caller.abort();
    await assert.rejects(given, /canceled/);
    release();
    await patient;
  });
});
