import assert from 'node:assert/strict';
import { podSandboxStatus } from '../../../../src/cri/runtime/pod-sandbox-status.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { createContainer } from '../../../../src/pod/create-container.ts';
import { runSandbox } from '../../../../src/pod/run-sandbox.ts';
import { containerConfig, sandboxConfig } from '../../../support/pod-requests.ts';
import { makePodWorld } from '../../../support/pod-world.ts';

describe('PodSandboxStatus', () => {
  it('says neither when it was asked nor which containers there are, or a kubelet asks no container any more (#37)', async () => {
    const world = await makePodWorld();
    try {
      const podSandboxId = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
      await createContainer(world.parts, world.parts.sandboxes.get(podSandboxId), { config: containerConfig() });
      const context = { signal: new AbortController().signal, log: silentLog };
      const answer = await podSandboxStatus(world.parts)({ podSandboxId, verbose: false }, context);
      assert.ok('status' in answer);
      assert.equal(answer.status?.id, podSandboxId);
      assert.deepEqual([answer.timestamp, answer.containersStatuses], [undefined, undefined]);
    } finally {
      await world.end();
    }
  });
});
