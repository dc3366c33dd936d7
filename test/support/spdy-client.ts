import type { Duplex } from 'node:stream';
import { request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { constants, createDeflate, type Deflate } from 'node:zlib';
import { headerDictionary } from '../../src/streaming/spdy/dictionary.ts';
import { eventually } from './eventually.ts';

/** An upgrade that was refused. */
export class Refused extends Error {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;

  constructor(status: number, body: string, headers: NodeJS.Dict<string | string[]>) {
    super(`${status}: ${body}`);
    this.status = status;
    this.headers = headers;
  }
}

/** Asks for an upgrade; rejects with `Refused` for any other answer. */
export function upgrade(
  url: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly socket: Duplex; readonly headers: NodeJS.Dict<string | string[]> }> {
  const { method = 'POST', headers = {} } = options;
  const start = url.startsWith('https:') ? tlsRequest : request;
  return new Promise((resolve, reject) => {
    const call = start(url, { method, headers: { Connection: 'Upgrade', ...headers }, rejectUnauthorized: false, agent: false });
    call.once('upgrade', (response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve({ socket, headers: response.headers });
    });
    call.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => reject(new Refused(response.statusCode ?? 0, body.trim(), response.headers)));
    });
    call.once('error', reject);
    call.end();
  });
}

/** One stream as its client sees it. */
export class ClientStream {
  readonly id: number;
  readonly #client: SpdyClient;
  readonly received: Buffer[] = [];
  isReplied = false;
  isEnded = false;
  resetStatus: number | undefined;

  constructor(client: SpdyClient, id: number) {
    this.#client = client;
    this.id = id;
  }

  get text(): string {
    return Buffer.concat(this.received).toString();
  }

  write(data: string | Buffer, fin = false): boolean {
    return this.#client.sendData(this.id, Buffer.from(data), fin);
  }

  end(data: string | Buffer = ''): void {
    this.write(data, true);
  }

  reset(): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.id, 0);
    payload.writeUInt32BE(5, 4);
    this.#client.sendControl(3, 0, payload);
  }

  /** All that came, once the server has ended or reset the stream. */
  async whole(): Promise<string> {
    await eventually(`stream ${this.id} ends`, () => this.isEnded || this.resetStatus !== undefined || this.#client.isClosed);
    return this.text;
  }
}

/** A SPDY/3.1 client that knows nothing of podwright's own frames, as moby/spdystream speaks. */
export class SpdyClient {
  readonly socket: Duplex;
  readonly streams = new Map<number, ClientStream>();
  readonly pings: number[] = [];
  goaway: { readonly lastId: number; readonly status: number } | undefined;
  isClosed = false;
  readonly #deflate: Deflate;
  #rest: Buffer = Buffer.alloc(0);
  #nextId = 1;
  #compressing: Promise<unknown> = Promise.resolve();

  constructor(socket: Duplex) {
    this.socket = socket;
    this.#deflate = createDeflate({ dictionary: headerDictionary(), flush: constants.Z_SYNC_FLUSH });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.once('end', () => (this.isClosed = true));
    socket.once('close', () => (this.isClosed = true));
  }

  /** Upgrades to SPDY at a URL of the streaming server. */
  static async connect(url: string, protocols = 'v4.channel.k8s.io'): Promise<SpdyClient> {
    const headers = { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocols };
    return new SpdyClient((await upgrade(url, { headers })).socket);
  }

  /** Opens a stream and waits until the server has agreed. */
  async open(headers: Readonly<Record<string, string>>): Promise<ClientStream> {
    const stream = await this.syn(headers);
    await eventually(`stream ${stream.id} is answered`, () => stream.isReplied || stream.resetStatus !== undefined || this.isClosed);
    return stream;
  }

  /** Opens the streams of an exec, each by its kind. */
  async openAll<Kind extends string>(...kinds: readonly Kind[]): Promise<Record<Kind, ClientStream>> {
    const streams: [string, ClientStream][] = [];
    for (const kind of kinds) streams.push([kind, await this.open({ streamtype: kind })]);
    return Object.fromEntries(streams) as Record<Kind, ClientStream>;
  }

  /** Sends a SYN_STREAM without waiting. */
  async syn(headers: Readonly<Record<string, string>>, id = this.#nextId, flags = 0): Promise<ClientStream> {
    this.#nextId = Math.max(this.#nextId, id) + 2;
    const stream = new ClientStream(this, id);
    this.streams.set(id, stream);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(id, 0);
    this.sendControl(1, flags, Buffer.concat([head, await this.compress(headerBlock(headers))]));
    return stream;
  }

  /** Compresses a piece of a header block with what the connection has compressed so far. */
  compress(block: Buffer): Promise<Buffer> {
    const compressed = this.#compressing.then(() => this.#deflated(block));
    this.#compressing = compressed;
    return compressed;
  }

  #deflated(block: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      const collect = (chunk: Buffer): void => void chunks.push(chunk);
      this.#deflate.on('data', collect);
      this.#deflate.write(block, () => {
        this.#deflate.off('data', collect);
        resolve(Buffer.concat(chunks));
      });
    });
  }

  sendControl(type: number, flags: number, payload: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt8(flags, 4);
    head.writeUIntBE(payload.length, 5, 3);
    this.socket.write(Buffer.concat([head, payload]));
  }

  sendData(id: number, data: Buffer, fin: boolean): boolean {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt8(fin ? 1 : 0, 4);
    head.writeUIntBE(data.length, 5, 3);
    return this.socket.write(Buffer.concat([head, data]));
  }

  ping(id: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(id);
    this.sendControl(6, 0, payload);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 8) {
      const length = this.#rest.readUIntBE(5, 3);
      if (this.#rest.length < 8 + length) return;
      const frame = this.#rest.subarray(0, 8 + length);
      this.#rest = this.#rest.subarray(8 + length);
      this.#take(frame, frame.subarray(8));
    }
  }

  #take(frame: Buffer, payload: Buffer): void {
    const fin = (frame.readUInt8(4) & 1) === 1;
    if ((frame.readUInt8(0) & 0x80) === 0) {
      const stream = this.streams.get(frame.readUInt32BE(0));
      if (payload.length > 0) stream?.received.push(Buffer.from(payload));
      if (fin && stream !== undefined) stream.isEnded = true;
      return;
    }
    const first = payload.readUInt32BE(0);
    const stream = this.streams.get(first);
    switch (frame.readUInt16BE(2)) {
      case 2:
        if (stream !== undefined) stream.isReplied = true;
        return;
      case 3:
        if (stream !== undefined) stream.resetStatus = payload.readUInt32BE(4);
        return;
      case 6:
        this.pings.push(first);
        // As spdystream does, which pingers rely on.
        if (first % 2 === 0) this.ping(first);
        return;
      case 7:
        this.goaway = { lastId: first, status: payload.readUInt32BE(4) };
    }
  }
}

/** A header block before its compression. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const entries = Object.entries(headers);
  const texts = entries.flat().map((text) => Buffer.concat([number(Buffer.byteLength(text)), Buffer.from(text)]));
  return Buffer.concat([number(entries.length), ...texts]);
}
