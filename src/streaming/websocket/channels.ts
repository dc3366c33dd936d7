import { setMaxListeners } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { countBadInput, type ConnectionTools } from '../endpoint.ts';
import { IdleTimer } from '../idle.ts';

/** How much may lie unread in a channel before its whole connection waits. */
const maxUnreadBytes = 256 * 1024;
/** How often a client is sent a ping while nothing is taken from it, ms: one that died is noticed only so. */
const probeMs = 1000;
/** In the fifth version: the channel that closes another, whose number is the message. */
const closeChannel = 255;
/** A channel's number is a byte. */
const maxChannels = 256;

/** How messages are written: bytes behind their channel's number, or base64 behind its digit. */
export type Coding = 'binary' | 'base64';

/** A WebSocket whose messages belong to numbered channels. */
export class ChannelSocket {
  readonly #socket: WebSocket;
  readonly #coding: Coding;
  readonly #canClose: boolean;
  readonly #tools: ConnectionTools;
  readonly #readers = new Map<number, ChannelReader>();
  readonly #gone = new AbortController();
  readonly #idle: IdleTimer;
  #probe: NodeJS.Timeout | undefined;

  /** `canClose`: whether the client may close single channels, as v5 does. */
  constructor(tools: ConnectionTools, socket: WebSocket, coding: Coding, canClose: boolean) {
    this.#tools = tools;
    this.#socket = socket;
    this.#coding = coding;
    this.#canClose = canClose;
    setMaxListeners(maxChannels, this.gone);
    this.#idle = new IdleTimer(tools.idleTimeoutMs, () => socket.close(1001, 'idle for too long'));
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => countBadInput(tools, `websocket: ${error.message}`));
    socket.once('close', () => this.#end());
  }

  /** Aborts when the client has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What the client sends on a channel. */
  reader(channel: number): Readable {
    const reader = new ChannelReader(() => this.#resume());
    this.#readers.set(channel, reader);
    return reader;
  }

  /** Sends to the client on a channel. */
  writer(channel: number): Writable {
    return new Writable({
      highWaterMark: 64 * 1024,
      write: (chunk: Buffer, _encoding, callback) => this.#send(channel, chunk, callback),
    }).on('error', () => {});
  }

  /** Sends one message and resolves when it has left, or cannot any more. */
  async send(channel: number, message: Buffer): Promise<void> {
    await new Promise<void>((resolve) => this.#send(channel, message, () => resolve()));
  }

  /** Ends the connection behind all that was sent. */
  close(): void {
    this.#socket.close(1000);
  }

  #send(channel: number, chunk: Buffer, sent: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return sent(new Error('the connection is closed'));
    if (this.#coding === 'base64') {
      this.#socket.send(`${channel}${chunk.toString('base64')}`, sent);
      return;
    }
    const message = Buffer.allocUnsafe(chunk.length + 1);
    message.writeUInt8(channel, 0);
    chunk.copy(message, 1);
    this.#socket.send(message, { binary: true }, sent);
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#idle.touch();
    const message = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    const decoded = this.#coding === 'binary' ? decodeBinary(message) : decodeBase64(message);
    if (decoded === undefined || isBinary !== (this.#coding === 'binary')) {
      countBadInput(this.#tools, 'websocket: a message without a channel');
      this.#socket.close(1002, 'a message without a channel');
      return;
    }
    const { channel, bytes } = decoded;
    if (this.#canClose && channel === closeChannel) {
      this.#readers.get(bytes[0] ?? closeChannel)?.push(null);
      return;
    }
    // What comes on a channel that nobody reads is of no use to anybody.
    const reader = this.#readers.get(channel);
    if (reader === undefined || reader.readableEnded || reader.destroyed || bytes.length === 0) return;
    if (!reader.push(bytes) && reader.readableLength > maxUnreadBytes) this.#pause();
  }

  #pause(): void {
    this.#socket.pause();
    this.#probe ??= setInterval(() => this.#socket.ping(() => {}), probeMs);
  }

  #resume(): void {
    clearInterval(this.#probe);
    this.#probe = undefined;
    if (this.#socket.isPaused) this.#socket.resume();
  }

  #end(): void {
    clearInterval(this.#probe);
    this.#idle.stop();
    for (const reader of this.#readers.values()) reader.destroy();
    this.#gone.abort();
  }
}

/** What comes in on a channel; `onRead` when there is room for more. */
class ChannelReader extends Readable {
  readonly #onRead: () => void;

  constructor(onRead: () => void) {
    super({ highWaterMark: 64 * 1024 });
    this.#onRead = onRead;
    this.on('error', () => {});
  }

  override _read(): void {
    this.#onRead();
  }
}

function decodeBinary(message: Buffer): { readonly channel: number; readonly bytes: Buffer } | undefined {
  const [channel] = message;
  return channel === undefined ? undefined : { channel, bytes: message.subarray(1) };
}

function decodeBase64(message: Buffer): { readonly channel: number; readonly bytes: Buffer } | undefined {
  const channel = (message[0] ?? 0) - 0x30;
  if (channel < 0 || channel > 9) return undefined;
  return { channel, bytes: Buffer.from(message.toString('latin1', 1), 'base64') };
}
