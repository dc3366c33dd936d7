// make bench-cluster: 100 Pods scheduled at once onto the node of a cluster, on podwright and on containerd's own CRI
// in turns, each in a fresh cluster: how long until all are Ready, until all are gone, and what the kubelet counted.
//   cluster.ts [--rounds=3] [--pods=100]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isTrue, type Resource } from '../../test/support/cluster/resources.ts';
import { TempCluster } from '../../test/support/temp-cluster.ts';
import { busyboxImage } from '../images/catalogue.ts';
import { table } from '../screen/screen.ts';
import { type Histogram, quantile, readHistograms, since, total } from './histogram.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, pods: { type: 'string', default: '100' } } });
const rounds = Number(values.rounds);
const podCount = Number(values.pods);

const deadlineMs = 600_000;
const podsUrl = '/api/v1/namespaces/default/pods';
const operations = 'kubelet_runtime_operations_duration_seconds';

type RuntimeName = 'podwright' | 'containerd';

/** What one round on one runtime came to. */
interface Round {
  readonly readyS: number;
  readonly goneS: number;
  /** The kubelet's calls to its runtime, by kind. */
  readonly calls: ReadonlyMap<string, Histogram>;
}

const done: Record<RuntimeName, Round[]> = { podwright: [], containerd: [] };
for (let round = 0; round < rounds; round += 1) {
  const both: RuntimeName[] = ['podwright', 'containerd'];
  for (const runtime of round % 2 === 0 ? both : both.toReversed()) {
    console.error(`${podCount} Pods on ${runtime}, round ${round + 1} of ${rounds}`);
    const result = await oneRound(runtime);
    console.error(`  Ready after ${result.readyS.toFixed(1)} s, gone after ${result.goneS.toFixed(1)} s`);
    done[runtime].push(result);
  }
}
print();
process.exit(0);

async function oneRound(runtime: RuntimeName): Promise<Round> {
  const cluster = await TempCluster.start({
    criPlugin: runtime === 'containerd',
    // What is measured is not to be the kubelet's own restraint.
    kubelet: { config: { maxPods: 250, kubeAPIQPS: 1000, kubeAPIBurst: 1000, eventRecordQPS: 0, registryPullQPS: 0 } },
  });
  try {
    // Pulls the image, and has everything be used once.
    await upAndDown(cluster, 'warm', 2);
    const before = await callsOf(cluster);
    const { readyS, goneS } = await upAndDown(cluster, 'bench', podCount);
    const after = await callsOf(cluster);
    return { readyS, goneS, calls: new Map([...after].map(([kind, calls]) => [kind, since(calls, before.get(kind))])) };
  } finally {
    await cluster.stop();
  }
}

/** Has Pods bound all at once, waits until all are Ready, deletes them, and waits until none is left. */
async function upAndDown(cluster: TempCluster, name: string, count: number): Promise<{ readonly readyS: number; readonly goneS: number }> {
  const scheduler = cluster.controlPlane.daemon('kube-scheduler').pid ?? 0;
  process.kill(scheduler, 'SIGSTOP');
  const items = Array.from({ length: count }, (_, i) => podOf(`${name}-${i}`));
  const { code, stderr } = await cluster.tryKubectl(['create', '--filename=-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (code !== 0) throw new Error(`kubectl create: ${stderr}`);
  process.kill(scheduler, 'SIGCONT');
  const readyS = await untilPods(cluster, 'are Ready', (pods) => pods.length === count && pods.every((pod) => isTrue(pod, 'Ready')));
  await cluster.kubectl('delete', 'pods', '--all', '--wait=false');
  const goneS = await untilPods(cluster, 'are gone', (pods) => pods.length === 0);
  return { readyS, goneS };
}

function podOf(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 10,
      containers: [{ name: 'main', image: busyboxImage, command: ['sh', '-c', "trap 'exit 0' TERM; sleep 100000 & wait"] }],
    },
  };
}

/** Waits until the Pods are as `test` wants them; returns how long that took, s. */
async function untilPods(cluster: TempCluster, what: string, test: (pods: readonly Resource[]) => boolean): Promise<number> {
  const beganMs = performance.now();
  for (;;) {
    const { items } = await cluster.get<{ readonly items: readonly Resource[] }>(podsUrl);
    const tookMs = performance.now() - beganMs;
    if (test(items)) return tookMs / 1000;
    if (tookMs > deadlineMs) throw new Error(`not all Pods ${what} after ${deadlineMs / 1000} s`);
    await sleep(100);
  }
}

async function callsOf(cluster: TempCluster): Promise<Map<string, Histogram>> {
  return readHistograms(await cluster.node.kubelet.get('/metrics'), operations, 'operation_type');
}

function print(): void {
  const rows = [['', 'podwright', 'containerd', 'ratio', 'goal'], timeRow(`${podCount} Pods Ready, s`, 'readyS'), timeRow(`${podCount} Pods gone, s`, 'goneS')];
  console.log(table(rows));
  const kinds = [...new Set([...done.podwright, ...done.containerd].flatMap(({ calls }) => [...calls.keys()]))].sort();
  console.log(`\n${operations}, p99 of all rounds, ms`);
  console.log(table([['', 'n', 'podwright', 'n', 'containerd', 'ratio'], ...kinds.map(callRow)]));
}

/** The medians of a time, side by side. */
function timeRow(name: string, key: 'readyS' | 'goneS'): string[] {
  const median = (runtime: RuntimeName): number => {
    const sorted = done[runtime].map((round) => round[key]).toSorted((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  };
  const [ours, theirs] = [median('podwright'), median('containerd')];
  return [name, ours.toFixed(1), theirs.toFixed(1), (ours / theirs).toFixed(2), ours <= theirs ? 'ok <=1.0' : 'MISSED <=1.0'];
}

function callRow(kind: string): string[] {
  const [ours, theirs] = [added('podwright', kind), added('containerd', kind)];
  const [p99, theirP99] = [quantile(ours, 0.99) * 1000, quantile(theirs, 0.99) * 1000];
  return [kind, String(total(ours)), p99.toFixed(1), String(total(theirs)), theirP99.toFixed(1), (p99 / theirP99).toFixed(2)];
}

/** One kind of call over all rounds. */
function added(runtime: RuntimeName, kind: string): Histogram {
  const all = done[runtime].flatMap(({ calls }) => calls.get(kind) ?? []);
  const bounds = [...new Set(all.map(({ le }) => le))].sort((a, b) => a - b);
  return bounds.map((le) => ({ le, count: all.filter((bucket) => bucket.le === le).reduce((sum, { count }) => sum + count, 0) }));
}
