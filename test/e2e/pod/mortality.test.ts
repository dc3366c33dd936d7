import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import { findReservations } from '../../support/node/network.ts';
import { isReady, shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const labels = { app: 'mortal' };
const { spec } = makePod('', [shellContainer('main', `echo born >> /life; ${idle}`)]);
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'mortal' },
  spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
};

describe('a Pod is mortal', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('mortality');
  let old: Pod;
  let successor: Pod;
  let oldSandbox: string;

  const untilOne = (besides?: Pod): Promise<Pod> =>
    k8s.watch.until(() => k8s.watch.all().find((pod) => pod.metadata.uid !== besides?.metadata.uid && isReady(pod)), 120_000);
  const sandboxOf = async ({ metadata }: Pod): Promise<string> => (await k8s.node.crictl('pods', '--quiet', '--label', `io.kubernetes.pod.uid=${metadata.uid}`)).trim();

  before(async () => {
    await k8s.create(deployment);
    old = await untilOne();
    oldSandbox = await sandboxOf(old);
    await k8s.kubectl('delete', 'pod', old.metadata.name, '--timeout=120s');
    successor = await untilOne(old);
  });

  it("is followed by another one of its Deployment's, with another name and uid", () => {
    assert.notEqual(successor.metadata.name, old.metadata.name);
    assert.notEqual(successor.metadata.uid, old.metadata.uid);
  });

  it('is followed by one in another sandbox', async () => {
    const sandbox = await sandboxOf(successor);
    assert.match(sandbox, /^[0-9a-f]{64}$/);
    assert.match(oldSandbox, /^[0-9a-f]{64}$/);
    assert.notEqual(sandbox, oldSandbox);
  });

  it('is followed by one with another address', () => {
    assert.notEqual(successor.status?.podIP, old.status?.podIP);
  });

  it('takes its files with it', async () => {
    assert.equal(await k8s.exec(successor.metadata.name, 'cat /life'), 'born\n');
  });

  it('leaves its address free', async () => {
    const taken = await findReservations(k8s.node.facts);
    assert.ok(taken.includes(successor.status?.podIP ?? ''));
    assert.equal(taken.includes(old.status?.podIP ?? ''), false);
  });

  it('leaves no sandbox that is ready', async () => {
    await eventually('the old sandbox is not ready', async () => !(await k8s.node.crictl('pods', '--quiet', '--state', 'Ready')).includes(oldSandbox));
  });
});
