import type { CgroupStats, CgroupTexts, CgroupV1File, CgroupV2File } from './cgroup-stats.ts';
import { parseCgroupV1, parseCgroupV2, parseKeyed, parseLimit } from './cgroup-stats.ts';
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
  const cpu = parseKeyed(texts['cpu.stat'] ?? '');
  const memory = parseKeyed(texts['memory.stat'] ?? '');
  const events = parseKeyed(texts['memory.events'] ?? '');
  const [quota, period] = (texts['cpu.max'] ?? '').split(' ');
  return {
    stats: parseCgroupV2(texts),
    cpu: {
      userNs: usToNs(cpu.get('user_usec')),
      systemNs: usToNs(cpu.get('system_usec')),
      periods: cpu.get('nr_periods'),
      throttledPeriods: cpu.get('nr_throttled'),
      throttledNs: usToNs(cpu.get('throttled_usec')),
      burstPeriods: cpu.get('nr_bursts'),
      burstNs: usToNs(cpu.get('burst_usec')),
    },
    memory: {
      cacheBytes: memory.get('file'),
      mappedFileBytes: memory.get('file_mapped'),
      activeFileBytes: memory.get('active_file'),
      inactiveFileBytes: memory.get('inactive_file'),
      dirtyBytes: memory.get('file_dirty'),
      writebackBytes: memory.get('file_writeback'),
      kernelBytes: memory.get('kernel'),
      maxUsageBytes: parseLimit(texts['memory.peak']),
      limitHits: events.get('max'),
      highHits: events.get('high'),
      oomKills: events.get('oom_kill'),
      ownPageFaults: memory.get('pgfault'),
      ownMajorPageFaults: memory.get('pgmajfault'),
      scannedPages: memory.get('pgscan'),
      reclaimedPages: memory.get('pgsteal'),
      refaultedFilePages: memory.get('workingset_refault_file'),
      refaultedAnonPages: memory.get('workingset_refault_anon'),
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
  const cpu = parseKeyed(texts['cpu.stat'] ?? '');
  const memory = parseKeyed(texts['memory.stat'] ?? '');
  return {
    stats: parseCgroupV1(texts),
    cpu: {
      userNs: parseLimit(texts['cpuacct.usage_user']),
      systemNs: parseLimit(texts['cpuacct.usage_sys']),
      periods: cpu.get('nr_periods'),
      throttledPeriods: cpu.get('nr_throttled'),
      throttledNs: cpu.get('throttled_time'),
      burstPeriods: cpu.get('nr_bursts'),
      burstNs: cpu.get('burst_time'),
    },
    memory: {
      cacheBytes: memory.get('total_cache'),
      mappedFileBytes: memory.get('total_mapped_file'),
      activeFileBytes: memory.get('total_active_file'),
      inactiveFileBytes: memory.get('total_inactive_file'),
      dirtyBytes: memory.get('total_dirty'),
      writebackBytes: memory.get('total_writeback'),
      kernelBytes: parseLimit(texts['memory.kmem.usage_in_bytes']),
      maxUsageBytes: parseLimit(texts['memory.max_usage_in_bytes']),
      limitHits: parseLimit(texts['memory.failcnt']),
      highHits: undefined,
      oomKills: parseKeyed(texts['memory.oom_control'] ?? '').get('oom_kill'),
      ownPageFaults: memory.get('pgfault'),
      ownMajorPageFaults: memory.get('pgmajfault'),
      scannedPages: undefined,
      reclaimedPages: undefined,
      refaultedFilePages: memory.get('total_workingset_refault_file'),
      refaultedAnonPages: memory.get('total_workingset_refault_anon'),
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
