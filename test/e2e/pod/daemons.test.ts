import assert from 'node:assert/strict';
import { webImage } from '../../../hack/images/catalogue.ts';
import { eventually } from '../../support/eventually.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import type { TempNode } from '../../support/temp-node.ts';
import { incarnations, isReady, shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

/** Often enough to be asked while a daemon is away. */
const often = { periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 1 };
const counting = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.2 & wait $!; done';

const pods: readonly Pod[] = [
  makePod('plain', [shellContainer('main', idle)]),
  makePod('probed', [
    { name: 'web', image: webImage, readinessProbe: { httpGet: { port: 8080 }, ...often }, livenessProbe: { tcpSocket: { port: 8080 }, ...often } },
    shellContainer('exec', idle, { readinessProbe: { exec: { command: ['true'] }, ...often }, livenessProbe: { exec: { command: ['true'] }, ...often } }),
  ]),
  makePod('sidecar', [shellContainer('main', counting)], { initContainers: [shellContainer('side', idle, { restartPolicy: 'Always' })] }),
  makePod('shared', [shellContainer('main', idle), shellContainer('other', idle)], { shareProcessNamespace: true }),
];

describe("a daemon's restart", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('daemons');
  let began: readonly Pod[];
  let serial = 0;

  before(async () => {
    began = await k8s.start(...pods);
  });

  /**
   * Once a new Pod has come up, everybody has looked at everything again. Until then no Pod may have been anything
   * but Ready, and all of them run in the containers that they began with.
   */
  async function assertUnharmed(): Promise<void> {
    const fresh = `fresh-${++serial}`;
    await k8s.start(makePod(fresh, [shellContainer('main', idle)]));
    for (const before of began) {
      const { name } = before.metadata;
      const told = k8s.watch.history(name);
      const lapses = told.slice(told.findIndex(isReady)).filter((pod) => !isReady(pod));
      assert.deepEqual(lapses.map(({ status }) => status), [], `${name} was not Ready all the time`);
      const now = k8s.pod(name);
      assert.ok(now, `${name} is gone`);
      assert.deepEqual(incarnations(now), incarnations(before), name);
      assert.equal(now.status?.podIP, before.status?.podIP, name);
    }
    const lines = (await k8s.logs('sidecar', 'main', '--tail=-1')).trim().split('\n').map(Number);
    // Rotation may have taken the oldest.
    assert.deepEqual(lines, lines.map((_, i) => (lines[0] ?? 0) + i));
    // They are still there to be worked with.
    for (const { metadata } of began) assert.equal(await k8s.exec(metadata.name, 'echo here'), 'here\n');
    await k8s.kubectl('delete', 'pod', fresh, '--wait=false');
    await k8s.untilGone(fresh);
  }

  /** A kubelet forgets of containers younger than this that they were ready. */
  async function untilOldEnough(): Promise<void> {
    const started = began.flatMap(({ status }) => status?.containerStatuses?.map(({ state }) => Date.parse(state?.running?.startedAt ?? '')) ?? []);
    await eventually('the containers are ten seconds old', () => Date.now() - Math.max(...started) > 11_000);
  }

  /** Kills the kubelet and others all at once, and starts them anew. */
  async function crash(...others: readonly (TempNode['podwright'] | TempNode['containerd'])[]): Promise<void> {
    const { kubelet } = k8s.node;
    await Promise.all([kubelet, ...others].map((daemon) => daemon.kill()));
    await Promise.all(others.map((daemon) => daemon.start()));
    // It ends where it finds no runtime, and here is no systemd to start it again.
    await kubelet.start();
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`of podwright does its Pods no harm (${signal})`, async () => {
      await k8s.node.podwright.restart(signal);
      await assertUnharmed();
    });

    it(`of containerd does its Pods no harm (${signal})`, async () => {
      await k8s.node.containerd.restart(signal);
      await assertUnharmed();
    });

    it(`of the kubelet does its Pods no harm (${signal})`, async () => {
      await untilOldEnough();
      await k8s.node.kubelet.restart(signal);
      await assertUnharmed();
    });
  }

  it('of all three at once does its Pods no harm', async () => {
    await crash(k8s.node.podwright, k8s.node.containerd);
    await assertUnharmed();
  });

  it('of podwright and the kubelet at once lets a Pod be deleted whose deletion began before it', async () => {
    await k8s.start(makePod('leaving', [shellContainer('main', `trap '' TERM; ${idle}`)], { terminationGracePeriodSeconds: 3 }));
    await k8s.kubectl('delete', 'pod', 'leaving', '--wait=false');
    await crash(k8s.node.podwright);
    await k8s.untilGone('leaving');
  });
});
