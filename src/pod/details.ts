import type { CgroupDetail } from '../linux/cgroup-detail.ts';
import { cgroupFolder } from '../linux/cgroup.ts';
import type { InterfaceCounters } from '../linux/net-dev.ts';
import type { OpenFiles } from '../linux/open-files.ts';
import { messageOf } from '../lib/errors.ts';
import { cgroupParentOf, cgroupsPathOf, podCgroup } from './cgroups.ts';
import type { Container } from './container.ts';
import type { Parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';
import type { LayerUsage, WritableLayers } from './writable-layers.ts';

/** What the kernel tells beyond stats. */
export interface DetailKernel {
  /** All that a cgroup tells; undefined when it is gone. */
  cgroupDetail(cgroupsPath: string): Promise<CgroupDetail | undefined>;
  /** What processes have open; those that ended are passed over. */
  openFiles(pids: readonly number[]): Promise<OpenFiles>;
  /** The soft limit of open files of a process; undefined when it has ended. */
  openFilesLimit(pid: number): bigint | undefined;
}

/** A container as metrics tell of it. */
export interface ContainerDetail {
  readonly container: Container;
  /** Its cgroup below the root of the hierarchy. */
  readonly cgroup: string;
  readonly detail: CgroupDetail;
  readonly open: OpenFiles;
  readonly openFilesLimit: bigint | undefined;
  readonly layer: LayerUsage;
}

/** A Pod likewise. */
export interface SandboxDetail {
  readonly sandbox: Sandbox;
  readonly cgroup: string;
  /** The pause container's cgroup: cAdvisor names the Pod's network after it. */
  readonly pauseCgroup: string;
  readonly atNs: bigint;
  /** Undefined where the Pod has no cgroup of its own. */
  readonly detail: CgroupDetail | undefined;
  readonly interfaces: readonly InterfaceCounters[];
  readonly containers: readonly ContainerDetail[];
}

/** Reads what metrics tell of Pods. What vanishes or cannot be read is left out and never hides the rest. */
export class DetailReader {
  readonly #parts: Pick<Parts, 'log' | 'clock' | 'kernel' | 'namespace' | 'runtimes' | 'containers'>;
  readonly #kernel: DetailKernel;
  readonly #layers: WritableLayers;

  constructor(
    parts: Pick<Parts, 'log' | 'clock' | 'kernel' | 'namespace' | 'runtimes' | 'containers'>,
    kernel: DetailKernel,
    layers: WritableLayers,
  ) {
    this.#parts = parts;
    this.#kernel = kernel;
    this.#layers = layers;
  }

  /** A ready sandbox with its running containers; undefined for one that is not ready. */
  async sandbox(sandbox: Sandbox): Promise<SandboxDetail | undefined> {
    if (!sandbox.isReady) return undefined;
    try {
      return await this.#sandbox(sandbox);
    } catch (error) {
      this.#parts.log.warn({ podSandboxId: sandbox.id, error: messageOf(error) }, 'the metrics of a pod sandbox could not be read');
      return undefined;
    }
  }

  async #sandbox(sandbox: Sandbox): Promise<SandboxDetail> {
    const { runtimes, namespace, kernel, clock } = this.#parts;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    const parent = cgroupParentOf(sandbox, runtime, namespace);
    const ofPod = podCgroup(sandbox, runtime, namespace);
    const netns = sandbox.record.namespaces.net;
    const own = [...this.#parts.containers.values()].filter((container) => container.sandboxId === sandbox.id);
    const [detail, interfaces, containers] = await Promise.all([
      ofPod === undefined ? undefined : this.#kernel.cgroupDetail(ofPod),
      netns === undefined ? undefined : kernel.interfaces(netns),
      Promise.all(own.map((container) => this.#container(container, sandbox))),
    ]);
    return {
      sandbox,
      cgroup: cgroupFolder(parent),
      pauseCgroup: cgroupFolder(cgroupsPathOf(sandbox.id, sandbox, runtime, namespace)),
      atNs: clock.nowNs(),
      detail,
      interfaces: interfaces ?? [],
      containers: containers.filter((one) => one !== undefined),
    };
  }

  async #container(container: Container, sandbox: Sandbox): Promise<ContainerDetail | undefined> {
    if (container.state !== 'CONTAINER_RUNNING') return undefined;
    const { runtimes, namespace, log } = this.#parts;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    const cgroupsPath = cgroupsPathOf(container.id, sandbox, runtime, namespace);
    try {
      const detail = await this.#kernel.cgroupDetail(cgroupsPath);
      if (detail === undefined) return undefined;
      return {
        container,
        cgroup: cgroupFolder(cgroupsPath),
        detail,
        open: await this.#kernel.openFiles(detail.processes),
        openFilesLimit: this.#kernel.openFilesLimit(container.status.pid),
        layer: this.#layers.usage(container),
      };
    } catch (error) {
      log.warn({ containerId: container.id, error: messageOf(error) }, 'the metrics of a container could not be read');
      return undefined;
    }
  }
}
