import assert from 'node:assert/strict';
import type { Pod } from '../../support/node/kubelet.ts';
import { findStatus, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const good = shellContainer('good', idle);
const missing = 'docker.io/podwright/nobody-made-it:1';

describe('a Pod is up whole or not at all', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('whole-or-failed');

  before(async () => {
    await k8s.run(
      makePod('no-image', [good, { name: 'bad', image: missing }]),
      makePod('no-command', [good, { ...shellContainer('bad', ''), command: ['/no/such/program'] }]),
      makePod('half-dead', [good, shellContainer('bad', 'exit 3')], { restartPolicy: 'Never' }),
    );
  });

  /** What a Pod that is not whole says of itself: its good container runs, and it is never Ready. */
  function assertNotReady(pod: Pod): void {
    assert.notEqual(statusOf(pod, 'good').state?.running, undefined);
    const conditions = Object.fromEntries((pod.status?.conditions ?? []).map(({ type, status }) => [type, status]));
    assert.equal(conditions['Ready'], 'False');
    assert.equal(conditions['ContainersReady'], 'False');
    const wereReady = k8s.watch.history(pod.metadata.name).filter(({ status }) => status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True'));
    assert.deepEqual(wereReady, []);
  }

  it('is not Ready when one image cannot be pulled, and says which and why', async () => {
    const isAsked = (pod: Pod): boolean => findStatus(pod, 'bad')?.state?.waiting?.reason === 'ImagePullBackOff' && statusOf(pod, 'good').state?.running !== undefined;
    const pod = await k8s.untilPod('no-image', 'waiting for its image', isAsked);
    assertNotReady(pod);
    assert.equal(pod.status?.phase, 'Pending');
    assert.match(statusOf(pod, 'bad').state?.waiting?.message ?? '', new RegExp(`${missing}.*not found`, 's'));
  });

  it('is not Ready when one command cannot be started, and says which and why', async () => {
    const isRefused = (pod: Pod): boolean => findStatus(pod, 'bad')?.lastState?.terminated?.exitCode === 128 && statusOf(pod, 'good').state?.running !== undefined;
    const pod = await k8s.untilPod('no-command', 'refused', isRefused);
    assertNotReady(pod);
    assert.match(statusOf(pod, 'bad').lastState?.terminated?.message ?? '', /\/no\/such\/program.*no such file or directory/s);
  });

  it('has failed when one of its containers has and all have ended', async () => {
    const isHalf = (pod: Pod): boolean => findStatus(pod, 'bad')?.state?.terminated !== undefined && statusOf(pod, 'good').state?.running !== undefined;
    const half = await k8s.untilPod('half-dead', 'half dead', isHalf);
    assert.equal(half.status?.phase, 'Running');
    await k8s.endContainer('half-dead', 'good');
    const pod = await k8s.untilEnded('half-dead');
    assert.equal(pod.status?.phase, 'Failed');
    assert.equal(statusOf(pod, 'good').state?.terminated?.exitCode, 0);
    assert.equal(statusOf(pod, 'bad').state?.terminated?.exitCode, 3);
  });
});
