import assert from 'node:assert/strict';
import { TempNode } from '../support/temp-node.ts';
import { endNode, listContainers, podOf, readLog, shellContainer, statusOf, stayAlive } from './pods.ts';

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
    await node.kubelet.runPod(podOf('once', { main: [shellContainer('job', 'echo done')], spec: { restartPolicy: 'Never' } }));
  });
  after(async () => {
    await endNode(node, 'looping', 'no-init', 'no-command', 'once');
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
