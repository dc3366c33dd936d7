import type { CgroupStats, CgroupTexts, CgroupV1File, CgroupV2File } from './cgroup-stats.ts';
import { keyedNumber, parseCgroupV1, parseCgroupV2, parseLimit } from './cgroup-stats.ts';
import { parseBlkio, parseIoStat, type DiskCounters } from './disk-counters.ts';

/** A number as far as the kernel tells it. */
type Told = bigint | undefined;

/** All that one cgroup tells: its stats and what metrics have beyond them. */
export interface CgroupDetail {
  readonly stats: CgroupStats;
  readonly cpu: {
    readonly userNs: Told;
    readonly systemNs: Told;
    readonly periods: Told;
    readonly throttledPeriods: Told;
    readonly throttledNs: Told;
    readonly burstPeriods: Told;
    readonly burstNs: Told;
  };
  readonly memory: {
    readonly cacheBytes: Told;
    readonly mappedFileBytes: Told;
    readonly activeFileBytes: Told;
    readonly inactiveFileBytes: Told;
    readonly dirtyBytes: Told;
    readonly writebackBytes: Told;
    readonly kernelBytes: Told;
    readonly maxUsageBytes: Told;
    /** How often the usage hit the limit. */
    readonly limitHits: Told;
    /** How often processes were held up for being over memory.high. */
    readonly highHits: Told;
    readonly oomKills: Told;
    /** Page faults of this cgroup's own processes, without those below; on v2 there is only the sum. */
    readonly ownPageFaults: Told;
    readonly ownMajorPageFaults: Told;
    readonly scannedPages: Told;
    readonly reclaimedPages: Told;
    readonly refaultedFilePages: Told;
    readonly refaultedAnonPages: Told;
  };
  readonly disks: readonly DiskCounters[];
  readonly limits: {
    readonly cpuShares: Told;
    readonly cpuPeriodUs: Told;
    /** Undefined where CPU time is not limited. */
    readonly cpuQuotaUs: Told;
    /** Memory and swap together on v1, swap alone on v2; undefined where there is no limit, or no swap accounting. */
    readonly swapBytes: Told;
    /** v1's soft limit, v2's memory.min. */
    readonly reservationBytes: Told;
    readonly pids: Told;
  };
  /** The processes in the cgroup itself, without those in cgroups below. */
  readonly processes: readonly number[];
}

export type CgroupV2DetailFile =
  | CgroupV2File
  | 'cpu.weight'
  | 'cpu.max'
  | 'memory.peak'
  | 'memory.events'
  | 'memory.min'
  | 'io.stat'
  | 'pids.max'
  | 'cgroup.procs';

export type CgroupV1DetailFile =
  | CgroupV1File
  | 'cpuacct.usage_user'
  | 'cpuacct.usage_sys'
  | 'cpu.stat'
  | 'cpu.shares'
  | 'cpu.cfs_period_us'
  | 'cpu.cfs_quota_us'
  | 'memory.max_usage_in_bytes'
  | 'memory.failcnt'
  | 'memory.kmem.usage_in_bytes'
  | 'memory.soft_limit_in_bytes'
  | 'memory.oom_control'
  | 'blkio.throttle.io_service_bytes_recursive'
  | 'blkio.throttle.io_serviced_recursive'
  | 'pids.max'
  | 'cgroup.procs';

/** Makes detail of a v2 cgroup's files. */
export function parseDetailV2(texts: CgroupTexts<CgroupV2DetailFile>): CgroupDetail {
  const cpu = texts['cpu.stat'];
  const memory = texts['memory.stat'];
  const events = texts['memory.events'];
  const [quota, period] = (texts['cpu.max'] ?? '').split(' ');
  return {
    stats: parseCgroupV2(texts),
    cpu: {
      userNs: usToNs(keyedNumber(cpu, 'user_usec')),
      systemNs: usToNs(keyedNumber(cpu, 'system_usec')),
      periods: keyedNumber(cpu, 'nr_periods'),
      throttledPeriods: keyedNumber(cpu, 'nr_throttled'),
      throttledNs: usToNs(keyedNumber(cpu, 'throttled_usec')),
      burstPeriods: keyedNumber(cpu, 'nr_bursts'),
      burstNs: usToNs(keyedNumber(cpu, 'burst_usec')),
    },
    memory: {
      cacheBytes: keyedNumber(memory, 'file'),
      mappedFileBytes: keyedNumber(memory, 'file_mapped'),
      activeFileBytes: keyedNumber(memory, 'active_file'),
      inactiveFileBytes: keyedNumber(memory, 'inactive_file'),
      dirtyBytes: keyedNumber(memory, 'file_dirty'),
      writebackBytes: keyedNumber(memory, 'file_writeback'),
      kernelBytes: keyedNumber(memory, 'kernel'),
      maxUsageBytes: parseLimit(texts['memory.peak']),
      limitHits: keyedNumber(events, 'max'),
      highHits: keyedNumber(events, 'high'),
      oomKills: keyedNumber(events, 'oom_kill'),
      ownPageFaults: keyedNumber(memory, 'pgfault'),
      ownMajorPageFaults: keyedNumber(memory, 'pgmajfault'),
      scannedPages: keyedNumber(memory, 'pgscan'),
      reclaimedPages: keyedNumber(memory, 'pgsteal'),
      refaultedFilePages: keyedNumber(memory, 'workingset_refault_file'),
      refaultedAnonPages: keyedNumber(memory, 'workingset_refault_anon'),
    },
    disks: parseIoStat(texts['io.stat'] ?? ''),
    limits: {
      cpuShares: weightToShares(parseLimit(texts['cpu.weight'])),
      cpuPeriodUs: parseLimit(period),
      cpuQuotaUs: parseLimit(quota),
      swapBytes: parseLimit(texts['memory.swap.max']),
      reservationBytes: parseLimit(texts['memory.min']),
      pids: parseLimit(texts['pids.max']),
    },
    processes: parseProcesses(texts['cgroup.procs']),
  };
}

/** Makes detail of a v1 cgroup's files. */
export function parseDetailV1(texts: CgroupTexts<CgroupV1DetailFile>): CgroupDetail {
  const cpu = texts['cpu.stat'];
  const memory = texts['memory.stat'];
  return {
    stats: parseCgroupV1(texts),
    cpu: {
      userNs: parseLimit(texts['cpuacct.usage_user']),
      systemNs: parseLimit(texts['cpuacct.usage_sys']),
      periods: keyedNumber(cpu, 'nr_periods'),
      throttledPeriods: keyedNumber(cpu, 'nr_throttled'),
      throttledNs: keyedNumber(cpu, 'throttled_time'),
      burstPeriods: keyedNumber(cpu, 'nr_bursts'),
      burstNs: keyedNumber(cpu, 'burst_time'),
    },
    memory: {
      cacheBytes: keyedNumber(memory, 'total_cache'),
      mappedFileBytes: keyedNumber(memory, 'total_mapped_file'),
      activeFileBytes: keyedNumber(memory, 'total_active_file'),
      inactiveFileBytes: keyedNumber(memory, 'total_inactive_file'),
      dirtyBytes: keyedNumber(memory, 'total_dirty'),
      writebackBytes: keyedNumber(memory, 'total_writeback'),
      kernelBytes: parseLimit(texts['memory.kmem.usage_in_bytes']),
      maxUsageBytes: parseLimit(texts['memory.max_usage_in_bytes']),
      limitHits: parseLimit(texts['memory.failcnt']),
      highHits: undefined,
      oomKills: keyedNumber(texts['memory.oom_control'], 'oom_kill'),
      ownPageFaults: keyedNumber(memory, 'pgfault'),
      ownMajorPageFaults: keyedNumber(memory, 'pgmajfault'),
      scannedPages: undefined,
      reclaimedPages: undefined,
      refaultedFilePages: keyedNumber(memory, 'total_workingset_refault_file'),
      refaultedAnonPages: keyedNumber(memory, 'total_workingset_refault_anon'),
    },
    disks: parseBlkio(
      texts['blkio.throttle.io_service_bytes_recursive'] ?? '',
      texts['blkio.throttle.io_serviced_recursive'] ?? '',
    ),
    limits: {
      cpuShares: parseLimit(texts['cpu.shares']),
      cpuPeriodUs: parseLimit(texts['cpu.cfs_period_us']),
      cpuQuotaUs: parseLimit(texts['cpu.cfs_quota_us']),
      swapBytes: parseLimit(texts['memory.memsw.limit_in_bytes']),
      reservationBytes: parseLimit(texts['memory.soft_limit_in_bytes']),
      pids: parseLimit(texts['pids.max']),
    },
    processes: parseProcesses(texts['cgroup.procs']),
  };
}

function parseProcesses(text: string | undefined): number[] {
  return (text ?? '').split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
}

function usToNs(us: bigint | undefined): bigint | undefined {
  return us === undefined ? undefined : us * 1000n;
}

/** cpu.weight (1 to 10000) as the shares (2 to 262144) it stands for, the way cAdvisor counts back. */
function weightToShares(weight: bigint | undefined): bigint | undefined {
  return weight === undefined || weight === 0n ? undefined : 2n + ((weight - 1n) * 262_142n) / 9999n;
}
