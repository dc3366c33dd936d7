import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { upgrade } from './spdy-client.ts';

/** The channels of an exec or attach over WebSocket. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
type Channel = keyof typeof channels;
const closeChannel = 255;

/** A client of an exec or attach over WebSocket that knows nothing of podwright's own code. */
export class ChannelClient {
  readonly socket: WebSocket;
  readonly #received: Buffer[][] = [[], [], [], [], []];
  /** The code that the server closed with. */
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (message: Buffer) => this.#received[message[0] ?? 0]?.push(message.subarray(1)));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  /** Connects to an http or https URL. */
  static connect(url: string, ...protocols: readonly string[]): Promise<ChannelClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], { rejectUnauthorized: false });
    const client = new ChannelClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.once('error', reject);
    });
  }

  send(channel: Channel, data: string | Buffer): void {
    this.socket.send(Buffer.concat([Buffer.from([channels[channel]]), Buffer.from(data)]));
  }

  /** Ends a channel, as v5 can. */
  end(channel: Channel): void {
    this.socket.send(Buffer.from([closeChannel, channels[channel]]));
  }

  /** What has come on a channel. */
  text(channel: Channel): string {
    return Buffer.concat(this.#received[channels[channel]] ?? []).toString();
  }

  destroy(): void {
    this.socket.terminate();
  }
}

/** A stream of bytes through the messages of a WebSocket, as SPDY is tunnelled. */
export async function connectTunnel(url: string, protocol: string): Promise<Duplex> {
  const key = randomBytes(16).toString('base64');
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, 'Sec-WebSocket-Protocol': protocol };
  // By hand: no WebSocket library takes a protocol with a slash in its name.
  const { socket } = await upgrade(url, { method: 'GET', headers });
  return new Tunnel(socket);
}

const binary = 0x82;
const close = 0x88;

class Tunnel extends Duplex {
  readonly #socket: Duplex;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.once('close', () => this.destroy());
  }

  override _read(): void {}

  // A client's messages are masked; with zeros they read as they are.
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const head = Buffer.alloc(14);
    head.writeUInt8(binary, 0);
    head.writeUInt8(0x80 | 127, 1);
    head.writeBigUInt64BE(BigInt(chunk.length), 2);
    this.#socket.write(Buffer.concat([head, chunk]), () => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }

  #receive(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2) {
      const short = this.#rest.readUInt8(1);
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#rest.length < headBytes) return;
      const length = short < 126 ? short : short === 126 ? this.#rest.readUInt16BE(2) : Number(this.#rest.readBigUInt64BE(2));
      if (this.#rest.length < headBytes + length) return;
      if (this.#rest.readUInt8(0) === close) this.push(null);
      else this.push(this.#rest.subarray(headBytes, headBytes + length));
      this.#rest = this.#rest.subarray(headBytes + length);
    }
  }
}
