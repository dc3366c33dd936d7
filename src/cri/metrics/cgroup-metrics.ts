import type { CgroupDetail } from '../../linux/cgroup-detail.ts';
import { counter, counters, gauge, seconds, type MetricRow } from './metric.ts';

type Row = MetricRow<CgroupDetail>;

/** As cAdvisor, only where CPU time is limited: without a quota there are no periods. */
function whereLimited(detail: CgroupDetail, value: bigint | undefined): bigint | undefined {
  return detail.limits.cpuQuotaUs === undefined ? undefined : value;
}

const cpu: readonly Row[] = [
  counter('container_cpu_user_seconds_total', 'CPU time spent in user mode, in seconds.', ({ cpu: { userNs } }) => seconds(userNs)),
  counter('container_cpu_system_seconds_total', 'CPU time spent in the kernel, in seconds.', ({ cpu: { systemNs } }) => seconds(systemNs)),
  counters('container_cpu_usage_seconds_total', 'CPU time spent, in seconds.', ['cpu'], ({ stats }) => [
    [seconds(stats.cpu?.usageNs), 'total'],
  ]),
  counter('container_cpu_cfs_periods_total', 'Periods in which the CPU quota was watched.', (of) => whereLimited(of, of.cpu.periods)),
  counter('container_cpu_cfs_throttled_periods_total', 'Periods in which the CPU quota was used up.', (of) =>
    whereLimited(of, of.cpu.throttledPeriods),
  ),
  counter('container_cpu_cfs_throttled_seconds_total', 'Time spent waiting for a new CPU quota, in seconds.', (of) =>
    whereLimited(of, seconds(of.cpu.throttledNs)),
  ),
  counter('container_cpu_cfs_burst_periods_total', 'Periods in which more than the CPU quota was used.', (of) =>
    whereLimited(of, of.cpu.burstPeriods),
  ),
  counter('container_cpu_cfs_burst_seconds_total', 'CPU time used beyond the quota, in seconds.', (of) =>
    whereLimited(of, seconds(of.cpu.burstNs)),
  ),
];

const memory: readonly Row[] = [
  gauge('container_memory_usage_bytes', 'Memory in use, page cache included.', ({ stats }) => stats.memory?.usageBytes),
  gauge('container_memory_working_set_bytes', 'Memory in use less inactive page cache; the kubelet evicts by it.', ({ stats }) =>
    stats.memory?.workingSetBytes,
  ),
  gauge('container_memory_max_usage_bytes', 'The most memory ever in use.', (of) => of.memory.maxUsageBytes),
  gauge('container_memory_rss', 'Anonymous memory, in bytes.', ({ stats }) => stats.memory?.rssBytes),
  gauge('container_memory_cache', 'Page cache, in bytes.', (of) => of.memory.cacheBytes),
  gauge('container_memory_kernel_usage', "The kernel's own memory for it, in bytes.", (of) => of.memory.kernelBytes),
  gauge('container_memory_mapped_file', 'Mapped files, in bytes.', (of) => of.memory.mappedFileBytes),
  gauge('container_memory_swap', 'Swap in use, in bytes.', ({ stats }) => stats.swap?.usageBytes),
  counter('container_memory_failcnt', 'How often the memory in use reached its limit.', (of) => of.memory.limitHits),
  gauge('container_memory_total_active_file_bytes', 'Active page cache.', (of) => of.memory.activeFileBytes),
  gauge('container_memory_total_inactive_file_bytes', 'Inactive page cache.', (of) => of.memory.inactiveFileBytes),
  counters('container_memory_failures_total', 'Page faults.', ['failure_type', 'scope'], (of) => [
    [of.memory.ownPageFaults, 'pgfault', 'container'],
    [of.stats.memory?.pageFaults, 'pgfault', 'hierarchy'],
    [of.memory.ownMajorPageFaults, 'pgmajfault', 'container'],
    [of.stats.memory?.majorPageFaults, 'pgmajfault', 'hierarchy'],
  ]),
  counter('container_memory_events_high_total', 'How often processes were held up for using more than memory.high.', (of) =>
    of.memory.highHits,
  ),
  counter('container_memory_events_max_total', 'How often the memory in use reached memory.max.', (of) => of.memory.limitHits),
  gauge('container_memory_file_dirty_bytes', 'Page cache that was changed and not yet written.', (of) => of.memory.dirtyBytes),
  gauge('container_memory_file_writeback_bytes', 'Page cache that is being written.', (of) => of.memory.writebackBytes),
  counter('container_memory_pgscan_total', 'Pages that the kernel looked at for reclaiming them.', (of) => of.memory.scannedPages),
  counter('container_memory_pgsteal_total', 'Pages that the kernel reclaimed.', (of) => of.memory.reclaimedPages),
  counter('container_memory_workingset_refault_file_total', 'File pages that were read again after they had been reclaimed.', (of) =>
    of.memory.refaultedFilePages,
  ),
  counter('container_memory_workingset_refault_anon_total', 'Anonymous pages that were needed again after they had been reclaimed.', (of) =>
    of.memory.refaultedAnonPages,
  ),
  counter('container_oom_events_total', 'Processes that the kernel killed for want of memory.', (of) => of.memory.oomKills),
];

const device = ['device'];

function usToNs(us: bigint | undefined): bigint | undefined {
  return us === undefined ? undefined : us * 1000n;
}

const disks: readonly Row[] = [
  counters('container_fs_reads_bytes_total', 'Bytes read from a block device.', device, (of) =>
    of.disks.map((disk) => [disk.bytes.get('Read'), disk.device]),
  ),
  counters('container_fs_reads_total', 'Reads from a block device.', device, (of) =>
    of.disks.map((disk) => [disk.operations.get('Read'), disk.device]),
  ),
  counters('container_fs_writes_bytes_total', 'Bytes written to a block device.', device, (of) =>
    of.disks.map((disk) => [disk.bytes.get('Write'), disk.device]),
  ),
  counters('container_fs_writes_total', 'Writes to a block device.', device, (of) =>
    of.disks.map((disk) => [disk.operations.get('Write'), disk.device]),
  ),
  ...['usage', 'wait', 'indebt', 'indelay'].map((which) =>
    counters<CgroupDetail>(`container_fs_io_cost_${which}_seconds_total`, `io.cost's "${which}" of a block device, in seconds.`, device, (of) =>
      of.disks.map((disk) => [seconds(usToNs(disk.costUs.get(which))), disk.device]),
    ),
  ),
  counters('container_blkio_device_usage_total', 'Bytes from and to a block device by operation.', ['device', 'major', 'minor', 'operation'], (of) =>
    of.disks.flatMap((disk) =>
      [...disk.bytes].map(([operation, bytes]) => [bytes, disk.device, String(disk.major), String(disk.minor), operation] as const),
    ),
  ),
];

const tasks: readonly Row[] = [
  gauge('container_threads', 'Threads.', ({ stats }) => stats.pids?.current),
  gauge('container_threads_max', 'How many threads there may be; 0 for as many as there are.', ({ stats, limits }) =>
    stats.pids === undefined ? undefined : (limits.pids ?? 0n),
  ),
];

const pressure: readonly Row[] = (['cpu', 'memory', 'io'] as const).flatMap((resource): Row[] => [
  counter(`container_pressure_${resource}_waiting_seconds_total`, `Time in which some tasks waited for ${resource}, in seconds.`, ({ stats }) =>
    seconds(stats[resource]?.pressure?.some.totalNs),
  ),
  counter(`container_pressure_${resource}_stalled_seconds_total`, `Time in which all tasks waited for ${resource}, in seconds.`, ({ stats }) =>
    seconds(stats[resource]?.pressure?.full.totalNs),
  ),
]);

/** Limits that are not there are 0, as cAdvisor has them. */
const limits: readonly Row[] = [
  gauge('container_spec_cpu_period', 'The period of the CPU quota, in microseconds.', (of) => of.limits.cpuPeriodUs),
  gauge('container_spec_cpu_quota', 'CPU time a period, in microseconds.', (of) => of.limits.cpuQuotaUs),
  gauge('container_spec_cpu_shares', 'Share of the CPU where it is scarce.', (of) => of.limits.cpuShares),
  gauge('container_spec_memory_limit_bytes', 'The memory limit.', ({ stats }) =>
    stats.memory === undefined ? undefined : (stats.memory.limitBytes ?? 0n),
  ),
  gauge('container_spec_memory_swap_limit_bytes', 'The swap limit; with the memory limit in it on cgroup v1.', (of) =>
    of.stats.memory === undefined ? undefined : (of.limits.swapBytes ?? 0n),
  ),
  gauge('container_spec_memory_reservation_limit_bytes', 'The memory it keeps when memory is scarce.', (of) =>
    of.stats.memory === undefined ? undefined : (of.limits.reservationBytes ?? 0n),
  ),
];

/** What a cgroup tells, a Pod's as a container's. */
export const cgroupMetrics: readonly Row[] = [...cpu, ...memory, ...disks, ...tasks, ...pressure, ...limits];
