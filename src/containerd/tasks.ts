import type { Process__Output } from '../types/containerd/containerd/v1/types/Process.ts';
import type { TasksDefinition } from '../types/containerd/containerd/services/tasks/v1/Tasks.ts';
import { CodedError } from '../lib/errors.ts';
import { toWireAny } from './any.ts';
import type { Any } from './any.ts';
import { toWireMount } from './mount.ts';
import type { Mount } from './mount.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import { toNs } from './timestamp.ts';

/** Paths of FIFOs that a process speaks through; an empty one is /dev/null. */
export interface TaskIo {
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly terminal?: boolean;
}

/** What a task is made from; the container record has the rest. */
export interface NewTask extends TaskIo {
  readonly containerId: string;
  readonly rootfs: readonly Mount[];
  readonly options?: Any;
}

/** One more process for a task that exists; `spec` is the OCI process as JSON. */
export interface NewExec extends TaskIo {
  readonly execId: string;
  readonly spec: Any;
}

/** What a signal goes to: the init process, an exec, or all of the task's processes. */
export interface KillRequest {
  readonly signal: number;
  readonly execId?: string;
  readonly all?: boolean;
}

/** How a process ended. */
export interface Exit {
  readonly exitStatus: number;
  readonly exitedAtNs: bigint;
}

/** How a process that is now deleted had ended. */
export interface ExitStatus extends Exit {
  readonly pid: number;
}

export type TaskStatus = 'created' | 'running' | 'stopped' | 'paused' | 'pausing' | 'unknown';

/** A process of a task; `execId` is empty for its init process. `exitedAtNs` is 0n until it has ended. */
export interface TaskProcess extends ExitStatus {
  readonly containerId: string;
  readonly id: string;
  readonly status: TaskStatus;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

const STATUSES: Readonly<Record<Process__Output['status'], TaskStatus>> = {
  UNKNOWN: 'unknown',
  CREATED: 'created',
  RUNNING: 'running',
  STOPPED: 'stopped',
  PAUSED: 'paused',
  PAUSING: 'pausing',
};

/** containerd's tasks: the processes of containers, and the shims that keep them. */
export class Tasks {
  readonly #rpc: Rpc;
  readonly #methods: TasksDefinition;

  constructor(rpc: Rpc, methods: TasksDefinition) {
    this.#rpc = rpc;
    this.#methods = methods;
  }

  /** Creates the container in its runtime; its process waits for `start`. The reader of its FIFOs must be there. */
  async create(task: NewTask, options?: CallOptions): Promise<{ readonly pid: number }> {
    const request = {
      ...toWireIo(task),
      containerId: task.containerId,
      rootfs: task.rootfs.map(toWireMount),
      options: toWireAny(task.options),
    };
    const { pid } = await this.#rpc.unary(this.#methods.Create, request, `create task "${task.containerId}"`, options);
    return { pid };
  }

  /** Starts the init process or an exec. */
  async start(containerId: string, execId = '', options?: CallOptions): Promise<{ readonly pid: number }> {
    const what = `start ${nameOf(containerId, execId)}`;
    const { pid } = await this.#rpc.unary(this.#methods.Start, { containerId, execId }, what, options);
    return { pid };
  }

  /** Sends a signal; `notFound` also for a process that has ended. */
  async kill(containerId: string, request: KillRequest, options?: CallOptions): Promise<void> {
    const { signal, execId = '', all = false } = request;
    const what = `send signal ${signal} to ${nameOf(containerId, execId)}`;
    await this.#rpc.unary(this.#methods.Kill, { containerId, execId, signal, all }, what, options);
  }

  /**
   * Deletes a task that was never started or has ended. While it runs runc's shim refuses, with `unknown`.
   * With its last task the shim ends, and takes events along that it has not sent: of 40 tasks deleted as soon as
   * `wait` had answered, 7 had no exit event and 6 no deletion (2.4.2, 2026-11). What `wait` says is to be taken
   * as it is, not to be waited for as an event once more.
   */
  async delete(containerId: string, options?: CallOptions): Promise<ExitStatus> {
    const what = `delete task "${containerId}"`;
    return toExitStatus(await this.#rpc.unary(this.#methods.Delete, { containerId }, what, options));
  }

  /** Deletes an exec that has ended. */
  async deleteProcess(containerId: string, execId: string, options?: CallOptions): Promise<ExitStatus> {
    const what = `delete ${nameOf(containerId, execId)}`;
    return toExitStatus(await this.#rpc.unary(this.#methods.DeleteProcess, { containerId, execId }, what, options));
  }

  /** Adds a process to a running task; `start` with its id starts it. */
  async exec(containerId: string, exec: NewExec, options?: CallOptions): Promise<void> {
    const request = { ...toWireIo(exec), containerId, execId: exec.execId, spec: toWireAny(exec.spec) };
    await this.#rpc.unary(this.#methods.Exec, request, `add ${nameOf(containerId, exec.execId)}`, options);
  }

  /** How a process is; `notFound` when there is no such task. */
  async get(containerId: string, execId = '', options?: CallOptions): Promise<TaskProcess> {
    const what = `get ${nameOf(containerId, execId)}`;
    const { process } = await this.#rpc.unary(this.#methods.Get, { containerId, execId }, what, options);
    if (process === null) throw new CodedError('internal', `${what}: containerd answered without a process`);
    return toProcess(process, containerId);
  }

  /** The init process of every task in the namespace. A task whose shim does not answer is left out or `unknown`. */
  async list(options?: CallOptions): Promise<TaskProcess[]> {
    const { tasks } = await this.#rpc.unary(this.#methods.List, {}, 'list tasks', options);
    // containerd leaves container_id empty here; the init process has its container's id.
    return tasks.map((process) => toProcess(process, process.id));
  }

  /** Answers when the process has ended, at once when it already has. Without a limit in time. */
  async wait(containerId: string, execId = '', options?: CallOptions): Promise<Exit> {
    const what = `wait for ${nameOf(containerId, execId)}`;
    const limits = { timeoutMs: 0, ...options };
    const { exitStatus, exitedAt } = await this.#rpc.unary(
      this.#methods.Wait,
      { containerId, execId },
      what,
      limits,
    );
    return { exitStatus, exitedAtNs: toNs(exitedAt) };
  }

  /** Closes the writing end of stdin that the shim holds open, so that the process sees its end. */
  async closeIO(containerId: string, execId = '', options?: CallOptions): Promise<void> {
    const what = `close stdin of ${nameOf(containerId, execId)}`;
    await this.#rpc.unary(this.#methods.CloseIO, { containerId, execId, stdin: true }, what, options);
  }

  /** Sets the size of a process' terminal, in characters. */
  async resizePty(
    containerId: string,
    execId: string,
    size: { readonly width: number; readonly height: number },
    options?: CallOptions,
  ): Promise<void> {
    const what = `resize the terminal of ${nameOf(containerId, execId)}`;
    const { width, height } = size;
    await this.#rpc.unary(this.#methods.ResizePty, { containerId, execId, width, height }, what, options);
  }

  /** Applies OCI linux.resources to a running task. */
  async update(containerId: string, resources: Any, options?: CallOptions): Promise<void> {
    const request = { containerId, resources: toWireAny(resources) };
    await this.#rpc.unary(this.#methods.Update, request, `update resources of task "${containerId}"`, options);
  }

  /** The process ids of a task, as the host sees them. */
  async pids(containerId: string, options?: CallOptions): Promise<number[]> {
    const what = `list processes of task "${containerId}"`;
    const { processes } = await this.#rpc.unary(this.#methods.ListPids, { containerId }, what, options);
    return processes.map((process) => process.pid);
  }

  /** Freezes every process of a task. */
  async pause(containerId: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Pause, { containerId }, `pause task "${containerId}"`, options);
  }

  /** Thaws a paused task. */
  async resume(containerId: string, options?: CallOptions): Promise<void> {
    await this.#rpc.unary(this.#methods.Resume, { containerId }, `resume task "${containerId}"`, options);
  }
}

function nameOf(containerId: string, execId: string): string {
  return execId === '' ? `task "${containerId}"` : `exec "${execId}" of task "${containerId}"`;
}

function toWireIo(io: TaskIo): { stdin: string; stdout: string; stderr: string; terminal: boolean } {
  const { stdin = '', stdout = '', stderr = '', terminal = false } = io;
  return { stdin, stdout, stderr, terminal };
}

function toExitStatus(answer: {
  pid: number;
  exitStatus: number;
  exitedAt: Parameters<typeof toNs>[0];
}): ExitStatus {
  return { pid: answer.pid, exitStatus: answer.exitStatus, exitedAtNs: toNs(answer.exitedAt) };
}

function toProcess(process: Process__Output, containerId: string): TaskProcess {
  return {
    containerId,
    id: process.id,
    pid: process.pid,
    status: STATUSES[process.status] ?? 'unknown',
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    terminal: process.terminal,
    exitStatus: process.exitStatus,
    exitedAtNs: toNs(process.exitedAt),
  };
}
