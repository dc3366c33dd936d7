import type { Goal } from './report.ts';
import type { Runtime, Timings } from './runtime.ts';
import { callsAmidStreams, stalledStreams } from './stream-load.ts';
import { StreamPod } from './streams.ts';

/** What the scenario needs of the node it runs on: crictl, and a folder for files. */
export interface StreamBench {
  readonly crictl: (runtime: Runtime) => readonly string[];
  readonly folder: string;
  readonly rounds: number;
  /** The runtimes in the order of a round. */
  readonly turns: (round: number) => readonly Runtime[];
  readonly timings: (runtime: Runtime) => Timings;
}

/** Exec and port-forward by crictl, and what streams cost calls and memory; the runtimes take turns. */
export async function streaming(bench: StreamBench, ours: Runtime, theirs: Runtime): Promise<Goal[]> {
  const figures = new Map<string, number[]>();
  const add = (what: string, runtime: Runtime, value: number): void => {
    const key = `${what} ${runtime.name}`;
    figures.set(key, [...(figures.get(key) ?? []), value]);
  };
  const pods = new Map([ours, theirs].map((runtime) => [runtime, new StreamPod(runtime, bench.crictl(runtime), bench.folder)]));
  for (const pod of pods.values()) await pod.start();
  for (let round = 0; round < bench.rounds; round += 1) {
    console.error(`streams, round ${round + 1} of ${bench.rounds}`);
    for (const runtime of bench.turns(round)) {
      const [pod, timings] = [pods.get(runtime), bench.timings(runtime)];
      if (pod === undefined) continue;
      for (let i = 0; i < 10; i += 1) await pod.nothing(timings);
      add('out', runtime, await pod.stdout());
      add('in', runtime, await pod.stdin());
      const { from, to } = await pod.forwards();
      add('from', runtime, from);
      add('to', runtime, to);
      await pod.connections(timings);
      const stalled = await stalledStreams(runtime, pod);
      add('stalled out', runtime, stalled.out);
      add('stalled in', runtime, stalled.in);
      add('together', runtime, await callsAmidStreams(runtime, pod, timings));
    }
  }
  for (const pod of pods.values()) await pod.stop();
  const median = (what: string, runtime: Runtime): number => {
    const sorted = (figures.get(`${what} ${runtime.name}`) ?? []).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const both = (name: string, what: string, goal: { readonly limit?: number; readonly atLeastRatio?: number }): Goal => ({
    name,
    ours: median(what, ours),
    theirs: median(what, theirs),
    ...goal,
  });
  const amid = (runtime: Runtime): number => bench.timings(runtime).quantile('call amid 100 streams', 0.99);
  return [
    both('exec, MB/s of output', 'out', { atLeastRatio: 1 }),
    both('exec, MB/s of input', 'in', { atLeastRatio: 1 }),
    both('port-forward, MB/s from the Pod', 'from', { atLeastRatio: 1 }),
    both('port-forward, MB/s to the Pod', 'to', { atLeastRatio: 1 }),
    both('a client that takes nothing, MB', 'stalled out', { limit: 2 }),
    both('a command that takes nothing, MB', 'stalled in', { limit: 2 }),
    both('100 streams together, MB/s', 'together', {}),
    { name: 'call amid 100 streams, p99 ms', ours: amid(ours), theirs: amid(theirs), limit: 50 },
  ];
}
