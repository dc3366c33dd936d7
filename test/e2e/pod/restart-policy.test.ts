import assert from 'node:assert/strict';
import { type ContainerSpec, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const volumes = [{ name: 'shared', emptyDir: {} }];
const mounted = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };

/** Ends with the first of these exit codes, then with the next, and with the last of them for ever. Notes each run. */
function endingWith(name: string, codes: readonly number[], fields: object = {}): ContainerSpec {
  const script = `echo run >> /shared/${name}; set -- ${codes.join(' ')}; i=$(wc -l < /shared/${name}); while [ $i -gt 1 ] && [ $# -gt 1 ]; do shift; i=$((i-1)); done; echo ends with $1; exit $1`;
  return { ...shellContainer(name, script), ...mounted, ...fields };
}

const restartOn = (action: string, code: number): object => ({
  restartPolicy: 'Never',
  restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [code] } }],
});

describe('a container that ends', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('restart-policy');

  before(async () => {
    const staying = shellContainer('staying', `echo run >> /shared/staying; ${idle}`, mounted);
    await k8s.run(
      makePod('always', [endingWith('main', [0, 3]), staying], { volumes, restartPolicy: 'Always' }),
      makePod('on-failure', [endingWith('main', [3, 4, 0])], { volumes, restartPolicy: 'OnFailure' }),
      makePod('never', [endingWith('main', [3])], { volumes, restartPolicy: 'Never' }),
      makePod('by-rule', [endingWith('main', [42, 42, 3], restartOn('Restart', 42))], { volumes, restartPolicy: 'Never' }),
      makePod('all-by-rule', [endingWith('main', [42, 3], restartOn('RestartAllContainers', 42)), staying], { volumes, restartPolicy: 'Never' }),
      makePod('crashing', [shellContainer('main', 'exit 1')]),
    );
  });

  it('is started again where the policy is Always, whether it failed or not', async () => {
    const { lastState } = await k8s.untilContainer('always', 'main', 'started twice more', ({ restartCount }) => restartCount >= 2);
    assert.notEqual(lastState?.terminated, undefined);
    const codes = k8s.watch.history('always').flatMap((pod) => pod.status?.containerStatuses ?? []).map(({ lastState: last }) => last?.terminated?.exitCode);
    assert.ok(codes.includes(0) && codes.includes(3), `exit codes ${codes.join(' ')}`);
    assert.equal(statusOf(k8s.pod('always'), 'staying').restartCount, 0);
  });

  it('is started again until it succeeds where the policy is OnFailure', async () => {
    const pod = await k8s.untilEnded('on-failure');
    assert.equal(pod.status?.phase, 'Succeeded');
    assert.equal(statusOf(pod, 'main').restartCount, 2);
    assert.equal(statusOf(pod, 'main').state?.terminated?.exitCode, 0);
  });

  it('is not started again where the policy is Never', async () => {
    const pod = await k8s.untilEnded('never');
    assert.equal(pod.status?.phase, 'Failed');
    assert.equal(statusOf(pod, 'main').restartCount, 0);
    assert.equal(await k8s.logs('never'), 'ends with 3\n');
  });

  it('is started again where a rule of its own has its exit code, whatever the Pod says', async () => {
    const pod = await k8s.untilEnded('by-rule');
    assert.equal(pod.status?.phase, 'Failed');
    assert.equal(statusOf(pod, 'main').restartCount, 2);
    assert.equal(statusOf(pod, 'main').state?.terminated?.exitCode, 3);
  });

  it('takes all others of its Pod with it into a new start where a rule says so', async () => {
    await k8s.untilContainer('all-by-rule', 'main', 'ended for good', ({ state }) => state?.terminated?.exitCode === 3);
    await k8s.untilRunning('all-by-rule', 'staying', 1);
    assert.equal(await k8s.exec('all-by-rule', 'cat /shared/staying', 'staying'), 'run\nrun\n');
  });

  it('is waited with longer from one crash to the next', async () => {
    const delays = (): number[] => {
      const messages = k8s.watch.history('crashing').flatMap((pod) => pod.status?.containerStatuses ?? []).map(({ state }) => state?.waiting?.message ?? '');
      return [...new Set(messages.flatMap((message) => /^back-off (\d+)s restarting/.exec(message)?.[1] ?? []))].map(Number);
    };
    await k8s.untilPod('crashing', 'held back for three different times', () => delays().length >= 3);
    assert.deepEqual(delays(), delays().toSorted((one, other) => one - other));
  });
});
