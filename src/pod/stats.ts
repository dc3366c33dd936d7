import type { CgroupStats } from '../linux/cgroup-stats.ts';
import type { InterfaceCounters } from '../linux/net-dev.ts';
import { cgroupParentOf, cgroupsPathOf } from './cgroups.ts';
import type { Container } from './container.ts';
import { CpuRates } from './cpu-rates.ts';
import type { Parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';
import { WritableLayers, type LayerUsage } from './writable-layers.ts';

export type StatsParts = Pick<
  Parts,
  'log' | 'clock' | 'kernel' | 'namespace' | 'containerd' | 'runtimes' | 'sandboxes' | 'containers'
>;

/** What one container uses. */
export interface ContainerUsage {
  readonly atNs: bigint;
  readonly cgroup: CgroupStats;
  readonly nanoCores: bigint | undefined;
  readonly layer: LayerUsage;
}

/** What a Pod uses as a whole, and its containers one by one. */
export interface SandboxUsage {
  readonly atNs: bigint;
  readonly cgroup: CgroupStats;
  readonly nanoCores: bigint | undefined;
  readonly interfaces: readonly InterfaceCounters[];
  readonly containers: readonly { readonly container: Container; readonly usage: ContainerUsage }[];
}

/** The main interface of a Pod, by the name CNI is asked to give it. */
export const defaultInterface = 'eth0';

/**
 * Reads what Pods and containers use, from the cgroup files themselves: asking the shim costs a call into
 * another process for each container. What vanishes in between is left out and never fails the rest.
 */
export class StatsReader {
  readonly #parts: StatsParts;
  readonly #rates = new CpuRates();
  readonly layers: WritableLayers;

  constructor(parts: StatsParts) {
    this.#parts = parts;
    this.layers = new WritableLayers(parts);
  }

  /** A container's usage; one that does not run has only its layer. */
  async container(container: Container): Promise<ContainerUsage> {
    const layer = this.layers.usage(container);
    const cgroup = container.state === 'CONTAINER_RUNNING' ? await this.#containerCgroup(container) : undefined;
    const atNs = this.#parts.clock.nowNs();
    return { atNs, cgroup: cgroup ?? nothing, nanoCores: this.#rate(container.id, atNs, cgroup), layer };
  }

  /** The usage of all that run among these, each read beside the others. */
  async running(containers: readonly Container[]): Promise<{ container: Container; usage: ContainerUsage }[]> {
    this.#rates.keep(new Set([...this.#parts.containers.values(), ...this.#parts.sandboxes.values()].map(({ id }) => id)));
    const asked = containers.filter((container) => container.state === 'CONTAINER_RUNNING');
    const read = asked.map(async (container) => ({ container, usage: await this.container(container) }));
    return await Promise.all(read);
  }

  /** A sandbox's usage. */
  async sandbox(sandbox: Sandbox): Promise<SandboxUsage> {
    const { runtimes, namespace, kernel } = this.#parts;
    const runtime = runtimes.get(sandbox.record.runtimeHandler);
    const own = [...this.#parts.containers.values()].filter((container) => container.sandboxId === sandbox.id);
    const netns = sandbox.record.namespaces.net;
    const [cgroup, interfaces, containers] = await Promise.all([
      kernel.cgroupUsage(cgroupParentOf(sandbox, runtime, namespace)),
      sandbox.isReady && netns !== undefined ? kernel.interfaces(netns) : [],
      this.running(own),
    ]);
    const atNs = this.#parts.clock.nowNs();
    const nanoCores = this.#rate(sandbox.id, atNs, cgroup);
    return { atNs, cgroup: cgroup ?? nothing, nanoCores, interfaces: interfaces ?? [], containers };
  }

  async #containerCgroup(container: Container): Promise<CgroupStats | undefined> {
    const { sandboxes, runtimes, namespace, kernel } = this.#parts;
    const sandbox = sandboxes.find(container.sandboxId);
    if (sandbox === undefined) return undefined;
    const runtime = runtimes.get(sandbox.record.runtimeHandler);
    return await kernel.cgroupUsage(cgroupsPathOf(container.id, sandbox, runtime, namespace));
  }

  #rate(id: string, atNs: bigint, cgroup: CgroupStats | undefined): bigint | undefined {
    return cgroup?.cpu === undefined ? undefined : this.#rates.take(id, { atNs, usageNs: cgroup.cpu.usageNs });
  }
}

const nothing: CgroupStats = {};
