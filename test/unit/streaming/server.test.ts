import assert from 'node:assert/strict';
import { finished } from 'node:stream/promises';
import { WebSocket } from 'ws';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { channelEndpoint } from '../../../src/streaming/channels.ts';
import type { ConnectionTools } from '../../../src/streaming/endpoint.ts';
import { Pacer } from '../../../src/streaming/pacer.ts';
import type { Outcome, RemoteSession, WantedStreams } from '../../../src/streaming/remotecommand.ts';
import { StreamingServer } from '../../../src/streaming/server.ts';
import { maxTokens } from '../../../src/streaming/tokens.ts';
import type { TerminalSize } from '../../../src/pod/ports.ts';
import { eventually } from '../../support/eventually.ts';
import { Refused, SpdyClient, upgrade } from '../../support/spdy-client.ts';

const all: WantedStreams = { tty: false, stdin: true, stdout: true, stderr: true };
const spdy = { Upgrade: 'SPDY/3.1' };

describe('the streaming server', () => {
  let tools: ConnectionTools & { creationTimeoutMs: number; idleTimeoutMs: number };
  let server: StreamingServer;
  let sizes: TerminalSize[] = [];

  beforeEach(async () => {
    tools = { log: silentLog, idleTimeoutMs: 60_000, creationTimeoutMs: 60_000, counters: { badInput: 0 }, stopping: new AbortController().signal, pacer: new Pacer() };
    server = new StreamingServer({ address: '127.0.0.1', port: 0 }, silentLog);
    sizes = [];
    await server.start();
  });

  afterEach(() => server.stop(0));

  /** Gives stdin back on stdout, says so on stderr, and ends with `outcome`. */
  function echo(outcome: Outcome): (session: RemoteSession) => Promise<void> {
    return async (session) => {
      session.sizes.listen((size) => sizes.push(size));
      if (session.stdin !== undefined && session.stdout !== undefined) {
        session.stdin.pipe(session.stdout);
        const { stdout, gone: signal } = session;
        await finished(stdout, { readable: false, signal }).catch(() => {});
      }
      session.stderr?.write('done');
      await session.finish(outcome);
    };
  }

  function url(outcome: Outcome = { exitCode: 0 }, wanted = all): Promise<string> {
    return server.url('exec', channelEndpoint(tools, wanted, echo(outcome)));
  }

  async function refusal(address: string, options: Parameters<typeof upgrade>[1]): Promise<Refused> {
    try {
      const { socket } = await upgrade(address, options);
      socket.destroy();
    } catch (error) {
      if (error instanceof Refused) return error;
      throw error;
    }
    return assert.fail(`${address} was not refused`);
  }

  describe('over SPDY', () => {
    it('carries streams and tells the exit code behind them', async () => {
      const client = await SpdyClient.connect(await url({ exitCode: 3 }));
      const streams = await client.openAll('error', 'stdin', 'stdout', 'stderr');
      streams.stdin.end('some input');
      assert.equal(await streams.stdout.whole(), 'some input');
      assert.equal(await streams.stderr.whole(), 'done');
      const status = JSON.parse(await streams.error.whole()) as Record<string, unknown>;
      assert.equal(status['status'], 'Failure');
      assert.equal(status['reason'], 'NonZeroExitCode');
      assert.deepEqual(status['details'], { causes: [{ reason: 'ExitCode', message: '3' }] });
      client.destroy();
    });

    it('tells success as a status', async () => {
      const client = await SpdyClient.connect(await url({ exitCode: 0 }));
      const { stdin, error } = await client.openAll('error', 'stdin', 'stdout', 'stderr');
      stdin.end();
      assert.deepEqual(JSON.parse(await error.whole()), { metadata: {}, status: 'Success' });
      client.destroy();
    });

    it('tells an error with its words', async () => {
      const client = await SpdyClient.connect(await url({ error: new Error('no such thing') }));
      const { stdin, error } = await client.openAll('error', 'stdin', 'stdout', 'stderr');
      stdin.end();
      const status = JSON.parse(await error.whole()) as Record<string, unknown>;
      assert.deepEqual([status['reason'], status['code'], status['message']], ['InternalError', 500, 'no such thing']);
      client.destroy();
    });

    for (const protocols of ['v3.channel.k8s.io', 'v2.channel.k8s.io, channel.k8s.io', 'channel.k8s.io']) {
      it(`tells clients of ${protocols} the outcome as text`, async () => {
        const client = await SpdyClient.connect(await url({ exitCode: 4 }), protocols);
        const { stdin, error } = await client.openAll('error', 'stdin', 'stdout', 'stderr');
        stdin.end();
        assert.equal(await error.whole(), 'command terminated with non-zero exit code: exit status 4');
        client.destroy();
      });
    }

    it('hands on the sizes of a terminal, split as they may be', async () => {
      const client = await SpdyClient.connect(await url({ exitCode: 0 }, { ...all, tty: true, stderr: false }));
      const { resize } = await client.openAll('error', 'stdin', 'stdout', 'resize');
      resize.write('{"Width":80,"Hei');
      resize.write('ght":24}\n{"Width":100,"Height":40}\n{"Width":-1,"Height":1e9}garbage{"Width":1,"Height":2}');
      await eventually('all sizes are known', () => sizes.length === 3);
      assert.deepEqual(sizes.slice(0, 3), [
        { width: 80, height: 24 },
        { width: 100, height: 40 },
        { width: 1, height: 2 },
      ]);
      client.destroy();
    });

    it('resets streams that nobody asked for', async () => {
      const client = await SpdyClient.connect(await url({ exitCode: 0 }, { ...all, stdin: false }));
      const { error, stdin } = await client.openAll('error', 'stdin');
      const twice = await client.open({ streamtype: 'error' });
      await eventually('both are reset', () => stdin.resetStatus !== undefined && twice.resetStatus !== undefined);
      assert.equal(error.resetStatus, undefined);
      client.destroy();
    });

    it('closes on a client that does not open its streams in time', async () => {
      tools.creationTimeoutMs = 10;
      const client = await SpdyClient.connect(await url());
      await eventually('it is closed', () => client.isClosed && client.goaway !== undefined);
    });

    it('closes on a client that has nothing to say, PINGs aside', async () => {
      tools.idleTimeoutMs = 50;
      const client = await SpdyClient.connect(await url());
      await client.openAll('error', 'stdin', 'stdout', 'stderr');
      const pinging = setInterval(() => client.ping(1), 5);
      await eventually('it is closed', () => client.isClosed);
      clearInterval(pinging);
    });

    it('counts what is against the protocol', async () => {
      const client = await SpdyClient.connect(await url());
      client.socket.write(Buffer.alloc(100, 0xff));
      await eventually('it is closed', () => client.isClosed);
      assert.equal(tools.counters.badInput, 1);
    });
  });

  describe('over WebSocket', () => {
    function open(address: string, ...protocols: string[]): Promise<{ readonly socket: WebSocket; readonly messages: string[] }> {
      const socket = new WebSocket(address.replace('http', 'ws'), protocols);
      const messages: string[] = [];
      socket.on('message', (data: Buffer) => messages.push(data.toString('latin1')));
      return new Promise((resolve, reject) => {
        socket.once('open', () => resolve({ socket, messages }));
        socket.once('error', reject);
      });
    }

    const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.once('close', resolve));

    it('carries channels, closes stdin when v5 says so, and tells the outcome last', async () => {
      const { socket, messages } = await open(await url({ exitCode: 3 }), 'v5.channel.k8s.io', 'v4.channel.k8s.io');
      assert.equal(socket.protocol, 'v5.channel.k8s.io');
      socket.send('\0some ');
      await eventually('a first message comes', () => messages.length > 0);
      socket.send(Buffer.from('\0input'));
      socket.send(Buffer.from([0, ...Buffer.from('!')]));
      socket.close();
      await closed(socket);
    });

    for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io', '']) {
      it(`speaks ${protocol === '' ? 'without a protocol' : protocol}`, async () => {
        const wanted = protocol === 'v5.channel.k8s.io' ? all : { ...all, stdin: false };
        const { socket, messages } = await open(await url({ exitCode: 3 }, wanted), ...(protocol === '' ? [] : [protocol]));
        assert.equal(socket.protocol, protocol);
        if (wanted.stdin) {
          for (const text of ['\0some ', '\0input', '\xff\0']) socket.send(Buffer.from(text, 'latin1'));
        }
        assert.equal(await closed(socket), 1000);
        const on = (channel: number): string =>
          messages
            .filter((message) => message.charCodeAt(0) === channel)
            .map((message) => message.slice(1))
            .join('');
        assert.equal(on(1), wanted.stdin ? 'some input' : '');
        assert.equal(on(2), 'done');
        assert.match(on(3), /^v[45]/.test(protocol) ? /^\{.*"ExitCode","message":"3"/ : /^command terminated .* 3$/);
        assert.equal(messages.at(-1)?.charCodeAt(0), 3);
      });
    }

    for (const protocol of ['v4.base64.channel.k8s.io', 'base64.channel.k8s.io']) {
      it(`speaks ${protocol}`, async () => {
        const { socket, messages } = await open(await url({ exitCode: 0 }), protocol);
        socket.send(`0${Buffer.from('text').toString('base64')}`);
        await eventually('it comes back', () => messages.includes(`1${Buffer.from('text').toString('base64')}`));
        socket.close();
        await closed(socket);
      });
    }

    it('hands on the sizes of a terminal', async () => {
      const { socket } = await open(await url({ exitCode: 0 }, { ...all, tty: true, stderr: false }), 'v5.channel.k8s.io');
      socket.send(Buffer.from('\x04{"Width":80,"Height":24}'));
      await eventually('it is known', () => sizes.length === 1);
      assert.deepEqual(sizes, [{ width: 80, height: 24 }]);
      socket.terminate();
    });

    it('ends a client whose messages have no channel, or are too large, and counts it', async () => {
      const one = await open(await url(), 'v5.channel.k8s.io');
      one.socket.send(Buffer.alloc(0));
      assert.equal(await closed(one.socket), 1002);
      const two = await open(await url(), 'v5.channel.k8s.io');
      two.socket.send(Buffer.alloc(16 * 2 ** 20));
      assert.equal(await closed(two.socket), 1009);
      assert.equal(tools.counters.badInput, 2);
    });
  });

  describe('refuses', () => {
    it('unknown, used and misplaced tokens alike, whatever else is wrong', async () => {
      const used = await url();
      (await SpdyClient.connect(used)).destroy();
      const other = await server.url('attach', channelEndpoint(tools, all, echo({ exitCode: 0 })));
      const base = new URL(used).origin;
      const wrong = [used, other.replace('/attach/', '/exec/'), `${base}/exec/abc`, `${base}/`, `${base}/exec/`, `${base}/healthz`, `${used}/x`];
      for (const address of wrong) {
        for (const options of [{ headers: spdy }, { method: 'GET', headers: { Upgrade: 'h2c' } }, { method: 'DELETE', headers: spdy }]) {
          const { status, message } = await refusal(address, options);
          assert.deepEqual([status, message], [404, '404: not found'], address);
        }
        const plain = await fetch(address);
        assert.deepEqual([plain.status, await plain.text()], [404, 'not found\n']);
      }
    });

    it('other methods and other upgrades in words, upon which the token still holds', async () => {
      const address = await url();
      assert.equal((await refusal(address, { method: 'PUT', headers: spdy })).status, 400);
      const other = await refusal(address, { headers: { Upgrade: 'h2c' } });
      assert.equal(other.status, 426);
      assert.match(other.message, /SPDY\/3\.1/);
      const plain = await fetch(address);
      assert.equal(plain.status, 426);
      assert.equal(plain.headers.get('upgrade'), 'SPDY/3.1, websocket');
      assert.equal((await fetch(address, { method: 'DELETE' })).status, 400);
      (await SpdyClient.connect(address)).destroy();
    });

    it('unknown protocols with those that it speaks', async () => {
      const address = await url();
      const headers = { ...spdy, 'X-Stream-Protocol-Version': 'v9.channel.k8s.io' };
      const { status, message, headers: answered } = await refusal(address, { headers });
      assert.equal(status, 403);
      assert.match(message, /v9\.channel\.k8s\.io.*v4\.channel\.k8s\.io, v3/);
      assert.match(String(answered['x-accepted-stream-protocol-versions']), /^v4\.channel\.k8s\.io/);
      const key = { 'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'), 'Sec-WebSocket-Version': '13' };
      const webSocket = { Upgrade: 'websocket', ...key, 'Sec-WebSocket-Protocol': 'v9.channel.k8s.io' };
      assert.equal((await refusal(address, { method: 'GET', headers: webSocket })).status, 403);
    });

    it('more tokens than it keeps', async () => {
      for (let i = 0; i < maxTokens; i++) await url();
      await assert.rejects(url(), (error) => isKind(error, 'resourceExhausted'));
    });
  });

  it('gives a client of a port that is taken away no rest, and ends all when it stops', async () => {
    const client = await SpdyClient.connect(await url());
    await client.openAll('error', 'stdin', 'stdout', 'stderr');
    await server.stop(0);
    await eventually('it is closed', () => client.isClosed);
  });

  it('says where it cannot listen', async () => {
    const { port } = new URL(await url());
    const second = new StreamingServer({ address: '127.0.0.1', port: Number(port) }, silentLog);
    await assert.rejects(second.start(), (error) => isKind(error, 'unavailable') && /EADDRINUSE/.test(String(error)));
  });
});
