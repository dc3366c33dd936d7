import { availableParallelism, loadavg, release } from 'node:os';
import type { Timings } from './runtime.ts';

/** The ratio, podwright to containerd's CRI at the median, that a row is to stay below. */
const limits: Readonly<Record<string, number>> = {
  'Pod start': 0.75,
  'Pod stop': 0.9,
  burst: 0.9,
  ExecSync: 1.1,
  ListPodSandbox: 1.5,
  ListContainers: 1.5,
  PodSandboxStatus: 1.5,
  ContainerStatus: 1.5,
  ListImages: 1.5,
  ListContainerStats: 0.5,
  ListPodSandboxStats: 0.5,
  'pull 100 MB, 8 layers': 1,
  'CreateContainer, large': 1.2,
  'CreateContainer, large, later': 1.2,
  'crictl exec true': 1.1,
  '200 connections, 50 at once': 1,
};

/** A figure that is no time of a call: with a limit of its own, or one on the ratio. */
export interface Goal {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
  readonly limit?: number;
  readonly atLeastRatio?: number;
}

/** Prints what was measured on, and how much else ran: with more than a core's worth of that no ratio means much. */
export function printMachine(loadBefore: number): void {
  const [loadAfter = Number.NaN] = loadavg();
  const what = [`${availableParallelism()} cores`, `Linux ${release()}`, `Node ${process.versions.node}`];
  console.log(`${what.join(', ')}; load ${loadBefore.toFixed(1)} before and ${loadAfter.toFixed(1)} after\n`);
}

/** Prints p50 and p99 of every call of both, and the ratio of the medians. */
export function printTable(ours: Timings, theirs: Timings): void {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(30) : cell.padStart(12))).join('');
  console.log(row(['ms', 'n', 'podwright', 'p99', 'containerd', 'p99', 'ratio p50', 'goal']));
  for (const name of ours.names()) {
    const ratio = ours.quantile(name, 0.5) / theirs.quantile(name, 0.5);
    const limit = limits[name];
    console.log(
      row([
        name,
        String(ours.count(name)),
        ms(ours.quantile(name, 0.5)),
        ms(ours.quantile(name, 0.99)),
        ms(theirs.quantile(name, 0.5)),
        ms(theirs.quantile(name, 0.99)),
        ratio.toFixed(2),
        limit === undefined ? '' : `${ratio <= limit ? 'ok' : 'MISSED'} <=${limit}`,
      ]),
    );
  }
}

/** Prints the other figures. */
export function printGoals(goals: readonly Goal[]): void {
  console.log('');
  for (const { name, ours, theirs, limit, atLeastRatio } of goals) {
    const ratio = ours / theirs;
    const verdicts = [
      limit === undefined ? '' : `${ours <= limit ? 'ok' : 'MISSED'} <=${limit}`,
      atLeastRatio === undefined ? '' : `${ratio >= atLeastRatio ? 'ok' : 'MISSED'} ratio >=${atLeastRatio}`,
    ];
    const beside = Number.isNaN(theirs) ? '' : `${theirs.toFixed(1).padStart(12)}${ratio.toFixed(2).padStart(12)}`;
    console.log(`${name.padEnd(40)}${ours.toFixed(1).padStart(12)}${beside}   ${verdicts.join(' ').trim()}`);
  }
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}
