import assert from 'node:assert/strict';
import { webImage } from '../../hack/images/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import { TempNode } from '../support/temp-node.ts';
import { endNode, idOf, isReady, listContainers, podOf, readLog, removePod, shellContainer, statusOf, stayAlive, untilNothingIsLeft, untilReady } from './pods.ts';

const note = (name: string): string => `echo ${name} >> /shared/order`;

describe('a static Pod of a real kubelet', function () {
  this.timeout(150_000);
  let node: TempNode;

  before(async () => {
    node = await TempNode.start({ kubelet: true });
  });
  after(async () => {
    await endNode(node);
  });

  it('starts its init containers, sidecar and containers in their order', async () => {
    await node.kubelet.runPod(
      podOf('order', {
        init: [
          shellContainer('first', note('first')),
          shellContainer('sidecar', `${note('sidecar')}; ${stayAlive}`, { restartPolicy: 'Always' }),
          shellContainer('second', note('second')),
        ],
        main: [shellContainer('main', `${note('main')}; cat /shared/order; echo ready >&2; ${stayAlive}`)],
      }),
    );

    const pod = await untilReady(node, 'order');

    assert.equal(statusOf(pod, 'first').state?.terminated?.reason, 'Completed');
    assert.equal(statusOf(pod, 'second').state?.terminated?.exitCode, 0);
    assert.ok(statusOf(pod, 'sidecar').state?.running);
    assert.ok(pod.status?.podIP?.startsWith(`${node.facts.subnet}.`), pod.status?.podIP);
    const log = await eventually('the whole log of main', async () => {
      const records = await readLog(node, pod, 'main');
      return records.length >= 5 && records;
    });
    assert.deepEqual(log.filter(({ stream }) => stream === 'stdout').map(({ text }) => text), ['first', 'sidecar', 'second', 'main']);
    assert.deepEqual(log.filter(({ stream }) => stream === 'stderr').map(({ text }) => text), ['ready']);
  });

  it('shows its log through the kubelet', async () => {
    const pod = await untilReady(node, 'order');
    const log = await node.kubelet.get(`/containerLogs/default/${pod.metadata.name}/main?tailLines=2`);
    assert.equal(log.split('\n').length, 3, log);
  });

  it('has its usage told by the runtime', async () => {
    const pod = await untilReady(node, 'order');
    const containers = await eventually('usage of two running containers', async () => {
      const { pods } = JSON.parse(await node.kubelet.get('/stats/summary')) as {
        pods: { podRef: { name: string }; containers?: { name: string; memory?: { workingSetBytes?: number } }[] }[];
      };
      const usage = pods.find(({ podRef }) => podRef.name === pod.metadata.name)?.containers ?? [];
      return usage.length === 2 && usage.every(({ memory }) => (memory?.workingSetBytes ?? 0) > 0) && usage;
    });
    assert.deepEqual(containers.map(({ name }) => name).sort(), ['main', 'sidecar']);
  });

  it('is Ready only when its readiness probe over HTTP says so', async () => {
    const probe = { httpGet: { path: '/ready.html', port: 8080 }, periodSeconds: 1 };
    await node.kubelet.runPod(podOf('web', { main: [{ name: 'web', image: webImage, readinessProbe: probe }] }));
    const pod = await node.kubelet.untilPod('web', 'running', (each) => each?.status?.phase === 'Running');
    assert.ok(pod);
    assert.equal(isReady(pod), false);

    await node.crictl('exec', '--sync', idOf(pod, 'web'), 'touch', '/www/ready.html');

    const ready = await untilReady(node, 'web');
    assert.equal(statusOf(ready, 'web').restartCount, 0);
    await removePod(node, 'web');
  });

  it('has the one container restarted whose exec liveness probe fails', async () => {
    const livenessProbe = { exec: { command: ['test', '-e', '/tmp/healthy'] }, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1 };
    const script = `echo started; touch /tmp/healthy; ${stayAlive}`;
    await node.kubelet.runPod(
      podOf('live', { main: [shellContainer('probed', script, { livenessProbe }), shellContainer('beside', stayAlive)] }),
    );
    const before = await untilReady(node, 'live');

    await node.crictl('exec', '--sync', idOf(before, 'probed'), 'rm', '/tmp/healthy');

    const after = await node.kubelet.untilPod('live', 'restarted', (pod) => isReady(pod) && statusOf(pod, 'probed').restartCount === 1);
    assert.ok(after);
    assert.notEqual(idOf(after, 'probed'), idOf(before, 'probed'));
    assert.equal(statusOf(after, 'probed').lastState?.terminated?.exitCode, 0);
    assert.equal(idOf(after, 'beside'), idOf(before, 'beside'));
    assert.equal(statusOf(after, 'beside').restartCount, 0);
    assert.deepEqual((await readLog(node, after, 'probed', 1)).map(({ text }) => text), ['started']);
    await removePod(node, 'live');
  });

  it('is ended when its manifest is taken away, and the kubelet has all of it removed', async () => {
    await removePod(node, 'order');
    assert.deepEqual((await listContainers(node, 'main')).filter(({ state }) => state === 'CONTAINER_RUNNING'), []);

    await untilNothingIsLeft(node);

    assert.deepEqual(JSON.parse(await node.crictl('pods', '--output', 'json')), { items: [] });
  });
});
