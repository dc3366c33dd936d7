import { readFile } from 'node:fs/promises';
import * as grpc from '@grpc/grpc-js';
import { CriClient } from '../../test/support/cri-client.ts';

/** One runtime under measurement: what it is called, where it listens, and its process. */
export interface Runtime {
  readonly name: string;
  readonly socket: string;
  readonly client: CriClient;
  readonly pid: number;
  /** The cgroup that its Pods get theirs below: containerd tells no Pod's stats without one. */
  readonly cgroup: string;
}

/** Calls that took part in the measurement, ms by name. */
export class Timings {
  readonly #byName = new Map<string, number[]>();

  add(name: string, ms: number): void {
    const all = this.#byName.get(name);
    if (all === undefined) this.#byName.set(name, [ms]);
    else all.push(ms);
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  /** The value below which the given share of all lies; NaN without any. */
  quantile(name: string, share: number): number {
    const sorted = (this.#byName.get(name) ?? []).toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  }

  count(name: string): number {
    return this.#byName.get(name)?.length ?? 0;
  }
}

/** Makes one call and throws when it fails. */
export async function call<T>(runtime: Runtime, rpc: string, request: object): Promise<T> {
  const answer = await runtime.client.call(rpc, request, { deadline: Date.now() + 240_000 });
  if (answer.code !== grpc.status.OK) throw new Error(`${runtime.name}: ${rpc}: ${answer.code} ${answer.details}`);
  return answer.response as T;
}

/** As `call`, and remembers how long it took. */
export async function timed<T>(runtime: Runtime, timings: Timings, rpc: string, request: object): Promise<T> {
  const began = performance.now();
  const answer = await call<T>(runtime, rpc, request);
  timings.add(rpc, performance.now() - began);
  return answer;
}

/** Resident memory, MB, and processor time used so far, s, of a process with all its threads. */
export async function usageOf(pid: number): Promise<{ readonly rssMb: number; readonly cpuS: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const rssKb = Number(/^VmRSS:\s+(\d+)/mu.exec(status)?.[1] ?? 0);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  // utime and stime, in ticks of a hundredth of a second.
  return { rssMb: rssKb / 1024, cpuS: ((fields[11] ?? 0) + (fields[12] ?? 0)) / 100 };
}
