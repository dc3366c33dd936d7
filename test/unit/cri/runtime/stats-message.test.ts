import assert from 'node:assert/strict';
import { toPodSandboxStats } from '../../../../src/cri/runtime/stats-message.ts';
import type { InterfaceCounters } from '../../../../src/linux/net-dev.ts';
import type { Sandbox } from '../../../../src/pod/sandbox.ts';
import { runSandbox } from '../../../../src/pod/run-sandbox.ts';
import { sandboxConfig } from '../../../support/pod-requests.ts';
import { makePodWorld } from '../../../support/pod-world.ts';

describe('the message of PodSandboxStats', () => {
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
  const world = await makePodWorld();
  try {
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    const sandbox: Sandbox = world.parts.sandboxes.get(id);
    const usage = { atNs: 1n, cgroup: {}, nanoCores: undefined, interfaces, containers: [] };
    return toPodSandboxStats(sandbox, usage, '/').linux?.network;
  } finally {
    await world.end();
  }
}

type NetworkOf = NonNullable<ReturnType<typeof toPodSandboxStats>['linux']>['network'];

function counters(name: string): InterfaceCounters {
  return { name, rxBytes: 1n, rxPackets: 1n, rxErrors: 0n, rxDropped: 0n, txBytes: 2n, txPackets: 1n, txErrors: 0n, txDropped: 0n };
}
