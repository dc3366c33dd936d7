import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import type { Undo } from '../lib/undo.ts';
import type { Runtime } from './runtimes.ts';

/**
 * A pod sandbox's life:
 *
 *     creating ──────► ready ──────► stopping ──────► stopped ──────► (removed)
 *         │              │  pause died where the        ▲
 *         │ undo failed  │  Pod lives by it,            │ StopPodSandbox
 *         │              ▼  or the machine rebooted     │
 *         └────────► broken ────────────────────────────┘
 *
 * The CRI knows READY and NOTREADY; only `ready` is READY. `creating` is told to nobody and never written. A sandbox that is
 * `broken` still holds things (network, mounts, an address) that StopPodSandbox gives back.
 */
export type SandboxPhase = 'creating' | 'ready' | 'broken' | 'stopping' | 'stopped';

/** The namespaces of a Pod and where they are pinned; a missing one is the host's. */
export interface PinnedNamespaces {
  readonly net?: string;
  readonly uts?: string;
  readonly ipc?: string;
  readonly user?: string;
}

/** What CNI gave the Pod; no addresses at all on the host's network. */
export interface SandboxNetwork {
  readonly ip: string;
  readonly additionalIps: readonly string[];
}

/** What of a sandbox is written down. All of it is needed after a restart and can be asked from nobody. */
export interface SandboxRecord {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  readonly config: PodSandboxConfig__Output;
  readonly runtimeHandler: string;
  readonly createdAtNs: string;
  readonly phase: SandboxPhase;
  /** The boot in which its namespaces were made; in another one they are gone. */
  readonly bootId: string;
  readonly namespaces: PinnedNamespaces;
  readonly network: SandboxNetwork | undefined;
  /** The SELinux level of all its processes and files; absent where SELinux is off. */
  readonly selinuxLevel?: string;
  /** The last resources of UpdatePodSandboxResources. */
  readonly overhead: LinuxContainerResources__Output | null;
  readonly resources: LinuxContainerResources__Output | null;
}

/** A pod sandbox in memory: its record, and what is derived or only true while the daemon runs. */
export class Sandbox {
  #record: SandboxRecord;
  /** The answer bytes of List for this sandbox, dropped with every change. */
  listBytes: Buffer | undefined;
  /** How often its ended containers were killed for memory, in all; undefined before the first one starts. */
  endedOomKills: number | undefined;
  /** How to take back what failed creations of its containers have left, as the undo of those failed too. */
  readonly owed: Undo[] = [];

  constructor(record: SandboxRecord) {
    this.#record = record;
  }

  get record(): SandboxRecord {
    return this.#record;
  }

  get id(): string {
    return this.#record.id;
  }

  get name(): string {
    return this.#record.name;
  }

  get config(): PodSandboxConfig__Output {
    return this.#record.config;
  }

  get isReady(): boolean {
    return this.#record.phase === 'ready';
  }

  /** Whether its containers may see one process namespace whose first process is the pause container. */
  get sharesPid(): boolean {
    return namespaceOptions(this.config).pid === 'POD';
  }

  get hostNetwork(): boolean {
    return namespaceOptions(this.config).network === 'NODE';
  }

  get hostIpc(): boolean {
    return namespaceOptions(this.config).ipc === 'NODE';
  }

  get hostPid(): boolean {
    return namespaceOptions(this.config).pid === 'NODE';
  }

  /**
   * Tries again to take back what failed creations have left. Returns what is still there, by name. With containerd away
   * both the creation and its undo fail, and no list would tell of what it had made by then.
   */
  async settleOwed(): Promise<string[]> {
    const left: string[] = [];
    for (const undo of this.owed.splice(0)) {
      const failed = await undo.unwind();
      if (failed.length > 0) this.owed.push(undo);
      left.push(...failed);
    }
    return left;
  }

  /** Takes a new record into use; writing it down is `SandboxRecords`' part. */
  become(record: SandboxRecord): void {
    this.#record = record;
    this.listBytes = undefined;
  }
}

/** The Pod's namespace options with the CRI's defaults (everything POD) where the request had none. */
export function namespaceOptions(config: PodSandboxConfig__Output): {
  readonly network: string;
  readonly pid: string;
  readonly ipc: string;
} {
  const options = config.linux?.securityContext?.namespaceOptions;
  return { network: options?.network ?? 'POD', pid: options?.pid ?? 'POD', ipc: options?.ipc ?? 'POD' };
}

/** Whether a Pod is there only with its pause container: the first of its processes, or what all of it runs in. */
export function livesByPause(sandbox: Sandbox, runtime: Runtime): boolean {
  return sandbox.sharesPid || runtime.pauseIsPod;
}

/** The name nothing else alive may have: name, namespace, uid and attempt, as the CRI identifies a sandbox. */
export function sandboxName(config: PodSandboxConfig__Output): string {
  const m = config.metadata;
  return [m?.name, m?.namespace, m?.uid, m?.attempt].join('_');
}
