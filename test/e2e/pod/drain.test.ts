import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import { isReady, shellContainer, untilNothingIsLeft } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const replicas = 30;
const labels = { app: 'many' };

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'many' },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 1,
        volumes: [{ name: 'data', emptyDir: {} }, { name: 'memory', emptyDir: { medium: 'Memory' } }],
        containers: [shellContainer('main', idle, { volumeMounts: [{ name: 'data', mountPath: '/data' }, { name: 'memory', mountPath: '/memory' }] })],
      },
    },
  },
};

describe('a node with 30 Pods', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('drain');

  before(async () => {
    await k8s.create(deployment);
    await allReady();
  });
  // Whatever went wrong, the next file's Pods need the node.
  after(() => k8s.cluster.kubectl('uncordon', k8s.node.facts.name));

  it('is drained of them, and takes none again', async () => {
    const pods = k8s.watch.all();
    await k8s.cluster.kubectl('cordon', k8s.node.facts.name);
    // The scheduler hears of it in its own time, and what it decides until then it decides for the node.
    await k8s.run(makePod('rejected', [shellContainer('main', idle)]));
    await k8s.untilPod('rejected', 'unschedulable', ({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'PodScheduled' && is === 'False') ?? false);
    await k8s.kubectl('delete', 'pod', 'rejected');
    await k8s.untilGone('rejected');
    await k8s.kubectl('drain', k8s.node.facts.name, '--pod-selector=app=many', '--delete-emptydir-data', '--force', '--ignore-daemonsets', '--timeout=120s');
    for (const { metadata } of pods) await k8s.untilGone(metadata.name, 120_000);
    const successors = k8s.watch.all();
    assert.deepEqual(new Set(successors.map(({ status }) => status?.phase)), new Set(['Pending']));
  });

  it('has nothing left of them then', () => assertNothingLeft());

  it('takes them again, and is rid of them when their Deployment is deleted', async () => {
    await k8s.cluster.kubectl('uncordon', k8s.node.facts.name);
    await allReady();
    await k8s.kubectl('delete', 'deployment', 'many');
    await k8s.watch.until(() => k8s.watch.all().length === 0, 120_000);
    await assertNothingLeft();
  });

  async function allReady(): Promise<void> {
    const ready = (): Pod[] => k8s.watch.all().filter(isReady);
    await k8s.watch.until(() => ready().length === replicas, 120_000).catch((error: unknown) => {
      throw new Error(`${ready().length} of ${replicas} Pods are Ready`, { cause: error });
    });
  }

  /** No process, mount, namespace, address, cgroup, shim or record. */
  async function assertNothingLeft(): Promise<void> {
    const onNode = `/api/v1/pods?fieldSelector=spec.nodeName=${k8s.node.facts.name}`;
    let pods: readonly Pod[] = [];
    await eventually(
      () => `the node has no Pod, those of the files before this one included; there are ${pods.map(({ metadata }) => metadata.name).join(', ')}`,
      async () => {
        pods = (await k8s.cluster.get<{ readonly items: readonly Pod[] }>(onNode)).items;
        return pods.length === 0;
      },
      60_000,
    );
    // The kubelet's own collector of ended sandboxes comes once a minute.
    await k8s.node.crictl('rmp', '--all', '--force');
    await untilNothingIsLeft(k8s.node);
  }
});
