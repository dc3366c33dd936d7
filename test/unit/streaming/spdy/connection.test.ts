import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { Writable } from 'node:stream';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { InPlaceSocket } from '../../../../src/io/in-place-socket.ts';
import { Pacer } from '../../../../src/streaming/pacer.ts';
import { maxStreams, SpdyConnection } from '../../../../src/streaming/spdy/connection.ts';
import { headerDictionary } from '../../../../src/streaming/spdy/dictionary.ts';
import type { SpdyStream } from '../../../../src/streaming/spdy/stream.ts';
import { eventually } from '../../../support/eventually.ts';
import { SpdyClient } from '../../../support/spdy-client.ts';

/** A server's connections on a real socket, with what happened on them. */
class Server {
  readonly listener = net.createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  readonly badInput: string[] = [];
  readonly pacer = new Pacer();
  readonly connections: SpdyConnection[] = [];
  onStream: (stream: SpdyStream) => void = (stream) => void stream.pipe(stream);

  async client(): Promise<SpdyClient> {
    return new SpdyClient(await this.socket());
  }

  async socket(): Promise<net.Socket> {
    if (!this.listener.listening) await once(this.listener.listen(0, '127.0.0.1'), 'listening');
    const socket = net.connect((this.listener.address() as net.AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  #accept(socket: net.Socket): void {
    const connection = new SpdyConnection(InPlaceSocket.takeOver(socket), Buffer.alloc(0), {
      onStream: (stream) => this.onStream(stream),
      onBadInput: (why) => void this.badInput.push(why),
      onActivity: () => {},
      readOn: (reader) => this.pacer.resume(reader),
      goesOn: (reader) => this.pacer.goesOn(reader),
    });
    this.connections.push(connection);
  }
}

/** Takes a chunk each turn, and looks at it only then. */
class SlowSink extends Writable {
  readonly got: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    setImmediate(() => {
      this.got.push(Buffer.from(chunk));
      callback();
    });
  }
}

describe('a SPDY connection', () => {
  let server: Server;
  const clients: SpdyClient[] = [];

  beforeEach(() => (server = new Server()));

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    server.listener.close();
    await eventually('all connections are gone', () => server.connections.every(({ gone }) => gone.aborted));
  });

  async function connect(): Promise<SpdyClient> {
    const client = await server.client();
    clients.push(client);
    return client;
  }

  it('lets each of many streams wait for its end without a warning of a leak', async () => {
    await connect();
    await eventually('the connection is there', () => server.connections.length > 0);
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const signal = server.connections[0]?.gone;
    const waiting = Array.from({ length: maxStreams / 2 }, () => assert.rejects(once(new EventEmitter(), 'connect', { signal })));
    for (const client of clients) client.destroy();
    await Promise.all(waiting);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });

  it('carries streams both ways, each with its own end', async () => {
    const client = await connect();
    const [one, two] = [await client.open({ streamtype: 'a' }), await client.open({ streamtype: 'b' })];
    one.write('first ');
    two.end('other');
    one.end('last');
    assert.equal(await one.whole(), 'first last');
    assert.equal(await two.whole(), 'other');
    assert.deepEqual(server.badInput, []);
  });

  it('carries much, in frames of any size', async () => {
    const client = await connect();
    const stream = await client.open({});
    const data = Buffer.alloc(3_000_000, 'abcdefg');
    stream.end(data);
    assert.equal(await stream.whole(), data.toString());
  });

  it('carries into sinks of any pace every byte in its order', async () => {
    const sinks: { readonly sink: SlowSink; readonly finished: Promise<unknown> }[] = [];
    server.onStream = (stream) => {
      const sink = new SlowSink();
      sinks.push({ sink, finished: once(sink, 'finish') });
      if (sinks.length !== 2) stream.carryTo(sink);
      // The second begins late, with what has come until then.
      else void eventually('something waits', () => stream.readableLength > 100_000).then(() => stream.carryTo(sink));
    };
    const client = await connect();
    const streams = await Promise.all([client.open({}), client.open({}), client.open({})]);
    const sent = streams.map(() => randomBytes(3_000_000));
    const step = [20_000, 1000, 100_000];
    for (let at = 0; at < 3_000_000; at += 20_000) {
      for (const [i, stream] of streams.entries()) {
        const [from, size] = [(at / 20_000) * (step[i] ?? 0), step[i] ?? 0];
        if (from < 3_000_000) stream.write(sent[i]?.subarray(from, from + size) ?? '');
      }
    }
    streams[1]?.write(sent[1]?.subarray(150_000) ?? '');
    for (const stream of streams) stream.end();
    for (const [i, { sink, finished }] of sinks.entries()) {
      await finished;
      assert.ok(Buffer.concat(sink.got).equals(sent[i] ?? Buffer.alloc(0)), `stream ${i}`);
    }
  });

  it('writes what came in one read at once, however many frames that are', async () => {
    const writes: Buffer[] = [];
    const writev = (chunks: { chunk: Buffer }[], callback: () => void): void => {
      writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)));
      callback();
    };
    const write = (chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void => writev([{ chunk }], callback);
    const sink = new Writable({ write, writev: writev as never });
    server.onStream = (stream) => stream.carryTo(sink);
    const client = await connect();
    const stream = await client.open({});
    const sent = randomBytes(100_000);
    client.socket.cork();
    for (let at = 0; at < sent.length; at += 100) stream.write(sent.subarray(at, at + 100));
    stream.end();
    client.socket.uncork();
    await once(sink, 'finish');
    assert.ok(Buffer.concat(writes).equals(sent));
    assert.ok(writes.length < 20, `${writes.length} writes`);
  });

  it('drops what comes for a sink that has gone, and carries on for the others', async () => {
    server.onStream = (stream) => {
      const sink = new SlowSink();
      stream.carryTo(sink);
      sink.destroy();
    };
    const client = await connect();
    const gone = await client.open({});
    for (let i = 0; i < 100; i++) gone.write(Buffer.alloc(65_536));
    server.onStream = (stream) => void stream.pipe(stream);
    const stream = await client.open({});
    stream.end('still here');
    assert.equal(await stream.whole(), 'still here');
  });

  it('gives the headers of each stream', async () => {
    const seen: unknown[] = [];
    server.onStream = (stream) => seen.push(Object.fromEntries(stream.headers));
    const client = await connect();
    await client.open({ streamType: 'data', port: '80' });
    await client.open({ streamType: 'error', port: '80', requestID: '1' });
    assert.deepEqual(seen, [
      { streamtype: 'data', port: '80' },
      { streamtype: 'error', port: '80', requestid: '1' },
    ]);
  });

  it('answers a client that pings', async () => {
    const client = await connect();
    client.ping(7);
    await eventually('the answer is there', () => client.pings.includes(7));
  });

  it('passes over frames that are of no use to it', async () => {
    const client = await connect();
    client.sendControl(4, 0, Buffer.alloc(12)); // SETTINGS
    client.sendControl(9, 0, Buffer.alloc(8)); // WINDOW_UPDATE
    client.sendControl(77, 0, Buffer.alloc(100));
    client.ping(2);
    const stream = await client.open({});
    stream.end('still here');
    assert.equal(await stream.whole(), 'still here');
  });

  it('resets what it does not want, and takes what was on its way', async () => {
    server.onStream = (stream) => void stream.destroy();
    const client = await connect();
    const stream = await client.open({});
    await eventually('it is reset', () => stream.resetStatus === 5);
    stream.write('on its way');
    stream.reset();
    client.ping(1);
    await eventually('the connection lives', () => client.pings.includes(1));
    assert.deepEqual(server.badInput, []);
  });

  it('lets a stream that the client resets end without an end', async () => {
    const streams: SpdyStream[] = [];
    server.onStream = (stream) => streams.push(stream);
    const client = await connect();
    (await client.open({})).reset();
    await eventually('it is gone', () => streams[0]?.destroyed);
    assert.equal(streams[0]?.readableEnded, false);
  });

  it('ends when the client says GOAWAY and its streams are done', async () => {
    const client = await connect();
    const stream = await client.open({});
    client.sendControl(7, 0, Buffer.alloc(8));
    stream.end('last words');
    assert.equal(await stream.whole(), 'last words');
    await eventually('it is closed', () => client.isClosed);
    assert.equal(client.goaway?.status, 0);
  });

  it('takes no more than a bound from a client that nobody reads, asks whether it lives, and goes on', async () => {
    const streams: SpdyStream[] = [];
    server.onStream = (stream) => streams.push(stream);
    const client = await connect();
    const stalled = await client.open({});
    let sent = 0;
    while (sent < 64 * 2 ** 20) {
      sent += 65_536;
      if (!stalled.write(Buffer.alloc(65_536)) && client.socket.writableLength > 16 * 2 ** 20) break;
    }
    await eventually('it is asked', () => client.pings.some((id) => id % 2 === 0));
    const [stream] = streams;
    assert.ok(stream !== undefined && stream.readableLength < 2 ** 20, `${stream?.readableLength} bytes are held`);
    stream.resume();
    stalled.end();
    await once(stream, 'end');
  });

  it('ends within a client that died while nobody read it', async () => {
    server.onStream = () => {};
    const client = await connect();
    const stalled = await client.open({});
    for (let i = 0; i < 100; i++) stalled.write(Buffer.alloc(65_536));
    await eventually('it is asked', () => client.pings.length > 0);
    client.destroy();
    await eventually('it is gone', () => server.connections[0]?.gone.aborted);
  });

  describe('that gets garbage', () => {
    const cases: Readonly<Record<string, (client: SpdyClient) => Promise<void> | void>> = {
      'an even stream id': async (client) => void (await client.syn({}, 2)),
      'stream ids out of order': async (client) => {
        await client.open({});
        await client.open({});
        await client.syn({}, 1);
      },
      'a reset of a stream that never was': (client) => client.sendControl(3, 0, Buffer.from('0000000900000005', 'hex')),
      'data for a stream that never was': (client) => void client.sendData(9, Buffer.from('x'), false),
      'a control frame of 16 MiB': (client) => void client.socket.write(Buffer.from('8003000100ffffff', 'hex')),
      'a data frame of 16 MiB': async (client) => {
        await client.open({});
        client.socket.write(Buffer.from('0000000100ffffff', 'hex'));
      },
      'headers of 1 MiB': async (client) => {
        const block = await client.compress(Buffer.alloc(2 ** 20, 'x'));
        client.sendControl(1, 0, Buffer.concat([Buffer.from('00000001000000000000', 'hex'), block]));
      },
      'a zlib bomb': (client) => {
        const bomb = deflateSync(Buffer.alloc(50_000_000), { dictionary: headerDictionary() });
        client.sendControl(1, 0, Buffer.concat([Buffer.from('00000001000000000000', 'hex'), bomb]));
      },
      'a header block that is none': (client) => client.sendControl(1, 0, Buffer.alloc(100, 1)),
      'a frame that is too short': (client) => client.sendControl(3, 0, Buffer.alloc(4)),
      'HTTP': (client) => void client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      'half a frame and its end': (client) => void client.socket.end(Buffer.from('80030001', 'hex')),
    };
    for (const [what, send] of Object.entries(cases)) {
      it(`as ${what} is ended with a GOAWAY, and no other is`, async () => {
        const [bad, good] = [await connect(), await connect()];
        await send(bad);
        await eventually('it is ended', () => bad.isClosed && bad.goaway !== undefined);
        assert.equal(bad.goaway?.status, 1);
        assert.equal(server.badInput.length, 1);
        const stream = await good.open({});
        stream.end('fine');
        assert.equal(await stream.whole(), 'fine');
      });
    }

    it('as a flood of streams is ended with a GOAWAY at its limit', async () => {
      const client = await connect();
      for (let i = 0; i <= maxStreams; i++) await client.syn({});
      await eventually('it is ended', () => client.isClosed && client.goaway !== undefined);
      assert.match(server.badInput.join(), /more than 1000 streams/);
    });

    it('as random bytes never does more than end', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 5 }), async (pieces) => {
          const socket = await server.socket();
          socket.on('error', () => {});
          socket.resume();
          for (const piece of pieces) socket.write(piece);
          socket.end();
          await once(socket, 'close');
        }),
        { numRuns: 50 },
      );
    });
  });

  it('stays for more streams than its limit, one after the other', async () => {
    const client = await connect();
    for (let i = 0; i < 50; i++) {
      const batch = await Promise.all(Array.from({ length: 30 }, () => client.syn({})));
      for (const stream of batch) stream.end('x');
      for (const stream of batch) assert.equal(await stream.whole(), 'x');
    }
    assert.deepEqual(server.badInput, []);
  });
});
