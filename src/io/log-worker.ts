import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { systemClock } from '../lib/clock.ts';
import { errnoOf, kindOf, messageOf } from '../lib/errors.ts';
import { EPOLLIN, epollAdd, epollRemove, epollWait, read } from '../linux/libc.ts';
import { ContainerLog, makeLogBuffers } from './container-log.ts';
import type { ContainerLogSpec, LogNotice, LogRequest } from './log-messages.ts';
import type { LogSource } from './log-source.ts';
import { LogTap } from './log-tap.ts';

/** What the main thread hands the log thread at its start. */
export interface LogWorkerData {
  readonly port: MessagePort;
  readonly epollFd: number;
  /** An eventfd that the main thread rings after it has posted a message. */
  readonly wakeFd: number;
}

const tickMs = 1000;

/** Records that were dropped since they were last reported. */
interface Drops {
  records: number;
  bytes: number;
  reason: string;
}

/**
 * The log thread: serves the outputs of all containers with blocking calls, so that no byte of a log ever crosses
 * the daemon's event loop and no slow disk holds it up. It never returns to its own event loop; messages come with
 * a wake-up through epoll.
 */
class LogThread {
  readonly #port: MessagePort;
  readonly #epollFd: number;
  readonly #wakeFd: number;
  readonly #clock = systemClock();
  readonly #buffers = makeLogBuffers();
  readonly #logs = new Map<string, ContainerLog>();
  readonly #watched = new Map<number, { readonly log: ContainerLog; readonly source: LogSource }>();
  readonly #drops = new Map<string, Drops>();
  readonly #taps = new Map<number, LogTap>();
  #stopped = false;

  constructor(data: LogWorkerData) {
    this.#port = data.port;
    this.#epollFd = data.epollFd;
    this.#wakeFd = data.wakeFd;
  }

  /** Works until it is told to stop. One batch per ready output and round, so that no container starves another. */
  run(): void {
    let tickedAt = performance.now();
    while (!this.#stopped) {
      const ready = epollWait(this.#epollFd, 64, tickMs).map(({ fd }) => fd);
      for (const fd of ready) if (fd !== this.#wakeFd) this.#serve(fd);
      // Messages last: one may open a FIFO under the number of one that was closed in this round, and what epoll
      // said of that number is not about it. A FIFO without a writer yet would be taken for one that has ended.
      if (ready.includes(this.#wakeFd)) this.#receive();
      if (performance.now() - tickedAt < tickMs) continue;
      tickedAt = performance.now();
      this.#tick();
    }
  }

  #serve(fd: number): void {
    const watched = this.#watched.get(fd);
    if (watched === undefined) return;
    const { log, source } = watched;
    this.#guard(log, source, () => log.pump(source));
    if (source.ended) this.#settle(log);
  }

  /** A FIFO that cannot be read ends; the others and the thread go on. */
  #guard(log: ContainerLog, source: LogSource, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#warn(log.containerId, `${source.stream} is not read any more: ${messageOf(error)}`);
      source.endReading();
    }
  }

  /** Stops watching what has ended, and says so when that was the container's last output. */
  #settle(log: ContainerLog): void {
    for (const [fd, watched] of this.#watched) {
      if (watched.log === log && watched.source.ended) this.#watched.delete(fd);
    }
    if (!log.ended) return;
    this.#reportDrops(log.containerId);
    this.#notify({ op: 'drained', containerId: log.containerId });
  }

  #receive(): void {
    read(this.#wakeFd, Buffer.alloc(8));
    for (;;) {
      const received: { message: LogRequest } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      const { message } = received;
      try {
        this.#handle(message);
        this.#notify({ op: 'done', seq: message.seq });
      } catch (error) {
        const flat = { kind: kindOf(error), message: messageOf(error), code: errnoOf(error) };
        this.#notify({ op: 'done', seq: message.seq, error: flat });
      }
    }
  }

  #handle(request: LogRequest): void {
    switch (request.op) {
      case 'open':
        this.#open(request.spec);
        return;
      case 'reopen':
        this.#logs.get(request.containerId)?.reopen();
        return;
      case 'finish':
        this.#finish(request.containerId);
        return;
      case 'close':
        this.#close(request.containerId);
        return;
      case 'tap':
        this.#tap(request);
        return;
      case 'untap':
        this.#taps.get(request.tapId)?.end('gone');
        return;
      case 'stop':
        for (const log of this.#logs.values()) log.leave();
        this.#stopped = true;
    }
  }

  #open(spec: ContainerLogSpec): void {
    const { containerId } = spec;
    if (this.#logs.has(containerId)) return;
    const log = new ContainerLog(spec, this.#buffers, this.#clock, {
      dropped: (records, bytes, reason) => this.#countDrop(containerId, records, bytes, reason),
      warning: (message) => this.#warn(containerId, message),
    });
    this.#logs.set(containerId, log);
    for (const source of log.open) {
      epollAdd(this.#epollFd, source.fifoFd, EPOLLIN);
      this.#watched.set(source.fifoFd, { log, source });
    }
  }

  #tap({ containerId, tapId, stream, fd }: LogRequest & { readonly op: 'tap' }): void {
    const tap = new LogTap(fd, (why) => {
      this.#taps.delete(tapId);
      this.#notify({ op: 'tapEnded', tapId, why });
    });
    this.#taps.set(tapId, tap);
    const log = this.#logs.get(containerId);
    if (log === undefined) tap.end('ended');
    else log.tap(stream, tap);
  }

  #finish(containerId: string): void {
    const log = this.#logs.get(containerId);
    if (log === undefined || log.ended) {
      this.#notify({ op: 'drained', containerId });
      return;
    }
    for (const source of log.open) this.#guard(log, source, () => log.finish(source));
    if (log.ended) this.#settle(log);
  }

  #close(containerId: string): void {
    const log = this.#logs.get(containerId);
    if (log === undefined) return;
    this.#logs.delete(containerId);
    for (const source of log.open) {
      this.#watched.delete(source.fifoFd);
      epollRemove(this.#epollFd, source.fifoFd);
    }
    log.close();
    this.#settle(log);
    this.#drops.delete(containerId);
  }

  #tick(): void {
    for (const log of this.#logs.values()) log.tick();
    for (const containerId of this.#drops.keys()) this.#reportDrops(containerId);
  }

  // A full disk drops thousands of batches a second; the main thread hears of it once a second.
  #countDrop(containerId: string, records: number, bytes: number, reason: string): void {
    const drops = this.#drops.get(containerId) ?? { records: 0, bytes: 0, reason };
    this.#drops.set(containerId, { records: drops.records + records, bytes: drops.bytes + bytes, reason });
  }

  #reportDrops(containerId: string): void {
    const drops = this.#drops.get(containerId);
    if (drops === undefined) return;
    this.#drops.delete(containerId);
    this.#notify({ op: 'dropped', dropped: { containerId, ...drops } });
  }

  #warn(containerId: string, message: string): void {
    this.#notify({ op: 'warning', containerId, message });
  }

  #notify(notice: LogNotice): void {
    this.#port.postMessage(notice);
  }
}

new LogThread(workerData as LogWorkerData).run();
