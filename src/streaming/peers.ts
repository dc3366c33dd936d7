import type { Duplex } from 'node:stream';
import { descriptorOf } from '../io/in-place-socket.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { askPeerOften, isOutOfReach, tcpPeer } from '../linux/tcp-peer.ts';

const lookMs = 500;

/**
 * The clients that are connected. One whose network is cut sends no end and no reset; the kernel alone would find out
 * after a quarter of an hour where something was on its way, and never where nothing was.
 */
export class Peers {
  readonly #log: Log;
  readonly #sockets = new Set<Duplex>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Looks after a connection until it is closed, and ends it when its peer is out of reach. */
  add(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#forget(socket));
    const fd = descriptorOf(socket);
    if (fd === undefined) return;
    try {
      askPeerOften(fd);
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'a client that is cut off will be noticed late');
    }
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref();
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #forget(socket: Duplex): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const socket of this.#sockets) {
      const fd = descriptorOf(socket);
      if (fd === undefined || !isOutOfReach(tcpPeer(fd))) continue;
      this.#log.info({}, 'a client is out of reach, and its stream is ended');
      socket.destroy();
    }
  }
}
