import { invalidField } from '../lib/errors.ts';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import type { HostFacts } from './host-facts.ts';
import { toInt64 } from './json.ts';
import type { Int64, OciCpu, OciHugepageLimit, OciMemory, OciResources, OciSpec } from './oci.ts';

type ResourceFacts = Pick<HostFacts, 'cgroupVersion' | 'swapController' | 'hugetlbSizes'>;

/**
 * The resources that result when a CRI message is laid over what holds (`{}` at creation). CRI semantics: zero
 * and empty leave a value as it is, so a cpuset-only update keeps the rest; `unified` and huge pages merge by
 * key, where a later value (`max`, `0`) may clear an earlier one. `unified` means nothing to cgroup v1.
 */
export function mergeResources(
  base: OciResources,
  given: LinuxContainerResources__Output | null,
  host: ResourceFacts,
): OciResources {
  if (given === null) return base;
  const cpu = mergeCpu(base.cpu ?? {}, given);
  const memory = mergeMemory(base.memory ?? {}, given, host.swapController);
  const hugepageLimits = mergeHugepages(base.hugepageLimits ?? [], given, host.hugetlbSizes);
  const unified = host.cgroupVersion === 2 ? { ...base.unified, ...given.unified } : {};
  return {
    // With what the CRI has no words for: devices, pids, and all that a handler's base spec says beyond.
    ...base,
    ...(isEmpty(memory) ? {} : { memory }),
    ...(isEmpty(cpu) ? {} : { cpu }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(isEmpty(unified) ? {} : { unified }),
  };
}

/**
 * The resources that ContainerStatus tells: those in force, read from the spec, so that what was passed over or
 * bounded by the host is not claimed. The kubelet's resize waits until it reads its own values back.
 */
export function toCriResources({ process, linux }: Pick<OciSpec, 'process' | 'linux'>): LinuxContainerResources__Output {
  const { resources } = linux;
  // Of a base spec, parts may be null.
  const [cpu, memory] = [resources.cpu ?? {}, resources.memory ?? {}];
  return {
    cpuPeriod: decimal(cpu.period),
    cpuQuota: decimal(cpu.quota),
    cpuShares: decimal(cpu.shares),
    memoryLimitInBytes: decimal(memory.limit),
    oomScoreAdj: decimal(process.oomScoreAdj),
    cpusetCpus: cpu.cpus ?? '',
    cpusetMems: cpu.mems ?? '',
    hugepageLimits: (resources.hugepageLimits ?? []).map(({ pageSize, limit }) => ({ pageSize, limit: decimal(limit) })),
    unified: { ...resources.unified },
    memorySwapLimitInBytes: decimal(memory.swap),
  };
}

function decimal(value: Int64 | undefined): string {
  return String(value ?? 0);
}

function mergeCpu(base: OciCpu, given: LinuxContainerResources__Output): OciCpu {
  return {
    ...base,
    ...unlessZero('shares', given.cpuShares),
    ...unlessZero('quota', given.cpuQuota),
    ...unlessZero('period', given.cpuPeriod),
    ...(given.cpusetCpus === '' ? {} : { cpus: given.cpusetCpus }),
    ...(given.cpusetMems === '' ? {} : { mems: given.cpusetMems }),
  };
}

/**
 * OCI `swap` is memory plus swap. Without a word about swap a limit allows none (swap = limit), or a Pod would
 * swap where Kubernetes promises that it doesn't; swap that an earlier message allowed stays while it suits.
 */
function mergeMemory(base: OciMemory, given: LinuxContainerResources__Output, hasSwap: boolean): OciMemory {
  const limited = { ...base, ...unlessZero('limit', given.memoryLimitInBytes) };
  if (!hasSwap) {
    const { swap: _swap, ...rest } = limited;
    return rest;
  }
  if (given.memorySwapLimitInBytes !== '0') return { ...limited, ...unlessZero('swap', given.memorySwapLimitInBytes) };
  if (given.memoryLimitInBytes === '0' || limited.limit === undefined) return limited;
  const allowsSwap = base.swap !== undefined && base.limit !== undefined && isMore(base.swap, base.limit);
  return allowsSwap && !isMore(limited.limit, base.swap) ? limited : { ...limited, swap: limited.limit };
}

/** Whether one limit lets through more than another, where -1 is none. */
function isMore(one: Int64, other: Int64): boolean {
  if (other < 0) return false;
  return one < 0 || one > other;
}

/** The kubelet lists every page size with zero; sizes that the host's controller lacks are passed over. */
function mergeHugepages(
  base: readonly OciHugepageLimit[],
  given: LinuxContainerResources__Output,
  sizes: readonly string[],
): OciHugepageLimit[] {
  const bySize = new Map(base.map((entry) => [entry.pageSize, entry]));
  for (const { pageSize, limit } of given.hugepageLimits) {
    if (sizes.includes(pageSize)) bySize.set(pageSize, { pageSize, limit: readInt64('hugepage_limits', limit) });
  }
  return [...bySize.values()];
}

function unlessZero<Name extends string>(name: Name, decimal: string): { readonly [N in Name]?: Int64 } {
  const value = readInt64(name, decimal);
  return (value === 0 ? {} : { [name]: value }) as { readonly [N in Name]?: Int64 };
}

function readInt64(field: string, decimal: string): Int64 {
  if (!/^-?\d{1,20}$/u.test(decimal)) throw invalidField(field, decimal, 'no integer');
  return toInt64(decimal);
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}
