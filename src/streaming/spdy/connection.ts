import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { InPlaceSocket } from '../../io/in-place-socket.ts';
import { isKind, messageOf } from '../../lib/errors.ts';
import { Lease } from '../lease.ts';
import {
  controlFrame,
  dataHead,
  flagFin,
  flagUnidirectional,
  type FramePart,
  FrameReader,
  frameType,
  goawayStatus,
  numbersFrame,
  pingFrame,
  protocolError,
  rstStatus,
} from './frame.ts';
import { emptyHeaderBlock, HeaderReader, type Headers } from './headers.ts';
import { SpdyStream, type StreamSender } from './stream.ts';

/** What happens on a connection. */
export interface SpdyEvents {
  /** The peer opened a stream and has been told that it is open. */
  onStream(stream: SpdyStream): void;
  /** The peer spoke against the protocol; the connection is ending. */
  onBadInput(why: string): void;
  /** Something came that a person or a program wanted, not just a PING. */
  onActivity(): void;
  /** Resumes the socket, when others have had their turns. */
  readOn(socket: Duplex): void;
  /** Whether the socket may be read once more without that. */
  goesOn(socket: Duplex): boolean;
}

/** How many streams a connection may have open. */
export const maxStreams = 1000;
/** Answers to a peer that does not read them; beyond this nothing more is taken from it. */
const maxUnsentBytes = 256 * 1024;
/** How long the peer may take to close after a GOAWAY, ms. */
const lingerMs = 1000;
/**
 * How often a peer is sent a PING while nothing is taken from it, ms. A dead one answers the first with a reset, which
 * the second finds; through the kubelet it takes two more.
 */
const probeMs = 1000;
// None of our frames is larger, so that the client's buffers stay small too.
const maxSentBytes = 256 * 1024;

/**
 * The server's end of a SPDY/3.1 connection, as far as Kubernetes speaks it: moby/spdystream, in every client, sends
 * no WINDOW_UPDATE and heeds none, so the socket's own back-pressure is all there is, in both directions.
 */
export class SpdyConnection implements StreamSender {
  readonly #socket: Duplex;
  readonly #events: SpdyEvents;
  readonly #frames = new FrameReader();
  readonly #headers = new HeaderReader();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #gone = new AbortController();
  readonly #unsent = new Unsent();
  readonly #unflushed: SpdyStream[] = [];
  #lastId = 0;
  #replied = false;
  #closing = false;
  #peerIsLeaving = false;
  #isReading = false;
  #pingId = 0;

  /** Serves on a socket that has been upgraded; `head` is what came behind the request. */
  constructor(socket: Duplex, head: Buffer, events: SpdyEvents) {
    this.#socket = socket;
    this.#events = events;
    // Each port that is being forwarded waits for it, half as many as there may be streams.
    setMaxListeners(maxStreams, this.gone);
    socket.on('error', () => {});
    socket.once('close', () => this.#end());
    // Not before whoever made it has it.
    queueMicrotask(() => this.#begin(head));
  }

  /** Aborts when the connection has ended, whoever ended it. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Ends the connection: a GOAWAY, and a moment for the peer to close first. */
  close(status: number = goawayStatus.ok): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#send(numbersFrame(frameType.goaway, this.#lastId, status));
    this.#socket.end();
    // With bytes unread, closing would send a reset, which takes the GOAWAY away from a slow peer.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  /** StreamSender: a stream's data goes out in frames. */
  sendData(streamId: number, chunks: readonly Buffer[], fin: boolean, sent: (error?: Error | null) => void): void {
    const socket = this.#socket;
    if (this.#closing || !socket.writable) return sent(new Error('the connection is closed'));
    socket.cork();
    const frames = chunks.flatMap((chunk) => pieces(chunk));
    const last = frames.length - 1;
    for (const [i, bytes] of frames.entries()) {
      socket.write(dataHead(streamId, bytes.length, false));
      socket.write(bytes, i === last ? sent : undefined);
    }
    if (last === -1) socket.write(dataHead(streamId, 0, fin), sent);
    socket.uncork();
  }

  /** StreamSender: a stream holds back what it received. */
  flushLater(stream: SpdyStream): void {
    this.#unflushed.push(stream);
  }

  /** StreamSender: a stream is over. */
  forget(stream: SpdyStream, clean: boolean): void {
    if (!this.#streams.delete(stream.id)) return;
    if (!clean) this.#send(numbersFrame(frameType.rstStream, stream.id, rstStatus.cancel));
    if (this.#peerIsLeaving && this.#streams.size === 0) this.close();
  }

  #begin(head: Buffer): void {
    this.#socket.once('end', () => this.#finish());
    if (head.length === 0 || this.#take(head, new Lease(() => {}))) this.#readOn();
  }

  #readOn(): void {
    const socket = this.#socket;
    if (this.#isReading) {
      this.#events.readOn(socket);
      return;
    }
    this.#isReading = true;
    if (socket instanceof InPlaceSocket) {
      socket.readInPlace((bytes, release, isFull) => {
        if (!this.#take(bytes, new Lease(release))) return false;
        if (isFull && this.#events.goesOn(socket)) return true;
        this.#readOn();
        return false;
      });
      return;
    }
    socket.on('data', (chunk: Buffer) => {
      socket.pause();
      if (this.#take(chunk, new Lease(() => {}))) this.#readOn();
    });
  }

  /** Takes a piece of what the peer sent. When it returns false, nothing more may come before `resume`. */
  #take(chunk: Buffer, lease: Lease): boolean {
    if (this.#closing) {
      lease.letGo();
      return true;
    }
    try {
      const parts = this.#frames.push(chunk);
      const wait = this.#takeParts(parts, lease);
      if (wait === undefined) return true;
      void this.#takeLater(wait, parts, lease);
      return false;
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** Takes parts until there is none left, or one to be waited for. */
  #takeParts(parts: Iterator<FramePart>, lease: Lease): Promise<void> | undefined {
    try {
      return this.#takeAll(parts, lease);
    } finally {
      for (const stream of this.#unflushed.splice(0)) stream.flush();
    }
  }

  #takeAll(parts: Iterator<FramePart>, lease: Lease): Promise<void> | undefined {
    // Going on to read when it closes, so that a peer's close is seen.
    for (let next = parts.next(); next.done !== true && !this.#closing; next = parts.next()) {
      const part = next.value;
      const wait = part.kind === 'data' ? this.#receiveData(part, lease) : this.#receiveControl(part);
      if (wait !== undefined) return wait;
    }
    if (this.#unsent.bytes > maxUnsentBytes) return this.#unsent.settled();
    lease.letGo();
    return undefined;
  }

  async #takeLater(first: Promise<void>, parts: Iterator<FramePart>, lease: Lease): Promise<void> {
    try {
      for (let wait: Promise<void> | undefined = first; wait !== undefined; wait = this.#takeParts(parts, lease)) {
        await this.#probing(wait);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#readOn();
  }

  /** The peer sends no more. */
  #finish(): void {
    if (this.#frames.inFrame && !this.#closing) this.#fail(protocolError('the connection ended within a frame'));
    else this.#socket.destroy();
  }

  #fail(error: unknown): void {
    // What is no protocol error is the socket's, and says only that the peer has gone.
    if (!isKind(error, 'invalidArgument') || this.gone.aborted) {
      this.#socket.destroy();
      return;
    }
    this.#events.onBadInput(messageOf(error));
    this.#abandonStreams('the peer spoke against the protocol');
    this.close(goawayStatus.protocolError);
  }

  /**
   * Waits with nothing being read from the socket. A peer that dies now is noticed only when it is written to, here or
   * by the kubelet that stands between, and for that there are PINGs.
   */
  async #probing(wait: Promise<void>): Promise<void> {
    const timer = setInterval(() => this.#send(pingFrame((this.#pingId += 2))), probeMs);
    try {
      await wait;
    } finally {
      clearInterval(timer);
    }
  }

  #receiveData({ streamId, bytes, fin }: FramePart & { readonly kind: 'data' }, lease: Lease): Promise<void> | undefined {
    this.#events.onActivity();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (!this.#wasOpened(streamId)) throw protocolError(`data for stream ${streamId}, which was never opened`);
      // On its way when we closed the stream: it has been told.
      return undefined;
    }
    if (!stream.receivedFin) return stream.receive(bytes, fin, lease);
    this.#streams.delete(streamId);
    this.#send(numbersFrame(frameType.rstStream, streamId, rstStatus.streamAlreadyClosed));
    stream.abandon('the peer sent data after it had ended the stream');
    return undefined;
  }

  #receiveControl({ type, flags, payload }: FramePart & { readonly kind: 'control' }): Promise<void> | undefined {
    switch (type) {
      case frameType.synStream:
        return this.#openStream(numberAt(payload, 0) & 0x7fffffff, flags, payload.subarray(10));
      case frameType.synReply:
      case frameType.headers:
        return this.#headers.read(payload.subarray(4)).then(() => {
          if ((flags & flagFin) !== 0) this.#streams.get(numberAt(payload, 0))?.receiveFin();
        });
      case frameType.rstStream:
        this.#resetStream(numberAt(payload, 0));
        return undefined;
      case frameType.ping:
        if ((numberAt(payload, 0) & 1) === 1) this.#send(controlFrame(frameType.ping, 0, payload));
        return undefined;
      case frameType.goaway:
        this.#peerIsLeaving = true;
        if (this.#streams.size === 0) this.close();
        return undefined;
      default:
        // SETTINGS, WINDOW_UPDATE and what else there may be: nothing here depends on it.
        return undefined;
    }
  }

  async #openStream(id: number, flags: number, block: Buffer): Promise<void> {
    if (id % 2 === 0 || id <= this.#lastId) throw protocolError(`stream ${id} opened after stream ${this.#lastId}`);
    const headers = await this.#headers.read(block);
    this.#lastId = id;
    if (this.#streams.size >= maxStreams) throw protocolError(`more than ${maxStreams} streams open`);
    if (this.#closing || this.gone.aborted) return;
    this.#events.onActivity();
    this.#announce(id, headers, flags);
  }

  #announce(id: number, headers: Headers, flags: number): void {
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const streamId = Buffer.alloc(4);
    streamId.writeUInt32BE(id);
    const payload = Buffer.concat([streamId, emptyHeaderBlock(!this.#replied)]);
    this.#replied = true;
    this.#send(controlFrame(frameType.synReply, 0, payload));
    if ((flags & flagFin) !== 0) stream.receiveFin();
    if ((flags & flagUnidirectional) !== 0) stream.end();
    this.#events.onStream(stream);
  }

  #resetStream(id: number): void {
    if (!this.#wasOpened(id)) throw protocolError(`a reset of stream ${id}, which was never opened`);
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.abandon('the peer reset the stream');
    if (this.#peerIsLeaving && this.#streams.size === 0) this.close();
  }

  #wasOpened(id: number): boolean {
    return id % 2 === 1 && id <= this.#lastId;
  }

  #send(frame: Buffer): void {
    if (!this.#socket.writable) return;
    this.#unsent.add(frame.length);
    this.#socket.write(frame, () => this.#unsent.add(-frame.length));
  }

  #abandonStreams(why: string): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.abandon(why);
  }

  #end(): void {
    this.#abandonStreams('the connection is gone');
    this.#headers.close();
    this.#unsent.add(-this.#unsent.bytes);
    this.#gone.abort();
  }
}

/** How much of our own answers the peer has not taken yet. */
class Unsent {
  #bytes = 0;
  #waiting: (() => void)[] = [];

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes + bytes);
    if (this.#bytes > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Resolves when nothing is left. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function pieces(chunk: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < chunk.length; at += maxSentBytes) all.push(chunk.subarray(at, at + maxSentBytes));
  return all;
}

function numberAt(payload: Buffer, at: number): number {
  if (payload.length < at + 4) throw protocolError('a control frame that is too short for its kind');
  return payload.readUInt32BE(at);
}
