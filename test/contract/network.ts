import assert from 'node:assert/strict';
import net from 'node:net';
import type { SandboxNetworkRequest } from '../../src/cni/attachment.ts';
import type { DelRequest } from '../../src/cni/network.ts';
import { CodedError, isKind } from '../../src/lib/errors.ts';

/** What the Pod layer uses of a network. */
export interface ContractNetwork {
  add(request: SandboxNetworkRequest, signal?: AbortSignal): Promise<{ readonly ip: string; readonly additionalIps: readonly string[] }>;
  del(request: DelRequest, signal?: AbortSignal): Promise<void>;
}

/** A network under test and its surroundings. */
export interface NetworkRig {
  readonly network: ContractNetwork;
  /** Makes a network namespace and gives its path. */
  makeNetns(): Promise<string>;
  /** Takes one away, as a reboot does. */
  removeNetns(path: string): Promise<void>;
  /** How many addresses are taken. */
  addressesTaken(): Promise<number>;
  /** A network on the same state, as after a restart of the daemon. */
  restart(): Promise<ContractNetwork>;
  close(): Promise<void>;
}

/** What every network keeps, the fake one and the real one. */
export function describeNetworkContract(name: string, open: () => Promise<NetworkRig>): void {
  describe(`the network contract, kept by ${name}`, () => {
    let rig: NetworkRig;
    let serial = 0;

    beforeEach(async () => {
      rig = await open();
    });

    afterEach(async () => rig.close());

    const request = (netnsPath: string): SandboxNetworkRequest => ({
      id: `contract-${process.pid}-${serial++}`,
      netnsPath,
      pod: { name: 'web', namespace: 'default', uid: 'u' },
      portMappings: [],
      annotations: {},
      cgroupParent: '',
    });

    it('gives a sandbox an address of its own, and no address twice', async () => {
      const requests = [request(await rig.makeNetns()), request(await rig.makeNetns())];
      const added = await Promise.all(requests.map((one) => rig.network.add(one)));
      const ips = added.flatMap(({ ip, additionalIps }) => [ip, ...additionalIps]);
      assert.ok(ips.every((ip) => net.isIP(ip) !== 0), ips.join());
      assert.equal(new Set(ips).size, ips.length);
      assert.equal(await rig.addressesTaken(), 2);
    });

    it('takes the address back when the sandbox is deleted', async () => {
      const sandbox = request(await rig.makeNetns());
      await rig.network.add(sandbox);
      await rig.network.del(sandbox);
      assert.equal(await rig.addressesTaken(), 0);
    });

    it('deletes again, and what was never added, without complaint', async () => {
      const sandbox = request(await rig.makeNetns());
      await rig.network.add(sandbox);
      await rig.network.del(sandbox);
      await rig.network.del(sandbox);
      await rig.network.del(request(await rig.makeNetns()));
      await rig.network.del(request(''));
    });

    it('takes the address back though the namespace is gone', async () => {
      const sandbox = request(await rig.makeNetns());
      await rig.network.add(sandbox);
      await rig.removeNetns(sandbox.netnsPath);
      await rig.network.del({ id: sandbox.id, netnsPath: '' });
      assert.equal(await rig.addressesTaken(), 0);
    });

    it('takes the address back after a restart', async () => {
      const sandbox = request(await rig.makeNetns());
      await rig.network.add(sandbox);
      const restarted = await rig.restart();
      await restarted.del(sandbox);
      assert.equal(await rig.addressesTaken(), 0);
    });

    it('fails for a sandbox without a namespace, and keeps no address', async () => {
      const sandbox = request('/run/netns/podwright-contract-none');
      await assert.rejects(rig.network.add(sandbox), (error) => error instanceof CodedError && error.message.includes(sandbox.id));
      assert.equal(await rig.addressesTaken(), 0);
      await rig.network.del(sandbox);
    });

    it('adds nothing for a caller that has gone away', async () => {
      const sandbox = request(await rig.makeNetns());
      await assert.rejects(rig.network.add(sandbox, AbortSignal.abort()), (error) => isKind(error, 'canceled'));
      assert.equal(await rig.addressesTaken(), 0);
    });

    it('can add again what it deleted', async () => {
      const sandbox = request(await rig.makeNetns());
      await rig.network.add(sandbox);
      await rig.network.del(sandbox);
      await rig.network.add(sandbox);
      assert.equal(await rig.addressesTaken(), 1);
      await rig.network.del(sandbox);
    });
  });
}
