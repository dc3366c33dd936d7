import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Clock } from '../lib/clock.ts';
import { deferred } from '../lib/deferred.ts';
import type { Deferred } from '../lib/deferred.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import { keepHeapSmall } from '../lib/heap.ts';
import type { Log } from '../lib/log.ts';
import { EPOLLIN, close, epollAdd, epollCreate, eventfd, write } from '../linux/libc.ts';
import type { FifoHolder } from './fifo-holder.ts';
import type { ContainerLogSpec, DroppedRecords, FlatError, LogNotice, LogRequest } from './log-messages.ts';
import type { LogStream } from './log-line.ts';
import type { LogWorkerData } from './log-worker.ts';
import { TappedOutput } from './tapped-output.ts';

/** A request without its number, which the pump gives. */
type Unnumbered<T> = T extends { readonly seq: number } ? Omit<T, 'seq'> : never;

/** A request that is not answered yet; posted again when the thread that had it died. */
interface Pending {
  readonly request: LogRequest;
  readonly answer: Deferred<void>;
}

/** A container whose logs are pumped. */
interface Pumped {
  readonly spec: ContainerLogSpec;
  readonly drained: Deferred<void>;
}

/** Somebody who listens to a container's output. */
interface Listener {
  readonly containerId: string;
  readonly stream: LogStream;
  readonly output: TappedOutput;
}

/** What a pump may be given besides. */
export interface LogPumpOptions {
  /** Holds the FIFOs of what is open, so that they keep their content when podwright is killed. */
  readonly holder?: Pick<FifoHolder, 'hold' | 'release'>;
  /** The thread's program, where it is not the compiled one beside this file. */
  readonly workerUrl?: URL;
}

/** One log thread and what it was given. */
interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly epollFd: number;
  readonly wakeFd: number;
  readonly gone: Promise<void>;
}

// Young objects die at once here (a few per batch), so a small heap is enough and keeps the daemon small.
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };
const restartDelayMs = 100;
const maxRestartDelayMs = 5000;
/** A thread that lived this long did not die of how it was started. */
const soundAfterNs = 60_000_000_000n;

/**
 * Carries the output of all containers from their FIFOs into their CRI logs, in a thread of its own; this is its
 * front on the main thread. A FIFO keeps what nobody reads, so that a thread that dies, or a daemon, is started
 * again and goes on where the old one was.
 */
export class LogPump {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #holder: LogPumpOptions['holder'];
  readonly #workerUrl: URL;
  readonly #containers = new Map<string, Pumped>();
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<number, Listener>();
  readonly #onDropped: ((dropped: DroppedRecords) => void)[] = [];
  #thread: Thread | undefined;
  #seq = 0;
  #lastTapId = 0;
  #stopping = false;
  #failures = 0;

  constructor(log: Log, clock: Clock, options: LogPumpOptions = {}) {
    this.#log = log;
    this.#clock = clock;
    this.#holder = options.holder;
    this.#workerUrl = options.workerUrl ?? new URL('./log-worker.js', import.meta.url);
  }

  /** Starts the thread. */
  start(): void {
    this.#thread ??= this.#startThread();
  }

  /**
   * Opens a container's FIFOs, before the shim is told of them, and its log, and starts reading; after a restart
   * it goes on exactly where the last daemon was. Rejects with errno errors of the log's path, and with
   * `failedPrecondition` where the log is no regular file. Opening what is open changes nothing.
   */
  async open(spec: ContainerLogSpec): Promise<void> {
    const { containerId } = spec;
    if (this.#containers.has(containerId)) return;
    this.#containers.set(containerId, { spec, drained: deferred() });
    if (spec.logPath !== '') this.#holder?.hold(containerId, [spec.stdout, spec.stderr].filter((fifo) => fifo !== undefined));
    try {
      await this.#ask({ op: 'open', spec });
    } catch (error) {
      this.#forget(containerId);
      throw error;
    }
  }

  /**
   * Goes on in a new file at the log's path (ReopenContainerLog): when it resolves the file is there and takes the
   * records. `notFound` for a container that is not open, `failedPrecondition` when its output has ended.
   */
  async reopen(containerId: string): Promise<void> {
    if (!this.#containers.has(containerId)) {
      throw new CodedError('notFound', `reopen log of container "${containerId}": it is not open`);
    }
    await this.#ask({ op: 'reopen', containerId });
  }

  /**
   * Resolves when all the container wrote is in its log. For after its process has exited: a FIFO that nobody has
   * open to write counts as ended. While a child keeps it open this waits; bound it with `close`.
   */
  async drained(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (container === undefined) return;
    await this.#ask({ op: 'finish', containerId });
    await container.drained.promise;
  }

  /** Writes what is there, an unfinished line too, stops reading and forgets the container. */
  async close(containerId: string): Promise<void> {
    if (!this.#containers.has(containerId)) return;
    try {
      await this.#ask({ op: 'close', containerId });
    } finally {
      // When it is podwright that stops, its FIFOs are the next one's to read.
      if (!this.#stopping) this.#forget(containerId);
    }
  }

  /**
   * What a container writes to an output from now on, beside the log and never in its way: a listener that falls
   * behind by more than 1 MiB is cut off. An output that has ended, or is not open, ends at once.
   */
  async tap(containerId: string, stream: LogStream): Promise<TappedOutput> {
    const tapId = ++this.#lastTapId;
    const output = new TappedOutput(() => void this.#ask({ op: 'untap', tapId }).catch(() => {}));
    this.#listeners.set(tapId, { containerId, stream, output });
    try {
      await this.#ask({ op: 'tap', containerId, tapId, stream, fd: output.fd });
    } catch (error) {
      this.#listeners.delete(tapId);
      output.abandon();
      output.stop();
      throw error;
    }
    return output;
  }

  #forget(containerId: string): void {
    this.#containers.get(containerId)?.drained.resolve();
    this.#containers.delete(containerId);
    this.#holder?.release(containerId);
  }

  /** Calls `listener`, at most once a second and container, when records could not be written. */
  onDropped(listener: (dropped: DroppedRecords) => void): void {
    this.#onDropped.push(listener);
  }

  /** Ends the thread. Containers go on writing to their FIFOs, and the next daemon's pump goes on reading. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#post(thread, { op: 'stop', seq: 0 });
    await thread.gone;
  }

  async #ask(request: Unnumbered<LogRequest>): Promise<void> {
    if (this.#stopping) throw new CodedError('unavailable', `${request.op} a container's log: the log pump has stopped`);
    const numbered: LogRequest = { ...request, seq: ++this.#seq };
    const answer = deferred();
    this.#pending.set(numbered.seq, { request: numbered, answer });
    // Without a thread, between two of them, the next one gets it.
    if (this.#thread !== undefined) this.#post(this.#thread, numbered);
    await answer.promise;
  }

  #post(thread: Thread, request: LogRequest): void {
    thread.port.postMessage(request);
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    write(thread.wakeFd, one);
  }

  #startThread(): Thread {
    const epollFd = epollCreate();
    const wakeFd = eventfd();
    epollAdd(epollFd, wakeFd, EPOLLIN);
    const { port1: port, port2 } = new MessageChannel();
    const workerData: LogWorkerData = { port: port2, epollFd, wakeFd };
    const worker = new Worker(this.#workerUrl, { workerData, transferList: [port2], resourceLimits, name: 'log' });
    port.on('message', (notice: LogNotice) => this.#receive(notice));
    const startedAtNs = this.#clock.nowNs();
    let failure: unknown;
    worker.once('online', keepHeapSmall); // its start has set the daemon's heap back to normal
    worker.on('error', (error) => (failure = error));
    const gone = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        // What it said last is not to be lost: for one, which descriptors it has closed.
        for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port)) {
          this.#receive(last.message as LogNotice);
        }
        port.close();
        close(epollFd);
        close(wakeFd);
        this.#thread = undefined;
        if (this.#clock.nowNs() - startedAtNs > soundAfterNs) this.#failures = 0;
        resolve();
        if (this.#stopping) this.#endAll();
        else void this.#restart(failure);
      });
    });
    return { worker, port, epollFd, wakeFd, gone };
  }

  #receive(notice: LogNotice): void {
    switch (notice.op) {
      case 'done': {
        const pending = this.#pending.get(notice.seq);
        this.#pending.delete(notice.seq);
        if (notice.error === undefined) pending?.answer.resolve();
        else if (pending !== undefined) pending.answer.reject(revive(notice.error));
        else this.#log.error({ error: notice.error.message }, 'the new log thread could not go on with a log');
        return;
      }
      case 'tapEnded':
        this.#listeners.get(notice.tapId)?.output.markEnded(notice.why);
        this.#listeners.delete(notice.tapId);
        return;
      case 'drained':
        this.#containers.get(notice.containerId)?.drained.resolve();
        return;
      case 'dropped':
        for (const listener of this.#onDropped) listener(notice.dropped);
        return;
      case 'warning':
        this.#log.warn({ containerId: notice.containerId }, notice.message);
    }
  }

  /** Starts another thread and gives it all that the dead one had. */
  async #restart(failure: unknown): Promise<void> {
    const delayMs = Math.min(maxRestartDelayMs, restartDelayMs * 2 ** this.#failures++);
    this.#log.error({ error: messageOf(failure), delayMs }, 'the log thread died, it is started again');
    await this.#clock.sleep(delayMs);
    if (this.#stopping) {
      this.#endAll();
      return;
    }
    const tapped = new Set([...this.#pending.values()].map(({ request }) => request.op === 'tap' && request.tapId));
    const asked = new Set([...this.#pending.values()].map(({ request }) => request.op === 'open' && request.spec.containerId));
    const thread = (this.#thread = this.#startThread());
    for (const [containerId, { spec }] of this.#containers) {
      if (!asked.has(containerId)) this.#post(thread, { op: 'open', seq: 0, spec });
    }
    for (const { request } of this.#pending.values()) this.#post(thread, request);
    for (const [tapId, { containerId, stream, output }] of this.#listeners) {
      if (!tapped.has(tapId)) this.#post(thread, { op: 'tap', seq: 0, containerId, tapId, stream, fd: output.fd });
    }
  }

  #endAll(): void {
    for (const { output } of this.#listeners.values()) output.abandon();
    this.#listeners.clear();
    this.#rejectPending();
  }

  #rejectPending(): void {
    for (const { request, answer } of this.#pending.values()) {
      answer.reject(new CodedError('unavailable', `${request.op} a container's log: the log pump has stopped`));
    }
    this.#pending.clear();
  }
}

// An error loses its class on its way between threads.
function revive({ kind, message, code }: FlatError): CodedError {
  return new CodedError(kind, message, { cause: code === undefined ? undefined : Object.assign(new Error(message), { code }) });
}
