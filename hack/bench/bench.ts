// make bench: podwright beside containerd's own CRI, on one containerd, runc, CNI network and set of images,
// taking turns in one run, so that a machine whose speed drifts is as slow for both.
//   bench.ts [--rounds=20] [--only=lifecycle,questions,burst,log,pull,create,streaming,lists]
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { CriClient } from '../../test/support/cri-client.ts';
import { largeImage } from '../images/bench.ts';
import { buildImages } from '../images/build.ts';
import { pushImages } from '../images/push.ts';
import { TempNode } from '../../test/support/temp-node.ts';
import { busybox, podDown, podUp, pull, type BenchPod } from './pod.ts';
import { printGoals, printMachine, printTable, type Goal } from './report.ts';
import { Timings, usageOf, type Runtime } from './runtime.ts';
import { streaming } from './streaming.ts';
import { burst, heavyCreate, inParallel, lifecycle, logThroughput, pullOnce, questions } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    only: { type: 'string', default: 'lifecycle,questions,burst,log,pull,create,streaming,lists' },
  },
});
const rounds = Number(values.rounds);
const wanted = new Set(values.only.split(','));

const [loadBefore = Number.NaN] = loadavg();
const loopMonitor = new URL('loop-monitor.mjs', import.meta.url).pathname;
const node = await TempNode.start({ criPlugin: true, stateInMemory: true, onProgress: (what) => console.error(`${what} ...`) });
try {
  const loopFile = path.join(node.root, 'loop.json');
  const podwright = await node.startPodwright({
    // Tests have it log each call; what is compared with has the level of its default, and so has this.
    config: { containerd: { namespace: 'podwright' }, log: { level: 'info' } },
    env: { NODE_OPTIONS: `--import=${loopMonitor}`, LOOP_MONITOR_FILE: loopFile },
  });
  const cgroup = `${node.facts.cgroup}/bench`;
  const ours: Runtime = { name: 'podwright', socket: podwright.socket, client: new CriClient(podwright.socket), pid: podwright.pid ?? 0, cgroup };
  const theirs: Runtime = {
    name: 'containerd',
    socket: node.containerd.socket,
    client: new CriClient(node.containerd.socket),
    pid: node.containerd.pid ?? 0,
    cgroup,
  };
  await measure(ours, theirs, path.join(node.root, 'logs'), loopFile);
  ours.client.close();
  theirs.client.close();
} finally {
  await node.stop();
}

/** Runs the scenarios, the two runtimes taking turns in each, and prints what came out. */
async function measure(ours: Runtime, theirs: Runtime, logs: string, loopFile: string): Promise<void> {
  const both = [ours, theirs];
  const imageIds = new Map<Runtime, string>();
  for (const runtime of both) imageIds.set(runtime, await pull(runtime, busybox));
  const timings = new Map(both.map((runtime) => [runtime, new Timings()]));
  const of = (runtime: Runtime): [Runtime, Timings, string, string] => [
    runtime,
    timings.get(runtime) ?? new Timings(),
    imageIds.get(runtime) ?? '',
    logs,
  ];
  const goals: Goal[] = [];
  const memory = (await usageOf(ours.pid)).rssMb;

  if (wanted.has('lifecycle')) {
    for (const runtime of both) await lifecycle(runtime, new Timings(), imageIds.get(runtime) ?? '', logs);
    for (let round = 0; round < rounds; round += 1) {
      console.error(`one Pod up and down, round ${round + 1} of ${rounds}`);
      for (const runtime of turns(both, round)) await lifecycle(...of(runtime));
    }
  }
  goals.push({ name: 'RSS idle, MB', ours: (await usageOf(ours.pid)).rssMb, theirs: Number.NaN, limit: 110 });
  if (wanted.has('questions')) {
    const pods = new Map<Runtime, BenchPod[]>();
    for (const runtime of both) {
      console.error(`50 Pods on ${runtime.name}`);
      pods.set(runtime, await inParallel(50, 4, () => podUp(runtime, new Timings(), imageIds.get(runtime) ?? '', logs)));
    }
    goals.push(await idleCpu(ours, theirs));
    for (let round = 0; round < 3; round += 1) {
      for (const runtime of turns(both, round)) {
        await questions(runtime, timings.get(runtime) ?? new Timings(), pods.get(runtime) ?? []);
      }
    }
    goals.push({
      name: 'RSS with 50 Pods, MB',
      ours: (await usageOf(ours.pid)).rssMb,
      theirs: (await usageOf(theirs.pid)).rssMb,
      limit: 130,
    });
    for (const runtime of both) {
      const left = [...(pods.get(runtime) ?? [])];
      await inParallel(left.length, 4, async () => {
        const pod = left.pop();
        if (pod !== undefined) await podDown(runtime, new Timings(), pod);
      });
    }
  }
  if (wanted.has('burst')) {
    await loopDelays(ours.pid, loopFile);
    for (let round = 0; round < 3; round += 1) {
      console.error(`a burst of 32 Pods, round ${round + 1} of 3`);
      for (const runtime of turns(both, round)) await burst(...of(runtime));
    }
    const delays = await loopDelays(ours.pid, loopFile);
    goals.push({ name: 'event loop delay in the burst, p99 ms', ours: delays.p99Ms, theirs: Number.NaN, limit: 50 });
    goals.push({ name: 'event loop delay in the burst, most ms', ours: delays.maxMs, theirs: Number.NaN, limit: 50 });
  }
  if (wanted.has('pull')) {
    await pushImages(await buildImages('bench'), { url: node.registry.url });
    const pulls = Math.max(5, Math.ceil(rounds / 2));
    for (let round = 0; round < pulls; round += 1) {
      console.error(`100 MB pulled, round ${round + 1} of ${pulls}`);
      for (const runtime of turns(both, round)) await pullOnce(runtime, timings.get(runtime) ?? new Timings(), largeImage);
    }
  }
  if (wanted.has('create')) {
    for (const runtime of both) await heavyCreate(runtime, new Timings(), imageIds.get(runtime) ?? '', logs);
    const creates = Math.max(4, Math.ceil(rounds / 2));
    for (let round = 0; round < creates; round += 1) {
      console.error(`large containers created, round ${round + 1} of ${creates}`);
      for (const runtime of turns(both, round)) await heavyCreate(...of(runtime));
    }
  }
  if (wanted.has('log')) {
    const speeds = new Map<Runtime, number[]>(both.map((runtime) => [runtime, []]));
    for (let round = 0; round < 3; round += 1) {
      console.error(`100 MB of log, round ${round + 1} of 3`);
      for (const runtime of turns(both, round)) {
        speeds.get(runtime)?.push(await logThroughput(runtime, imageIds.get(runtime) ?? '', logs));
      }
    }
    const median = (runtime: Runtime): number => (speeds.get(runtime) ?? []).toSorted((a, b) => a - b)[1] ?? Number.NaN;
    goals.push({ name: 'log, MB/s of 100-byte lines', ours: median(ours), theirs: median(theirs), atLeastRatio: 2 });
  }
  if (wanted.has('streaming')) {
    const bench = {
      crictl: (runtime: Runtime) => node.crictlCommand(runtime.socket),
      folder: node.root,
      rounds: 3,
      turns: (round: number) => turns(both, round),
      timings: (runtime: Runtime) => timings.get(runtime) ?? new Timings(),
    };
    goals.push(...(await streaming(bench, ours, theirs)));
  }
  if (wanted.has('lists')) {
    console.error('streamed lists of 100 and of 1,000 containers');
    goals.push(...(await streamPeaks()));
  }
  goals.push({ name: 'RSS at the start and the end, MB', ours: memory, theirs: (await usageOf(ours.pid)).rssMb });
  printMachine(loadBefore);
  printTable(timings.get(ours) ?? new Timings(), timings.get(theirs) ?? new Timings());
  printGoals(goals);
}

/** The runtimes in the order of this round: who begins, changes. */
function turns(both: readonly Runtime[], round: number): readonly Runtime[] {
  return round % 2 === 0 ? both : both.toReversed();
}

/** Processor time of each daemon while nobody asks anything, percent of a core over 5 s. */
async function idleCpu(ours: Runtime, theirs: Runtime): Promise<Goal> {
  const before = [await usageOf(ours.pid), await usageOf(theirs.pid)];
  await sleep(5_000);
  const after = [await usageOf(ours.pid), await usageOf(theirs.pid)];
  const percent = (index: number): number => (((after[index]?.cpuS ?? 0) - (before[index]?.cpuS ?? 0)) / 5) * 100;
  return { name: 'CPU with 50 idle Pods, %', ours: percent(0), theirs: percent(1) };
}

/** What Stream RPCs hold at a time, KiB: of 1,000 containers, beside that of 100. */
async function streamPeaks(): Promise<Goal[]> {
  const script = new URL('streamed-lists.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', script]);
  const { small, large } = JSON.parse(stdout) as Record<'small' | 'large', Record<string, { readonly kib: number }>>;
  return Object.entries(large).map(([rpc, { kib }]) => ({
    name: `${rpc}, KiB: 1,000 | 100`,
    ours: kib,
    theirs: small[rpc]?.kib ?? Number.NaN,
    // A few messages on their way, however many follow: all 1,000 containers together are 1 MiB. The rest is the noise
    // of what is measured, which is a heap.
    limit: (small[rpc]?.kib ?? 0) + 64,
  }));
}

/** What podwright's event loop was delayed since the last look. */
async function loopDelays(pid: number, file: string): Promise<{ readonly p99Ms: number; readonly maxMs: number }> {
  process.kill(pid, 'SIGUSR2');
  await sleep(200);
  return JSON.parse(await readFile(file, 'utf8')) as { p99Ms: number; maxMs: number };
}
