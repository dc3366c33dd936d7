/** How long a part of a Pod's start took, as podwright's own log tells it. */
export interface Timings {
  readonly sandboxMs: number;
  /** The steps of RunPodSandbox, in the order in which they began. */
  readonly steps: readonly { readonly name: string; readonly startMs: number; readonly tookMs: number }[];
  readonly pulls: readonly { readonly image: string; readonly ms: number }[];
  /** How long each run of an exec probe or hook took. */
  readonly execsMs: readonly number[];
  readonly containers: readonly { readonly name: string; readonly createMs: number; readonly startMs: number }[];
}

interface Line {
  readonly msg?: string;
  readonly rpc?: string;
  readonly ms?: number;
  readonly name?: string;
  readonly image?: string;
  readonly pod?: string;
  readonly container?: string;
  readonly containerId?: string;
  readonly steps?: Readonly<Record<string, { readonly startMs: number; readonly tookMs: number }>>;
}

/** Reads the timings of one Pod's start from podwright's log at level debug; of a restarted container the last. */
export function readTimings(log: string, pod: string): Timings {
  const lines = log.split('\n').flatMap(parse);
  const calls = (rpc: string): Line[] => lines.filter((line) => line.rpc === rpc && line.msg === 'rpc done');
  const ready = lines.find((line) => line.msg === 'pod sandbox is ready' && line.pod === pod);
  const steps = Object.entries(ready?.steps ?? {}).map(([name, times]) => ({ name, ...times }));
  const names = new Map(lines.flatMap((line) => (line.msg === 'container is created' && line.containerId !== undefined ? [[line.containerId, line.name ?? '']] : [])));
  const createMs = new Map(calls('CreateContainer').map((call) => [call.container, call.ms ?? 0]));
  return {
    sandboxMs: calls('RunPodSandbox').find((call) => call.pod === pod)?.ms ?? 0,
    steps: steps.sort((a, b) => a.startMs - b.startMs),
    pulls: calls('PullImage').map(({ image = '', ms = 0 }) => ({ image, ms })),
    execsMs: calls('ExecSync').map((call) => call.ms ?? 0),
    containers: calls('StartContainer').map(({ containerId = '', ms = 0 }) => {
      const name = names.get(containerId) ?? containerId;
      return { name, createMs: createMs.get(name) ?? 0, startMs: ms };
    }),
  };
}

function parse(line: string): Line[] {
  try {
    return [JSON.parse(line) as Line];
  } catch {
    // What Node itself prints, or a line that is being written.
    return [];
  }
}
