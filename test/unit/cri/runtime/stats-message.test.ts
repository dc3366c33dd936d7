import assert from 'node:assert/strict';
import { toPodSandboxStats } from '../../../../src/cri/runtime/stats-message.ts';
import type { InterfaceCounters } from '../../../../src/linux/net-dev.ts';
import type { Sandbox } from '../../../../src/pod/sandbox.ts';
import { runSandbox } from '../../../../src/pod/run-sandbox.ts';
import { sandboxConfig } from '../../../support/pod-requests.ts';
import { makePodWorld } from '../../../support/pod-world.ts';

describe('the message of PodSandboxStats', () => {
  it('has `linux` and `attributes` where nothing could be read, and no zeros that look like counters which began anew', async () => {
    const { attributes, linux } = await messageOf();
    assert.ok(attributes?.id);
    assert.deepEqual(linux, { cpu: null, memory: null, network: null, process: null, containers: [], io: null });
  });

  it('has every digit of what no double holds', async () => {
    const huge = 2n ** 53n + 1n;
    const { linux } = await messageOf([{ ...counters('eth0'), rxBytes: huge, txBytes: huge - 2n }]);
    const { rxBytes, txBytes } = linux?.network?.defaultInterface ?? {};
    assert.deepEqual([rxBytes?.value, txBytes?.value], [String(huge), Number(huge - 2n)]);
  });

  it('has the main interface in front of the others', async () => {
    const network = await networkOf(counters('lo'), counters('eth0'), counters('net1'));
    assert.deepEqual([network?.defaultInterface?.name, network?.interfaces?.map(({ name }) => name)], ['eth0', ['lo', 'net1']]);
  });

  it('has no network where there is no main interface, or a kubelet would look into what is not there', async () => {
    assert.equal(await networkOf(), null);
    assert.equal(await networkOf(counters('lo')), null);
  });
});

async function networkOf(...interfaces: readonly InterfaceCounters[]): Promise<NetworkOf> {
  return (await messageOf(interfaces)).linux?.network;
}

async function messageOf(interfaces: readonly InterfaceCounters[] = []): Promise<ReturnType<typeof toPodSandboxStats>> {
  const world = await makePodWorld();
  try {
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    const sandbox: Sandbox = world.parts.sandboxes.get(id);
    return toPodSandboxStats(sandbox, { atNs: 1n, cgroup: {}, nanoCores: undefined, interfaces, containers: [] }, '/');
  } finally {
    await world.end();
  }
}

type NetworkOf = NonNullable<ReturnType<typeof toPodSandboxStats>['linux']>['network'];

function counters(name: string): InterfaceCounters {
  return { name, rxBytes: 1n, rxPackets: 1n, rxErrors: 0n, rxDropped: 0n, txBytes: 2n, txPackets: 1n, txErrors: 0n, txDropped: 0n };
}
