import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';
import type { OciProcess } from '../spec/oci.ts';
import type { SnapshotMount } from './ports.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';

/**
 * A container's life:
 *
 *     created ──StartContainer──► running ──exit──► exited ──RemoveContainer──► (removed)
 *        │                          │
 *        └── start failed (128) ────┼──────────────► exited
 *                                   └── clean-up of a failed start failed ──► unknown ──Stop──► exited
 *
 * The state is derived from the times and never stored beside them.
 */
export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

/**
 * What of a container is written once, at creation, into extensions of its containerd record. It can be
 * asked from containerd at any time, and is stored nowhere else.
 */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig__Output;
  /** Image.id: the digest of the image's config. */
  readonly imageId: string;
  /** What ContainerStatus.image_ref says: a repo digest where there is one. */
  readonly imageRef: string;
  /** What ContainerStatus.image.image says: a name for people. */
  readonly imageName: string;
  readonly createdAtNs: string;
  /** Absolute, or empty when the output is only drained. */
  readonly logPath: string;
  /** The number of the signal that StopContainer begins with. */
  readonly stopSignal: number;
  readonly user: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  readonly snapshotter: string;
  /** The SELinux label its root file system is mounted with; absent where SELinux is off. */
  readonly mountLabel?: string;
}

/** What changes in a container's life, written beside containerd because a deleted task tells nothing. */
export interface ContainerStatus {
  readonly startedAtNs: string;
  readonly finishedAtNs: string;
  readonly pid: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** Whether a clean-up is owed that RemoveContainer has to try again. */
  readonly unknown: boolean;
  /** The resources in force; null in records that are older than their being told. */
  readonly resources: LinuxContainerResources__Output | null;
}

/** How a container ended. */
export interface ContainerExit {
  readonly exitCode: number;
  readonly finishedAtNs: bigint;
  readonly reason: string;
  readonly message: string;
}

/** A container in memory. */
export class Container {
  readonly record: ContainerRecord;
  #status: ContainerStatus;
  #exited: Deferred<void> = deferred();
  #lastChange: Promise<unknown> = Promise.resolve();
  /** Whether a stop signal has been sent: several StopContainer calls send one between them. */
  stopSignalled = false;
  /** Set while StartContainer is at work, so that an exit then is not lost. */
  starting = false;
  /** The clean-up of the ended task, and whether it is known to be gone; RemoveContainer waits for it. */
  cleanup: Promise<boolean> = Promise.resolve(false);
  listBytes: Buffer | undefined;
  /** Its root file system's mounts, from its creation to its start; asked for again after a restart. */
  rootfs: readonly SnapshotMount[] | undefined;
  /** The process of its OCI spec, from which an exec's is made; read from containerd when first needed. */
  process: OciProcess | undefined;

  constructor(record: ContainerRecord, status: ContainerStatus) {
    this.record = record;
    this.#status = status;
    if (status.finishedAtNs !== '0') this.#exited.resolve();
  }

  get id(): string {
    return this.record.id;
  }

  get name(): string {
    return this.record.name;
  }

  get sandboxId(): string {
    return this.record.sandboxId;
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  get state(): ContainerState {
    if (this.#status.unknown) return 'CONTAINER_UNKNOWN';
    if (this.#status.finishedAtNs !== '0') return 'CONTAINER_EXITED';
    return this.#status.startedAtNs !== '0' ? 'CONTAINER_RUNNING' : 'CONTAINER_CREATED';
  }

  /** Resolves when the container has ended and its status says so. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /**
   * Runs acts that make a new status out of the one there is, one after the other. Side by side the later of the two
   * would undo the other: a container that ended while its resources were written down would be RUNNING for ever.
   */
  changeStatus(act: () => Promise<void>): Promise<void> {
    const mine = this.#lastChange.then(act);
    this.#lastChange = mine.catch(() => {});
    return mine;
  }

  /** Takes a new status into use; writing it down is `ContainerRecords`' part. */
  become(status: ContainerStatus): void {
    this.#status = status;
    this.listBytes = undefined;
    if (this.state === 'CONTAINER_EXITED') this.#exited.resolve();
  }
}

/** The status of a container that was just created. */
export function createdStatus(resources: LinuxContainerResources__Output | null): ContainerStatus {
  return {
    startedAtNs: '0',
    finishedAtNs: '0',
    pid: 0,
    exitCode: 0,
    reason: '',
    message: '',
    unknown: false,
    resources,
  };
}

/** The name nothing else alive may have: the container's name and attempt within its sandbox's name. */
export function containerName(config: ContainerConfig__Output, sandboxName: string): string {
  return [config.metadata?.name, sandboxName, config.metadata?.attempt].join('_');
}
