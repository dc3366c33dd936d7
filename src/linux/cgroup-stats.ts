/** Pressure of one resource (Documentation/accounting/psi.rst): how long tasks were held up by it. */
export interface Pressure {
  readonly some: PressureLine;
  /** All zero where the kernel has no such line, as for cpu before 5.13. */
  readonly full: PressureLine;
}

/** Averages in percent over 10, 60 and 300 s, and the total. */
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalNs: bigint;
}

/** What one cgroup uses. What its kernel or its controllers do not tell is absent. */
export interface CgroupStats {
  readonly cpu?: { readonly usageNs: bigint; readonly pressure?: Pressure };
  readonly memory?: {
    readonly usageBytes: bigint;
    /** Usage less what the kernel would give back first (inactive file pages); kubelet evicts by it. */
    readonly workingSetBytes: bigint;
    readonly rssBytes: bigint;
    readonly pageFaults: bigint;
    readonly majorPageFaults: bigint;
    /** Absent where there is no limit. */
    readonly limitBytes?: bigint;
    readonly pressure?: Pressure;
  };
  readonly swap?: { readonly usageBytes: bigint; readonly limitBytes?: bigint };
  readonly io?: { readonly pressure: Pressure };
  readonly pids?: { readonly current: bigint };
}

/** The texts of a cgroup's files, by the names they have on v2 or on v1; a missing file is undefined. */
export type CgroupTexts<Name extends string> = { readonly [name in Name]?: string | undefined };

export type CgroupV2File =
  | 'cpu.stat'
  | 'cpu.pressure'
  | 'memory.current'
  | 'memory.max'
  | 'memory.stat'
  | 'memory.pressure'
  | 'memory.swap.current'
  | 'memory.swap.max'
  | 'io.pressure'
  | 'pids.current';

export type CgroupV1File =
  | 'cpuacct.usage'
  | 'memory.usage_in_bytes'
  | 'memory.limit_in_bytes'
  | 'memory.stat'
  | 'memory.memsw.usage_in_bytes'
  | 'memory.memsw.limit_in_bytes'
  | 'pids.current'
  | PressureFile;

type PressureFile = 'cpu.pressure' | 'memory.pressure' | 'io.pressure';

/**
 * The number of one `key value` line, as memory.stat, cpu.stat and memory.events have them. It is searched for, as of
 * some forty lines a handful is asked about.
 */
export function keyedNumber(text: string | undefined, key: string): bigint | undefined {
  if (text === undefined) return undefined;
  const isFirst = text.startsWith(`${key} `);
  const lineBreak = isFirst ? -1 : text.indexOf(`\n${key} `);
  if (lineBreak < 0 && !isFirst) return undefined;
  const start = lineBreak + 1 + key.length + 1;
  const end = text.indexOf('\n', start);
  return parseNumber(end < 0 ? text.slice(start) : text.slice(start, end));
}

/** Parses a file of one number; `max`, and what v1 writes for it, is no number. */
export function parseLimit(text: string | undefined): bigint | undefined {
  const value = parseNumber(text);
  // v1 says "no limit" with the largest multiple of a page.
  return value === undefined || value > 1n << 62n ? undefined : value;
}

function parseNumber(text: string | undefined): bigint | undefined {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? BigInt(trimmed) : undefined;
}

const somePressure = /^some avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)/m;
const fullPressure = /^full avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)/m;
const noPressure: PressureLine = { avg10: 0, avg60: 0, avg300: 0, totalNs: 0n };

/** Parses a pressure file; undefined where there is none (PSI not built in, or not on v2). */
export function parsePressure(text: string | undefined): Pressure | undefined {
  const some = pressureLine(text, somePressure);
  return some === undefined ? undefined : { some, full: pressureLine(text, fullPressure) ?? noPressure };
}

function pressureLine(text: string | undefined, pattern: RegExp): PressureLine | undefined {
  const found = text === undefined ? null : pattern.exec(text);
  if (found === null) return undefined;
  const [, avg10, avg60, avg300, totalUs] = found;
  return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), totalNs: BigInt(totalUs ?? 0) * 1000n };
}

/** Makes stats of a v2 cgroup's files. */
export function parseCgroupV2(texts: CgroupTexts<CgroupV2File>): CgroupStats {
  const usageUs = keyedNumber(texts['cpu.stat'], 'usage_usec');
  const memory = texts['memory.stat'];
  return {
    ...cpuStats(usageUs === undefined ? undefined : usageUs * 1000n, texts['cpu.pressure']),
    ...memoryStats({
      usage: parseNumber(texts['memory.current']),
      limit: parseLimit(texts['memory.max']),
      inactiveFile: keyedNumber(memory, 'inactive_file'),
      rss: keyedNumber(memory, 'anon'),
      faults: keyedNumber(memory, 'pgfault'),
      majorFaults: keyedNumber(memory, 'pgmajfault'),
      pressure: texts['memory.pressure'],
    }),
    ...swapStats(parseNumber(texts['memory.swap.current']), parseLimit(texts['memory.swap.max'])),
    ...otherStats(texts['io.pressure'], texts['pids.current']),
  };
}

/** Makes stats of a v1 cgroup's files; pressure comes from the unified hierarchy beside it, where there is one. */
export function parseCgroupV1(texts: CgroupTexts<CgroupV1File>): CgroupStats {
  const memory = texts['memory.stat'];
  const usage = parseNumber(texts['memory.usage_in_bytes']);
  const limit = parseLimit(texts['memory.limit_in_bytes']);
  const both = parseNumber(texts['memory.memsw.usage_in_bytes']);
  const bothLimit = parseLimit(texts['memory.memsw.limit_in_bytes']);
  const swapUsage = both === undefined || usage === undefined ? undefined : atLeastZero(both - usage);
  const swapLimit = bothLimit === undefined || limit === undefined ? undefined : atLeastZero(bothLimit - limit);
  return {
    ...cpuStats(parseNumber(texts['cpuacct.usage']), texts['cpu.pressure']),
    ...memoryStats({
      usage,
      limit,
      inactiveFile: keyedNumber(memory, 'total_inactive_file'),
      rss: keyedNumber(memory, 'total_rss'),
      faults: keyedNumber(memory, 'total_pgfault'),
      majorFaults: keyedNumber(memory, 'total_pgmajfault'),
      pressure: texts['memory.pressure'],
    }),
    ...swapStats(swapUsage, swapLimit),
    ...otherStats(texts['io.pressure'], texts['pids.current']),
  };
}

function cpuStats(usageNs: bigint | undefined, pressureText: string | undefined): Pick<CgroupStats, 'cpu'> {
  if (usageNs === undefined) return {};
  return { cpu: { usageNs, ...withPressure(pressureText) } };
}

function memoryStats(raw: {
  usage: bigint | undefined;
  limit: bigint | undefined;
  inactiveFile: bigint | undefined;
  rss: bigint | undefined;
  faults: bigint | undefined;
  majorFaults: bigint | undefined;
  pressure: string | undefined;
}): Pick<CgroupStats, 'memory'> {
  if (raw.usage === undefined) return {};
  return {
    memory: {
      usageBytes: raw.usage,
      workingSetBytes: atLeastZero(raw.usage - (raw.inactiveFile ?? 0n)),
      rssBytes: raw.rss ?? 0n,
      pageFaults: raw.faults ?? 0n,
      majorPageFaults: raw.majorFaults ?? 0n,
      ...(raw.limit !== undefined && { limitBytes: raw.limit }),
      ...withPressure(raw.pressure),
    },
  };
}

function swapStats(usageBytes: bigint | undefined, limitBytes: bigint | undefined): Pick<CgroupStats, 'swap'> {
  if (usageBytes === undefined) return {};
  return { swap: { usageBytes, ...(limitBytes !== undefined && { limitBytes }) } };
}

function otherStats(ioPressure: string | undefined, pids: string | undefined): Pick<CgroupStats, 'io' | 'pids'> {
  const pressure = parsePressure(ioPressure);
  const current = parseNumber(pids);
  return { ...(pressure !== undefined && { io: { pressure } }), ...(current !== undefined && { pids: { current } }) };
}

function withPressure(text: string | undefined): { readonly pressure?: Pressure } {
  const pressure = parsePressure(text);
  return pressure === undefined ? {} : { pressure };
}

function atLeastZero(value: bigint): bigint {
  return value < 0n ? 0n : value;
}
