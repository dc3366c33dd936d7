import type { CgroupStats } from '../linux/cgroup-stats.ts';
import type { InterfaceCounters } from '../linux/net-dev.ts';
import { messageOf } from '../lib/errors.ts';
import { cgroupsPathOf, podCgroup } from './cgroups.ts';
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
    return this.#usage(container, await this.#containerCgroup(container));
  }

  /**
   * A container's usage; undefined for one that does not run, that ends meanwhile, or whose usage cannot be read:
   * a list goes without it, because zeros would look like counters that began anew.
   */
  async ifRunning(container: Container): Promise<ContainerUsage | undefined> {
    try {
      const cgroup = await this.#containerCgroup(container);
      return cgroup === undefined ? undefined : this.#usage(container, cgroup);
    } catch (error) {
      this.#parts.log.warn({ containerId: container.id, error: messageOf(error) }, 'the stats of a container could not be read');
      return undefined;
    }
  }

  /** The usage of all that run among these, each read beside the others. */
  async running(containers: readonly Container[]): Promise<{ container: Container; usage: ContainerUsage }[]> {
    const read = await Promise.all(containers.map(async (container) => ({ container, usage: await this.ifRunning(container) })));
    return read.flatMap(({ container, usage }) => (usage === undefined ? [] : [{ container, usage }]));
  }

  /** A sandbox's usage. */
  async sandbox(sandbox: Sandbox): Promise<SandboxUsage> {
    return this.#sandbox(sandbox, this.#containersBySandbox().get(sandbox.id) ?? []);
  }

  /** A sandbox's usage; undefined for one that is not ready, is removed meanwhile, or cannot be read. */
  async ifReady(sandbox: Sandbox): Promise<SandboxUsage | undefined> {
    return this.#ifReady(sandbox, this.#containersBySandbox().get(sandbox.id) ?? []);
  }

  /** The usage of all that are ready among these, each read beside the others. */
  async ready(sandboxes: readonly Sandbox[]): Promise<{ sandbox: Sandbox; usage: SandboxUsage }[]> {
    const containers = this.#containersBySandbox();
    const read = await Promise.all(
      sandboxes.map(async (sandbox) => ({ sandbox, usage: await this.#ifReady(sandbox, containers.get(sandbox.id) ?? []) })),
    );
    return read.flatMap(({ sandbox, usage }) => (usage === undefined ? [] : [{ sandbox, usage }]));
  }

  async #ifReady(sandbox: Sandbox, own: readonly Container[]): Promise<SandboxUsage | undefined> {
    if (!sandbox.isReady) return undefined;
    try {
      const usage = await this.#sandbox(sandbox, own);
      return sandbox.isReady ? usage : undefined;
    } catch (error) {
      this.#parts.log.warn({ podSandboxId: sandbox.id, error: messageOf(error) }, 'the stats of a pod sandbox could not be read');
      return undefined;
    }
  }

  async #sandbox(sandbox: Sandbox, own: readonly Container[]): Promise<SandboxUsage> {
    const { runtimes, namespace, kernel } = this.#parts;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    const ofPod = podCgroup(sandbox, runtime, namespace);
    const netns = sandbox.record.namespaces.net;
    const [cgroup, interfaces, containers] = await Promise.all([
      ofPod === undefined ? undefined : kernel.cgroupUsage('pod', ofPod),
      sandbox.isReady && netns !== undefined ? kernel.interfaces(netns) : [],
      this.running(own),
    ]);
    const atNs = this.#parts.clock.nowNs();
    const nanoCores = this.#rate(sandbox, atNs, cgroup, BigInt(sandbox.record.createdAtNs));
    return { atNs, cgroup: cgroup ?? nothing, nanoCores, interfaces: interfaces ?? [], containers };
  }

  #containersBySandbox(): ReadonlyMap<string, readonly Container[]> {
    const bySandbox = new Map<string, Container[]>();
    for (const container of this.#parts.containers.values()) {
      const known = bySandbox.get(container.sandboxId);
      if (known === undefined) bySandbox.set(container.sandboxId, [container]);
      else known.push(container);
    }
    return bySandbox;
  }

  #usage(container: Container, cgroup: CgroupStats | undefined): ContainerUsage {
    const atNs = this.#parts.clock.nowNs();
    const nanoCores = this.#rate(container, atNs, cgroup, BigInt(container.status.startedAtNs));
    return { atNs, cgroup: cgroup ?? nothing, nanoCores, layer: this.layers.usage(container) };
  }

  /** Undefined for a container that does not run, and for one whose cgroup is gone. */
  async #containerCgroup(container: Container): Promise<CgroupStats | undefined> {
    if (container.state !== 'CONTAINER_RUNNING') return undefined;
    const { sandboxes, runtimes, namespace, kernel } = this.#parts;
    const sandbox = sandboxes.find(container.sandboxId);
    if (sandbox === undefined) return undefined;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    return await kernel.cgroupUsage('container', cgroupsPathOf(container.id, sandbox, runtime, namespace));
  }

  #rate(of: Container | Sandbox, atNs: bigint, cgroup: CgroupStats | undefined, sinceNs: bigint): bigint | undefined {
    return cgroup?.cpu === undefined ? undefined : this.#rates.take(of, { atNs, usageNs: cgroup.cpu.usageNs }, sinceNs);
  }
}

const nothing: CgroupStats = {};
