import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { readStream } from '../../support/cri-stream.ts';

describe('the streamed lists', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  it('end without a message where there is nothing', async () => {
    for (const rpc of ['StreamPodSandboxes', 'StreamContainers', 'StreamContainerStats', 'StreamPodSandboxStats', 'StreamPodSandboxMetrics'] as const) {
      assert.deepEqual(await readStream(cri(), rpc, {}), { messages: [], code: status.OK }, rpc);
    }
  });

  it('have each image once and answer as the list does', async () => {
    for (const filter of [{}, { image: { image: busyboxImage } }, { image: { image: 'registry.test/none:1' } }]) {
      const { messages, code } = await readStream(cri(), 'StreamImages', { filter });
      assert.equal(code, status.OK);
      assert.deepEqual(messages.flatMap((message) => message.images), (await cri().call('ListImages', { filter })).images);
    }
  });

  it('have each Pod and container once and answer as the lists do', async () => {
    const pods = [await cri().runPod({ labels: { app: 'a' } }), await cri().runPod({ labels: { app: 'b' } })];
    for (const pod of pods) for (const app of ['a', 'b']) await pod.run({ labels: { app } });
    const ended = await pods[0]?.runScript('exit 3');
    await ended?.ended();

    for (const filter of [{}, { labelSelector: { app: 'a' } }, { state: { state: 'SANDBOX_NOTREADY' as const } }, { id: pods[1]?.id.slice(0, 12) ?? '' }]) {
      const { messages } = await readStream(cri(), 'StreamPodSandboxes', { filter });
      assert.deepEqual(messages.flatMap((message) => message.podSandboxes), (await cri().call('ListPodSandbox', { filter })).items);
    }
    for (const filter of [{}, { labelSelector: { app: 'b' } }, { state: { state: 'CONTAINER_EXITED' as const } }, { podSandboxId: pods[0]?.id ?? '' }]) {
      const { messages } = await readStream(cri(), 'StreamContainers', { filter });
      assert.deepEqual(messages.flatMap((message) => message.containers), (await cri().call('ListContainers', { filter })).containers);
    }
    for (const filter of [{}, { labelSelector: { app: 'b' } }, { podSandboxId: pods[0]?.id ?? '' }]) {
      const { messages } = await readStream(cri(), 'StreamContainerStats', { filter });
      const streamed = messages.flatMap((message) => message.containerStats).map((one) => one.attributes);
      assert.deepEqual(streamed, (await cri().call('ListContainerStats', { filter })).stats.map((one) => one.attributes));
      assert.ok(streamed.length > 0 && !streamed.some((one) => one?.id === ended?.id), 'one that has ended has no stats');
    }
    for (const filter of [{}, { labelSelector: { app: 'b' } }, { id: pods[0]?.id ?? '' }]) {
      const { messages } = await readStream(cri(), 'StreamPodSandboxStats', { filter });
      const streamed = messages.flatMap((message) => message.podSandboxStats);
      assert.deepEqual(
        streamed.map((one) => one.attributes),
        (await cri().call('ListPodSandboxStats', { filter })).stats.map((one) => one.attributes),
      );
      assert.ok(streamed.every((one) => BigInt(one.linux?.memory?.workingSetBytes?.value ?? 0) > 0n));
    }
  });
});
