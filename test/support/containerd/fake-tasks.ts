import { untilAborted } from '../../../src/lib/abort.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import type { Deferred } from '../../../src/lib/deferred.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import type { Any } from '../../../src/containerd/any.ts';
import type { CallOptions } from '../../../src/containerd/rpc.ts';
import { parseJsonAny } from '../../../src/containerd/typeurl.ts';
import type { Exit, ExitStatus, KillRequest, NewExec, NewTask, TaskIo, TaskProcess, Tasks } from '../../../src/containerd/tasks.ts';
import type { Public } from './fake-stores.ts';
import { find, mustBeNew } from './world.ts';
import type { World } from './world.ts';

/** A process of the fake, by its OCI process object. */
export interface FakeProcess {
  readonly containerId: string;
  /** Empty for the init process. */
  readonly execId: string;
  readonly process: { readonly args?: readonly string[] };
  readonly io: TaskIo;
}

interface Running extends FakeProcess {
  readonly pid: number;
  status: TaskProcess['status'];
  exit: Exit;
  readonly ended: Deferred<Exit>;
}

const NOT_YET: Exit = { exitStatus: 0, exitedAtNs: 0n };
const SIGKILL = 9;

/**
 * Tasks without processes. One that runs `sh -c "exit N"` ends at once with N, any other runs until it is
 * killed or `exit` is called; both hooks can be replaced.
 */
export class FakeTasks implements Public<Tasks> {
  /** What a process that is started does: ends with a status (also later), or runs on. */
  onStart: (process: FakeProcess) => number | undefined | Promise<number | undefined> = exitOfShell;
  /** What a signal does to a process: ends it with a status, or nothing. */
  onSignal: (process: FakeProcess, signal: number) => number | undefined = (_, signal) => 128 + signal;
  readonly #world: World;
  /** By container id and exec id. */
  readonly #processes = new Map<string, Map<string, Running>>();
  // Beyond what the kernel gives to any process: what is killed by its number must be nobody's.
  #lastPid = 5_000_000;

  constructor(world: World) {
    this.#world = world;
  }

  /** Ends a process as if of itself. */
  exit(containerId: string, exitStatus: number, execId = ''): void {
    this.#end(this.#find(containerId, execId), exitStatus);
  }

  /** Loses a task as when its shim dies: it is gone, without an event. */
  lose(containerId: string): void {
    this.#processes.delete(containerId);
  }

  async create(task: NewTask, options?: CallOptions): Promise<{ readonly pid: number }> {
    await this.#world.faults.enter('tasks.create', [task], options);
    const { containerId } = task;
    const record = find(this.#world.containers, 'container', containerId);
    mustBeNew(this.#processes, 'task', containerId);
    const { process } = parseJsonAny(record.spec) as { process?: FakeProcess['process'] };
    const init = this.#made({ containerId, execId: '', process: process ?? {}, io: task });
    this.#processes.set(containerId, new Map([['', init]]));
    this.#world.emit({ topic: '/tasks/create', type: 'taskCreate', containerId, pid: init.pid });
    return { pid: init.pid };
  }

  async start(containerId: string, execId = '', options?: CallOptions): Promise<{ readonly pid: number }> {
    await this.#world.faults.enter('tasks.start', [containerId, execId], options);
    const process = this.#find(containerId, execId);
    if (process.status !== 'created') {
      throw new CodedError('failedPrecondition', `start "${containerId}" "${execId}": it is ${process.status}`);
    }
    process.status = 'running';
    const { pid } = process;
    if (execId === '') this.#world.emit({ topic: '/tasks/start', type: 'taskStart', containerId, pid });
    const exitStatus = this.onStart(process);
    if (typeof exitStatus === 'number') this.#end(process, exitStatus);
    else if (exitStatus !== undefined) {
      void exitStatus.then((status) => {
        if (status !== undefined) this.#end(process, status);
      });
    }
    return { pid };
  }

  async kill(containerId: string, request: KillRequest, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.kill', [containerId, request], options);
    const process = this.#find(containerId, request.execId ?? '');
    if (process.status === 'stopped') {
      throw new CodedError('notFound', `kill "${containerId}": process already finished`);
    }
    const exitStatus = request.signal === SIGKILL ? 128 + SIGKILL : this.onSignal(process, request.signal);
    if (exitStatus === undefined) return;
    // With the init process of a PID namespace all others end.
    if (process.execId === '') {
      for (const other of this.#all(containerId).values()) {
        if (other !== process && other.status === 'running') this.#end(other, 128 + SIGKILL);
      }
    }
    this.#end(process, exitStatus);
  }

  async delete(containerId: string, options?: CallOptions): Promise<ExitStatus> {
    await this.#world.faults.enter('tasks.delete', [containerId], options);
    const { pid, exit, status } = this.#find(containerId, '');
    if (status === 'running') {
      throw new CodedError('unknown', `delete task "${containerId}": cannot delete a running process`);
    }
    this.#processes.delete(containerId);
    this.#world.emit({ topic: '/tasks/delete', type: 'taskDelete', containerId, execId: '', pid, ...exit });
    return { pid, ...exit };
  }

  async deleteProcess(containerId: string, execId: string, options?: CallOptions): Promise<ExitStatus> {
    await this.#world.faults.enter('tasks.deleteProcess', [containerId, execId], options);
    const { pid, exit, status } = this.#find(containerId, execId);
    if (status === 'running') throw new CodedError('unknown', `delete exec "${execId}": cannot delete a running process`);
    this.#all(containerId).delete(execId);
    return { pid, ...exit };
  }

  async exec(containerId: string, exec: NewExec, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.exec', [containerId, exec], options);
    const processes = this.#all(containerId);
    const { execId } = exec;
    mustBeNew(processes, 'exec', execId);
    if (processes.get('')?.status !== 'running') {
      throw new CodedError('failedPrecondition', `exec in "${containerId}": cannot exec in a stopped state`);
    }
    const process = parseJsonAny(exec.spec) as FakeProcess['process'];
    processes.set(execId, this.#made({ containerId, execId, process, io: exec }));
  }

  async get(containerId: string, execId = '', options?: CallOptions): Promise<TaskProcess> {
    await this.#world.faults.enter('tasks.get', [containerId, execId], options);
    return toProcess(this.#find(containerId, execId));
  }

  async list(options?: CallOptions): Promise<TaskProcess[]> {
    await this.#world.faults.enter('tasks.list', [], options);
    return [...this.#processes.keys()].map((containerId) => toProcess(this.#find(containerId, '')));
  }

  async wait(containerId: string, execId = '', options?: CallOptions): Promise<Exit> {
    await this.#world.faults.enter('tasks.wait', [containerId, execId], options);
    const { timeoutMs = 0, signal } = options ?? {};
    const limits = [...(signal ? [signal] : []), ...(timeoutMs > 0 ? [AbortSignal.timeout(timeoutMs)] : [])];
    // Listens to the caller's own signal, as the client does.
    const limit = limits.length === 1 ? limits[0] : AbortSignal.any(limits);
    return untilAborted(this.#find(containerId, execId).ended.promise, limit, `wait for "${containerId}"`);
  }

  async closeIO(containerId: string, execId = '', options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.closeIO', [containerId, execId], options);
    this.#find(containerId, execId);
  }

  async resizePty(
    containerId: string,
    execId: string,
    size: { readonly width: number; readonly height: number },
    options?: CallOptions,
  ): Promise<void> {
    await this.#world.faults.enter('tasks.resizePty', [containerId, execId, size], options);
    this.#find(containerId, execId);
  }

  async update(containerId: string, resources: Any, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.update', [containerId, parseJsonAny(resources)], options);
    this.#find(containerId, '');
  }

  async pids(containerId: string, options?: CallOptions): Promise<number[]> {
    await this.#world.faults.enter('tasks.pids', [containerId], options);
    return [...this.#all(containerId).values()].filter(({ status }) => status === 'running').map(({ pid }) => pid);
  }

  async pause(containerId: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.pause', [containerId], options);
    this.#find(containerId, '').status = 'paused';
  }

  async resume(containerId: string, options?: CallOptions): Promise<void> {
    await this.#world.faults.enter('tasks.resume', [containerId], options);
    this.#find(containerId, '').status = 'running';
  }

  #made(process: FakeProcess): Running {
    return { ...process, pid: ++this.#lastPid, status: 'created', exit: NOT_YET, ended: deferred<Exit>() };
  }

  #all(containerId: string): Map<string, Running> {
    return find(this.#processes, 'task', containerId);
  }

  #find(containerId: string, execId: string): Running {
    return find(this.#all(containerId), `process of task "${containerId}"`, execId);
  }

  #end(process: Running, exitStatus: number): void {
    if (process.status === 'stopped') return;
    process.status = 'stopped';
    process.exit = { exitStatus, exitedAtNs: this.#world.nowNs() };
    const { containerId, execId, pid } = process;
    this.#world.emit({ topic: '/tasks/exit', type: 'taskExit', containerId, execId, pid, ...process.exit });
    process.ended.resolve(process.exit);
  }
}

function toProcess(running: Running): TaskProcess {
  const { containerId, execId, pid, status, io } = running;
  const { stdin = '', stdout = '', stderr = '', terminal = false } = io;
  return { containerId, id: execId || containerId, pid, status, stdin, stdout, stderr, terminal, ...running.exit };
}

function exitOfShell({ process }: FakeProcess): number | undefined {
  const script = process.args?.at(-1) ?? '';
  const found = /^exit (\d+)$/.exec(script);
  return found === null ? undefined : Number(found[1]);
}
