import { Duplex, type Writable } from 'node:stream';
import type { Lease } from '../lease.ts';
import type { Headers } from './headers.ts';

/** What a stream asks of its connection. */
export interface StreamSender {
  sendData(streamId: number, chunks: readonly Buffer[], fin: boolean, sent: (error?: Error | null) => void): void;
  /** The stream wants to be flushed when all that has come is taken, or as much as can be. */
  flushLater(stream: SpdyStream): void;
  /** The stream is over; `clean` when both ends said so. */
  forget(stream: SpdyStream, clean: boolean): void;
}

/** How much may lie unread in a stream before its whole connection waits: SPDY's clients know no windows. */
const maxUnreadBytes = 256 * 1024;
/** What is smaller is copied where it has to wait: it would hold up a whole buffer. */
const minHeldBytes = 16 * 1024;

/** One stream of a SPDY connection. Each direction ends by itself; `destroy` resets both. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: Headers;
  readonly #sender: StreamSender;
  #onRead: (() => void) | undefined;
  #sink: Writable | undefined;
  #isHolding = false;
  #receivedFin = false;
  #sentFin = false;
  #reset = false;

  constructor(sender: StreamSender, id: number, headers: Headers) {
    super({ allowHalfOpen: true, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.id = id;
    this.headers = headers;
    this.#sender = sender;
    // A reset or a lost connection ends a stream with an error; whoever cares has a listener of their own.
    this.on('error', () => {});
  }

  /** Whether its peer has said that it sends no more. */
  get receivedFin(): boolean {
    return this.#receivedFin;
  }

  /** Takes what the peer sent. A promise when nothing more may be taken until it resolves. */
  receive(bytes: Buffer, fin: boolean, lease: Lease): Promise<void> | undefined {
    if (this.destroyed) return undefined;
    const full = bytes.length > 0 && this.#take(bytes, lease);
    if (fin) this.receiveFin();
    // Waiting is over with `read` asking for more, with room in the sink, or with the stream.
    return full ? new Promise((resolve) => (this.#onRead = resolve)) : undefined;
  }

  /** Whether it is full with that. */
  #take(bytes: Buffer, lease: Lease): boolean {
    const sink = this.#sink;
    // What was sent before there was a sink goes first.
    if (sink === undefined || this.readableLength > 0) return !this.push(Buffer.from(bytes)) && this.readableLength > maxUnreadBytes;
    if (!sink.writable) return false;
    this.#holdBack(sink);
    if (bytes.length < minHeldBytes) sink.write(Buffer.from(bytes));
    else sink.write(bytes, lease.hold());
    if (sink.writableLength <= maxUnreadBytes) return false;
    sink.once('drain', () => this._read());
    return true;
  }

  #holdBack(sink: Writable): void {
    if (this.#isHolding) return;
    this.#isHolding = true;
    sink.cork();
    this.#sender.flushLater(this);
  }

  /** What was received since the last time goes to the sink, in one write however many frames it came in. */
  flush(): void {
    this.#isHolding = false;
    this.#sink?.uncork();
  }

  /** Carries what the peer sends into `sink`, as `pipe` does, without a copy. It has to be the only reader. */
  carryTo(sink: Writable): void {
    this.#sink = sink;
    this.on('data', (chunk: Buffer) => {
      if (sink.writable) sink.write(chunk);
    });
    this.once('end', () => sink.end());
    sink.once('close', () => this._read());
  }

  receiveFin(): void {
    this.#receivedFin = true;
    this.push(null);
  }

  /** The peer reset it, or the connection is gone: nothing is sent any more. */
  abandon(why: string): void {
    this.#reset = true;
    this.destroy(new Error(why));
  }

  override _read(): void {
    const resume = this.#onRead;
    this.#onRead = undefined;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#sender.sendData(this.id, [chunk], false, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#sender.sendData(
      this.id,
      chunks.map(({ chunk }) => chunk),
      false,
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#sentFin = true;
    this.#sender.sendData(this.id, [], true, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this._read();
    this.#sender.forget(this, this.#reset || (this.#receivedFin && this.#sentFin));
    callback(error);
  }
}
