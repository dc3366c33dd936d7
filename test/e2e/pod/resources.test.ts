import assert from 'node:assert/strict';
import type { Pod } from '../../support/node/kubelet.ts';
import { shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

/** What the cgroup of a container says, whichever version the machine has. */
const readLimits = `cd /sys/fs/cgroup
if [ -e cgroup.controllers ]; then
  echo cpu $(cat cpu.max); echo memory $(cat memory.max); echo weight $(cat cpu.weight)
else
  quota=$(cat cpu/cpu.cfs_quota_us); [ $quota = -1 ] && quota=max
  memory=$(cat memory/memory.limit_in_bytes); [ \${#memory} -gt 15 ] && memory=max
  echo cpu $quota $(cat cpu/cpu.cfs_period_us); echo memory $memory; echo shares $(cat cpu/cpu.shares)
fi`;

/** What a request for CPU becomes: shares, or the weight that runc makes of them. */
const priority = (shares: number, weight: number): RegExp => new RegExp(`^(shares ${shares}|weight ${weight})$`, 'm');

/** A process that takes 200 MiB, if it is let. */
const greedy = { command: ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'] };
const resizable = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '250m', memory: '64Mi' } };

describe('the resources of a container', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('resources');

  before(() =>
    k8s.run(
      makePod('limited', [shellContainer('main', idle, { resources: resizable }), shellContainer('other', idle)]),
      makePod('careful', [
        shellContainer('main', idle, { resources: resizable, resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }),
        shellContainer('other', idle),
      ]),
      makePod('greedy', [shellContainer('main', '', { ...greedy, resources: { limits: { memory: '32Mi' } } })], { restartPolicy: 'Never' }),
      makePod('modest', [shellContainer('main', '', { ...greedy, resources: { limits: { memory: '256Mi' } } })], { restartPolicy: 'Never' }),
    ),
  );

  it('are the values of its cgroup', async () => {
    await k8s.untilReady('limited');
    const limits = await k8s.exec('limited', readLimits, 'main');
    assert.match(limits, /^cpu 25000 100000\nmemory 67108864$/m);
    assert.match(limits, priority(102, 4));
  });

  it('are its own: the container beside it has none', async () => {
    const limits = await k8s.exec('limited', readLimits, 'other');
    assert.match(limits, /^cpu max 100000\nmemory max$/m);
    assert.match(limits, priority(2, 1));
  });

  it('change while it runs, without a restart', async () => {
    const before = await k8s.untilReady('limited');
    await resize('limited', { requests: { cpu: '200m', memory: '48Mi' }, limits: { cpu: '500m', memory: '96Mi' } });
    const after = await k8s.untilPod('limited', 'resized', (pod) => resourcesOf(pod, 'main')?.limits?.['memory'] === '96Mi' && resourcesOf(pod, 'main')?.limits?.['cpu'] === '500m');
    const limits = await k8s.exec('limited', readLimits, 'main');
    assert.match(limits, /^cpu 50000 100000\nmemory 100663296$/m);
    assert.match(limits, priority(204, 8));
    assert.equal(statusOf(after, 'main').containerID, statusOf(before, 'main').containerID);
    assert.equal(statusOf(after, 'main').restartCount, 0);
  });

  it('change with a restart where the Pod wants one', async () => {
    const before = await k8s.untilReady('careful');
    await resize('careful', { requests: { memory: '48Mi' }, limits: { memory: '96Mi' } });
    const after = await k8s.untilPod('careful', 'resized', (pod) => statusOf(pod, 'main').restartCount === 1 && resourcesOf(pod, 'main')?.limits?.['memory'] === '96Mi');
    assert.match(await k8s.exec('careful', readLimits, 'main'), /^memory 100663296$/m);
    assert.notEqual(statusOf(after, 'main').containerID, statusOf(before, 'main').containerID);
    assert.equal(statusOf(after, 'other').containerID, statusOf(before, 'other').containerID);
  });

  it('have it OOMKilled with 137 when it takes more memory than its limit', async () => {
    const { exitCode, reason } = statusOf(await k8s.untilEnded('greedy'), 'main').state?.terminated ?? {};
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
    assert.equal(statusOf(await k8s.untilEnded('modest'), 'main').state?.terminated?.reason, 'Completed');
  });

  async function resize(name: string, resources: object): Promise<void> {
    const patch = { spec: { containers: [{ name: 'main', resources }] } };
    await k8s.kubectl('patch', 'pod', name, '--subresource=resize', `--patch=${JSON.stringify(patch)}`);
  }
});

interface Resources {
  readonly limits?: Readonly<Record<string, string>>;
}

/** The resources that a container has, as the runtime says. */
function resourcesOf(pod: Pod, container: string): Resources | undefined {
  return (statusOf(pod, container) as { readonly resources?: Resources }).resources;
}
