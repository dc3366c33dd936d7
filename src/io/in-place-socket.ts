import net from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { duplicate } from '../linux/libc.ts';

/**
 * Takes bytes that lie in a buffer which is used again after `release`; `isFull` when there was no room for more in it.
 * Returns whether to read on; if not, nothing more is read before `resume`.
 */
export type TakeBytes = (bytes: Buffer, release: () => void, isFull: boolean) => boolean;

/** As much as comes in one piece. */
const bufferBytes = 128 * 1024;
/** How many buffers are kept that nobody uses now. */
const maxFree = 4;

/**
 * A socket, pipe or FIFO whose bytes come in a few buffers that are used over and over. A stream of Node's allocates
 * one for each read, and the garbage of a gigabyte costs more than to carry it: 3.1 s of processor time with it, 1.1 s
 * without (2026-11-21). Emits no `data`; `resume` without a taker drops what comes.
 */
export class InPlaceSocket extends net.Socket {
  readonly #input: Input;

  constructor(options: { readonly fd: number; readonly readable?: boolean; readonly writable?: boolean; readonly allowHalfOpen?: boolean }) {
    const input = new Input();
    const withInput: net.SocketConstructorOpts & { readonly onread: net.OnReadOpts } = {
      ...options,
      onread: { buffer: () => input.next(), callback: (length) => input.take(length) },
    };
    super(withInput);
    this.#input = input;
  }

  /**
   * A connection that Node's HTTP server has made, as one of these, and `socket` is closed without a trace. TLS and what
   * is no socket stay as they are: their bytes come out of buffers of others anyway.
   */
  static takeOver(socket: Duplex): Duplex {
    const fd = descriptorOf(socket);
    if (fd === undefined || socket instanceof TLSSocket) return socket;
    const own = new InPlaceSocket({ fd: duplicate(fd), allowHalfOpen: true });
    socket.destroy();
    return own;
  }

  /** Hands on what comes, from the first byte. */
  readInPlace(take: TakeBytes): this {
    if (this.#input.begin(take)) super.resume();
    return this;
  }

  override resume(): this {
    if (!this.#input.hasBegun) this.#input.begin(drop);
    return super.resume();
  }
}

/** The descriptor of a socket that is open. There is no public way to it from one that a server has accepted. */
export function descriptorOf(socket: Duplex): number | undefined {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null };
  return socket instanceof net.Socket && handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

const drop: TakeBytes = (_bytes, release) => {
  release();
  return true;
};

/** The buffers of one socket, and where what they hold goes. */
class Input {
  readonly #free: Buffer[] = [];
  #current: Buffer = Buffer.alloc(0);
  #take: TakeBytes | undefined;
  /** What came before anybody took it: Node begins to read by itself. */
  #early: Buffer | undefined;

  get hasBegun(): boolean {
    return this.#take !== undefined;
  }

  /** True when reading may go on. */
  begin(take: TakeBytes): boolean {
    this.#take = take;
    const early = this.#early;
    this.#early = undefined;
    return early === undefined || this.#give(early);
  }

  next(): Buffer {
    return (this.#current = this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes));
  }

  take(length: number): boolean {
    const bytes = this.#current.subarray(0, length);
    if (this.#take !== undefined) return this.#give(bytes);
    this.#early = bytes;
    return false;
  }

  #give(bytes: Buffer): boolean {
    let isOut = true;
    const release = (): void => {
      if (isOut && this.#free.length < maxFree) this.#free.push(Buffer.from(bytes.buffer));
      isOut = false;
    };
    return this.#take?.(bytes, release, bytes.length === bufferBytes) ?? false;
  }
}
