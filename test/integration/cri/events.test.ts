import assert from 'node:assert/strict';
import { useCriNode } from '../../support/cri-node.ts';
import { EventStream } from '../../support/cri-stream.ts';
import { eventually } from '../../support/eventually.ts';

describe('container events', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  it('come for all that happens to a Pod and its containers, to every reader, each saying which Pod', async () => {
    const readers = [await EventStream.open(cri()), await EventStream.open(cri())];
    const pod = await cri().runPod();
    const container = await pod.runScript('exit 3');
    for (const events of readers) {
      await events.of(pod.id, 'CONTAINER_CREATED_EVENT');
      await events.of(container.id, 'CONTAINER_CREATED_EVENT');
      const started = await events.of(container.id, 'CONTAINER_STARTED_EVENT');
      assert.equal(started.podSandboxStatus?.state, 'SANDBOX_READY');
      const { containersStatuses, createdAt } = await events.of(container.id, 'CONTAINER_STOPPED_EVENT');
      assert.deepEqual(containersStatuses.map(({ id, state, exitCode }) => [id, state, exitCode]), [[container.id, 'CONTAINER_EXITED', 3]]);
      assert.equal(createdAt, containersStatuses[0]?.finishedAt);
    }
    await container.remove();
    await pod.stop();
    await pod.remove();
    for (const events of readers) {
      await events.of(container.id, 'CONTAINER_DELETED_EVENT');
      const last = await events.of(pod.id, 'CONTAINER_DELETED_EVENT');
      assert.deepEqual([last.podSandboxStatus?.id, last.podSandboxStatus?.state], [pod.id, 'SANDBOX_NOTREADY']);
      assert.ok(events.events.every((event) => event.podSandboxStatus?.metadata?.uid === pod.config.metadata?.uid));
      for (const word of ['CREATED', 'STARTED', 'STOPPED', 'DELETED']) {
        const told = events.events.filter(({ containerEventType }) => containerEventType === `CONTAINER_${word}_EVENT`);
        assert.equal(told.length, 2, `one ${word} of the Pod and one of the container`);
      }
      assert.equal(events.ended, undefined, 'the stream goes on');
      events.close();
    }
  });

  it('come for a Pod that ends by itself, because its first process does', async () => {
    const pod = await cri().runPod({ linux: { securityContext: { namespaceOptions: { pid: 'POD' } } } });
    const events = await EventStream.open(cri());
    process.kill(await pod.pausePid(), 'SIGKILL');
    const { podSandboxStatus } = await events.of(pod.id, 'CONTAINER_STOPPED_EVENT');
    assert.equal(podSandboxStatus?.state, 'SANDBOX_NOTREADY');
    events.close();
  });

  it('are counted in what Status tells: who reads, and what slow readers missed', async () => {
    const counts = async (): Promise<unknown> => {
      const { info } = await cri().call('Status', { verbose: true });
      return JSON.parse(info['events'] ?? '{}');
    };
    const events = await EventStream.open(cri());
    assert.deepEqual(await counts(), { readers: 1, dropped: 0 });
    events.close();
    await eventually('nobody reads', async () => JSON.stringify(await counts()) === JSON.stringify({ readers: 0, dropped: 0 }));
  });

  it('end with podwright and not before, and are there again after it', async () => {
    const events = await EventStream.open(cri());
    await cri().restartPodwright('SIGTERM');
    assert.notEqual(events.ended, undefined);
    const again = await EventStream.open(cri());
    const pod = await cri().runPod();
    await again.of(pod.id, 'CONTAINER_STARTED_EVENT');
    again.close();
  });
});
