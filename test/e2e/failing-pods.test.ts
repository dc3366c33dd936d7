import assert from 'node:assert/strict';
import { TempNode } from '../support/temp-node.ts';
import { endNode, listContainers, podOf, readLog, shellContainer, statusOf, stayAlive } from './pods.ts';

// Nobody listens on the port of the discard protocol.
const nobody = '127.0.0.1:9';

describe('a static Pod that fails', function () {
  this.timeout(150_000);
  let node: TempNode;

  before(async () => {
    node = await TempNode.start({ kubelet: true });
    const init = [shellContainer('init', 'echo cannot go on >&2; exit 7')];
    const main = [shellContainer('main', stayAlive)];
    // All at once, since each of them is mostly waited for.
    await node.kubelet.runPod(podOf('looping', { main: [shellContainer('crash', 'echo run; exit 3'), shellContainer('calm', stayAlive)] }));
    await node.kubelet.runPod(podOf('no-init', { init, main, spec: { restartPolicy: 'Never' } }));
    await node.kubelet.runPod(podOf('no-command', { main: [shellContainer('lost', '', { command: ['/no/such/program'] })] }));
    await node.kubelet.runPod(podOf('no-image', { main: [shellContainer('lost', stayAlive, { image: `${nobody}/app:404` })] }));
    await node.kubelet.runPod(podOf('once', { main: [shellContainer('job', 'echo done')], spec: { restartPolicy: 'Never' } }));
  });
  after(async () => {
    await endNode(node, 'looping', 'no-init', 'no-command', 'no-image', 'once');
  });

  it('is not started when an init container fails', async () => {
    const pod = await node.kubelet.untilPod('no-init', 'failed', (each) => each?.status?.phase === 'Failed');
    assert.ok(pod);
    const { terminated } = statusOf(pod, 'init').state ?? {};
    assert.equal(terminated?.exitCode, 7);
    assert.equal(terminated?.reason, 'Error');
    assert.deepEqual((await readLog(node, pod, 'init')).map(({ stream, text }) => `${stream}: ${text}`), ['stderr: cannot go on']);
    assert.deepEqual(await listContainers(node, 'main'), []);
  });

  it('has succeeded when its only container has', async () => {
    const pod = await node.kubelet.untilPod('once', 'succeeded', (each) => each?.status?.phase === 'Succeeded');
    assert.ok(pod);
    assert.equal(statusOf(pod, 'job').state?.terminated?.reason, 'Completed');
    assert.deepEqual((await readLog(node, pod, 'job')).map(({ text }) => text), ['done']);
  });

  it('says which command could not be started', async () => {
    const pod = await node.kubelet.untilPod('no-command', 'known to fail', (each) => {
      return each?.status?.containerStatuses?.[0]?.lastState?.terminated !== undefined;
    });
    const { terminated } = statusOf(pod, 'lost').lastState ?? {};
    assert.equal(terminated?.exitCode, 128);
    assert.equal(terminated?.reason, 'StartError');
    assert.match(terminated?.message ?? '', /\/no\/such\/program/);
  });

  it('says that a registry does not answer as the reason why it waits', async () => {
    const reasons = new Set<string>();
    const pod = await node.kubelet.untilPod('no-image', 'waiting for its image', (each) => {
      const waiting = each?.status?.containerStatuses?.[0]?.state?.waiting;
      reasons.add(waiting?.reason ?? '');
      return waiting?.reason === 'ImagePullBackOff';
    });
    assert.ok(pod);
    assert.ok(!reasons.has('ErrImagePull'), 'the kubelet knows why');
    const { message = '' } = statusOf(pod, 'lost').state?.waiting ?? {};
    assert.match(message, /RegistryUnavailable: image pull failed for \S+ because the registry is unavailable: pull image .*connection refused/);
    assert.ok(message.includes(nobody), message);
  });

  it('is restarted with back-off, and tells how it ended', async () => {
    const pod = await node.kubelet.untilPod('looping', 'restarted twice and waiting', (each) => {
      const crash = each?.status?.containerStatuses?.find(({ name }) => name === 'crash');
      return crash !== undefined && crash.restartCount >= 2 && crash.state?.waiting?.reason === 'CrashLoopBackOff';
    });
    assert.ok(pod);
    const crash = statusOf(pod, 'crash');
    assert.equal(crash.lastState?.terminated?.exitCode, 3);
    assert.equal(crash.lastState?.terminated?.reason, 'Error');
    assert.deepEqual((await readLog(node, pod, 'crash', crash.restartCount)).map(({ text }) => text), ['run']);
    assert.equal(statusOf(pod, 'calm').restartCount, 0);
  });
});
