import type { Readable } from 'node:stream';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';

/**
 * What the Pod layer needs of its surroundings, in its own words. `app.ts` hands in the real things;
 * tests hand in fakes that pass the same contract suites.
 */

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly lease?: string;
  /** Milliseconds; 0 for a call that may take for ever. */
  readonly timeoutMs?: number;
}

export interface Any {
  readonly typeUrl: string;
  readonly value: Buffer;
}

export interface SnapshotMount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

export interface NewContainerRecord {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly runtime: { readonly name: string; readonly options?: Any };
  readonly spec: Any;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  readonly extensions: Readonly<Record<string, Any>>;
  readonly sandboxId: string;
}

export interface StoredContainer extends NewContainerRecord {
  readonly createdAtNs: bigint;
}

export interface ContainersPort {
  create(record: NewContainerRecord, options?: CallOptions): Promise<void>;
  get(id: string, options?: CallOptions): Promise<StoredContainer>;
  list(filters: readonly string[], options?: CallOptions): Promise<StoredContainer[]>;
  update(record: StoredContainer, fieldPaths: readonly string[], options?: CallOptions): Promise<StoredContainer>;
  delete(id: string, options?: CallOptions): Promise<void>;
}

export interface TaskExit {
  readonly exitStatus: number;
  readonly exitedAtNs: bigint;
}

export interface TaskProcess extends TaskExit {
  readonly containerId: string;
  readonly id: string;
  readonly pid: number;
  readonly status: 'unknown' | 'created' | 'running' | 'stopped' | 'paused' | 'pausing';
}

/** A task to be made for a container; the streams are paths of FIFOs, or empty. */
export interface NewTask {
  readonly containerId: string;
  readonly rootfs: readonly SnapshotMount[];
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
  readonly options?: Any;
}

/** A signal for a task or one of its execs; on `all` for every process of it. */
export interface TaskKill {
  readonly signal: number;
  readonly execId?: string;
  readonly all?: boolean;
}

export interface TasksPort {
  create(task: NewTask, options?: CallOptions): Promise<{ readonly pid: number }>;
  start(containerId: string, execId?: string, options?: CallOptions): Promise<{ readonly pid: number }>;
  kill(containerId: string, kill: TaskKill, options?: CallOptions): Promise<void>;
  delete(containerId: string, options?: CallOptions): Promise<TaskExit>;
  deleteProcess(containerId: string, execId: string, options?: CallOptions): Promise<TaskExit>;
  exec(
    containerId: string,
    exec: {
      readonly execId: string;
      readonly terminal: boolean;
      readonly stdin: string;
      readonly stdout: string;
      readonly stderr: string;
      readonly spec: Any;
    },
    options?: CallOptions,
  ): Promise<void>;
  get(containerId: string, execId?: string, options?: CallOptions): Promise<TaskProcess>;
  list(options?: CallOptions): Promise<TaskProcess[]>;
  wait(containerId: string, execId?: string, options?: CallOptions): Promise<TaskExit>;
  update(containerId: string, resources: Any, options?: CallOptions): Promise<void>;
  closeIO(containerId: string, execId?: string, options?: CallOptions): Promise<void>;
  resizePty(containerId: string, execId: string, size: TerminalSize, options?: CallOptions): Promise<void>;
}

/** A terminal's size, in characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

export interface SnapshotsPort {
  prepare(
    key: string,
    parent: string,
    labels?: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<SnapshotMount[]>;
  view(
    key: string,
    parent: string,
    labels?: Readonly<Record<string, string>>,
    options?: CallOptions,
  ): Promise<SnapshotMount[]>;
  mounts(key: string, options?: CallOptions): Promise<SnapshotMount[]>;
  usage(key: string, options?: CallOptions): Promise<{ readonly sizeBytes: bigint; readonly inodes: bigint }>;
  remove(key: string, options?: CallOptions): Promise<void>;
}

export interface LeasesPort {
  create(
    lease: { readonly id?: string; readonly labels: Readonly<Record<string, string>>; readonly expireSeconds?: number },
    options?: CallOptions,
  ): Promise<string>;
  delete(id: string, options?: CallOptions & { readonly sync?: boolean }): Promise<void>;
  list(filters: readonly string[], options?: CallOptions): Promise<{ readonly id: string; readonly labels: Readonly<Record<string, string>> }[]>;
}

export interface SandboxStorePort {
  create(
    sandbox: { readonly sandboxId: string; readonly runtime: { readonly name: string }; readonly sandboxer: string },
    options?: CallOptions,
  ): Promise<void>;
  delete(sandboxId: string, options?: CallOptions): Promise<void>;
}

/** The part of containerd that Pods are made with. */
export interface ContainerdPort {
  readonly containers: ContainersPort;
  readonly tasks: TasksPort;
  readonly leases: LeasesPort;
  readonly sandboxes: SandboxStorePort;
  snapshots(snapshotter: string): SnapshotsPort;
  /** Resolves when containerd answers (again), or rejects when the signal aborts. */
  waitReady(signal?: AbortSignal): Promise<void>;
}

export interface ContentDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: bigint;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What is known of an image that is present. */
export interface ImageFacts {
  readonly id: string;
  readonly chainId: string;
  /** The index or manifest that it is in containerd's content store. */
  readonly target: ContentDescriptor;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly config: ImageConfig;
}

/** The `config` part of an OCI image configuration, as far as containers are made from it. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly stopSignal: string;
  readonly volumes: readonly string[];
}

/** ContainerConfigs in wire form, to be kept with their containers. */
export interface ContainerConfigsPort {
  encode(config: ContainerConfig__Output): Buffer;
  /** DATA_LOSS for bytes that are no ContainerConfig. */
  decode(bytes: Buffer): ContainerConfig__Output;
}

export interface ImagesPort {
  /** The image by id, short id, tag, digest or name; undefined when it is not there. */
  find(reference: string): ImageFacts | undefined;
  /** As `find`, pulling it for a snapshotter, without credentials, when it is not there. */
  ensure(reference: string, snapshotter: string, signal?: AbortSignal): Promise<ImageFacts>;
  /** Gives a snapshotter the image's layers, which is NOT_FOUND when their blobs are gone. */
  unpack(image: ImageFacts, snapshotter: string, signal?: AbortSignal): Promise<void>;
  /** The text of /etc/passwd and /etc/group inside the image, empty where they are missing. */
  userFiles(image: ImageFacts, snapshotter: string): Promise<{ readonly passwd: string; readonly group: string }>;
}

export interface SandboxNetworkRequest {
  readonly id: string;
  readonly netnsPath: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly portMappings: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly dns?: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] };
  readonly cgroupParent: string;
  /** Where the handler's network configuration is; empty for the node's own. */
  readonly confDir: string;
}

export interface NetworkPort {
  add(request: SandboxNetworkRequest, signal?: AbortSignal): Promise<{ readonly ip: string; readonly additionalIps: readonly string[] }>;
  /** Idempotent; `netnsPath` is empty when the namespace is gone. */
  del(
    request: { readonly id: string; readonly netnsPath: string; readonly confDir?: string },
    signal?: AbortSignal,
  ): Promise<void>;
}

/** What a container writes, as one listener gets it. */
export interface TappedPort {
  readonly source: Readable;
  /** Why it ended: with the output, or because the listener fell behind or left. */
  readonly ended: Promise<'ended' | 'behind' | 'gone'>;
  stop(): void;
}

export interface LogPumpPort {
  open(log: {
    readonly containerId: string;
    readonly stdout?: string;
    readonly stderr?: string;
    readonly logPath: string;
    readonly stateDir: string;
  }): Promise<void>;
  reopen(containerId: string): Promise<void>;
  tap(containerId: string, stream: 'stdout' | 'stderr'): Promise<TappedPort>;
  drained(containerId: string): Promise<void>;
  close(containerId: string): Promise<void>;
}
