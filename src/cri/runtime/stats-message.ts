import type { ContainerStats } from '../../types/cri/runtime/v1/ContainerStats.ts';
import type { CpuUsage } from '../../types/cri/runtime/v1/CpuUsage.ts';
import type { MemoryUsage } from '../../types/cri/runtime/v1/MemoryUsage.ts';
import type { NetworkInterfaceUsage } from '../../types/cri/runtime/v1/NetworkInterfaceUsage.ts';
import type { NetworkUsage } from '../../types/cri/runtime/v1/NetworkUsage.ts';
import type { PodSandboxStats } from '../../types/cri/runtime/v1/PodSandboxStats.ts';
import type { PsiStats } from '../../types/cri/runtime/v1/PsiStats.ts';
import type { SwapUsage } from '../../types/cri/runtime/v1/SwapUsage.ts';
import type { Container } from '../../pod/container.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import { defaultInterface, type ContainerUsage, type SandboxUsage } from '../../pod/stats.ts';
import type { CgroupStats, Pressure, PressureLine } from '../../linux/cgroup-stats.ts';
import type { InterfaceCounters } from '../../linux/net-dev.ts';

/** A container's usage as the CRI tells it. `attributes` is always there: the kubelet looks into it unasked. */
export function toContainerStats(container: Container, usage: ContainerUsage, mountpoint: string): ContainerStats {
  const { config } = container.record;
  const { layer, cgroup } = usage;
  const timestamp = String(usage.atNs);
  return {
    attributes: {
      id: container.id,
      metadata: config.metadata,
      labels: config.labels,
      annotations: config.annotations,
    },
    cpu: toCpu(cgroup, usage.nanoCores, timestamp),
    memory: toMemory(cgroup, timestamp),
    writableLayer: {
      timestamp: String(layer.atNs),
      fsId: { mountpoint },
      usedBytes: uint(layer.sizeBytes),
      inodesUsed: uint(layer.inodes),
    },
    swap: toSwap(cgroup, timestamp),
    io: cgroup.io === undefined ? null : { timestamp, psi: toPsi(cgroup.io.pressure) },
  };
}

/** A Pod's usage as the CRI tells it. `linux` and `attributes` are always there. */
export function toPodSandboxStats(sandbox: Sandbox, usage: SandboxUsage, mountpoint: string): PodSandboxStats {
  const { config } = sandbox.record;
  const { cgroup, interfaces } = usage;
  const timestamp = String(usage.atNs);
  return {
    attributes: {
      id: sandbox.id,
      metadata: config.metadata,
      labels: config.labels,
      annotations: config.annotations,
    },
    linux: {
      cpu: toCpu(cgroup, usage.nanoCores, timestamp),
      memory: toMemory(cgroup, timestamp),
      network: toNetwork(interfaces, timestamp),
      process: cgroup.pids === undefined ? null : { timestamp, processCount: uint(cgroup.pids.current) },
      containers: usage.containers.map((one) => toContainerStats(one.container, one.usage, mountpoint)),
      io: cgroup.io === undefined ? null : { timestamp, psi: toPsi(cgroup.io.pressure) },
    },
  };
}

/** Null for what has no cgroup, as a container that has ended: 0 would look like a counter that began anew. */
function toCpu({ cpu }: CgroupStats, nanoCores: bigint | undefined, timestamp: string): CpuUsage | null {
  if (cpu === undefined) return null;
  return {
    timestamp,
    usageCoreNanoSeconds: uint(cpu.usageNs),
    usageNanoCores: nanoCores === undefined ? null : uint(nanoCores),
    psi: cpu.pressure === undefined ? null : toPsi(cpu.pressure),
  };
}

/** Without a limit nothing is "available": the field then says 0, as containerd and CRI-O have it. */
function toMemory({ memory }: CgroupStats, timestamp: string): MemoryUsage | null {
  if (memory === undefined) return null;
  const { limitBytes, workingSetBytes } = memory;
  const available = limitBytes === undefined || limitBytes < workingSetBytes ? 0n : limitBytes - workingSetBytes;
  return {
    timestamp,
    workingSetBytes: uint(workingSetBytes),
    availableBytes: uint(available),
    usageBytes: uint(memory.usageBytes),
    rssBytes: uint(memory.rssBytes),
    pageFaults: uint(memory.pageFaults),
    majorPageFaults: uint(memory.majorPageFaults),
    psi: memory.pressure === undefined ? null : toPsi(memory.pressure),
  };
}

function toSwap({ swap }: CgroupStats, timestamp: string): SwapUsage | null {
  if (swap === undefined) return null;
  const available = swap.limitBytes === undefined || swap.limitBytes < swap.usageBytes ? 0n : swap.limitBytes - swap.usageBytes;
  return { timestamp, swapAvailableBytes: uint(available), swapUsageBytes: uint(swap.usageBytes) };
}

function toPsi({ some, full }: Pressure): PsiStats {
  return { Some: toPsiData(some), Full: toPsiData(full) };
}

function toPsiData(line: PressureLine): NonNullable<PsiStats['Some']> {
  return { Total: whole(line.totalNs), Avg10: line.avg10, Avg60: line.avg60, Avg300: line.avg300 };
}

/**
 * Null for a Pod on the host's network, and for one whose link is gone while it ends: with `network` there and
 * `defaultInterface` not, a kubelet that takes its stats from the CRI dies of a nil pointer.
 */
function toNetwork(interfaces: readonly InterfaceCounters[], timestamp: string): NetworkUsage | null {
  const main = interfaces.find(({ name }) => name === defaultInterface);
  if (main === undefined) return null;
  return { timestamp, defaultInterface: toInterface(main), interfaces: interfaces.filter((one) => one !== main).map(toInterface) };
}

function toInterface(one: InterfaceCounters): NetworkInterfaceUsage {
  return {
    name: one.name,
    rxBytes: uint(one.rxBytes),
    rxErrors: uint(one.rxErrors),
    txBytes: uint(one.txBytes),
    txErrors: uint(one.txErrors),
  };
}

function uint(value: bigint): { value: number | string } {
  return { value: whole(value) };
}

/** A number where it is exact, which is cheaper than text. */
function whole(value: bigint): number | string {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}
