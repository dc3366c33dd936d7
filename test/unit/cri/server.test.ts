import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { lstat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { status } from '@grpc/grpc-js';
import { CriServer } from '../../../src/cri/server.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { loadCriServices } from '../../../src/cri/service.ts';
import { type CriClient, recordingLog, withServer } from '../../support/cri-client.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { version } from '../../../src/cri/runtime/version.ts';

const built = { Version: version({ version: '1.2.3' }) };

describe('the CRI server', () => {
  it('says once where a kubelet should come, when nobody has for a minute', async () => {
    const { log, lines } = recordingLog();
    const clock = new ManualClock();
    const warnings = (): string[] => lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
    const act = async (client: CriClient, _server: CriServer, socket: string): Promise<void> => {
      clock.advance(60_000);
      await eventually('a warning', () => warnings().length > 0);
      await client.call('Version', {});
      clock.advance(600_000);
      assert.deepEqual(warnings(), [
        `nobody has asked for anything yet: the kubelet needs containerRuntimeEndpoint: unix://${socket}; "podwright check" says what it has`,
      ]);
    };
    await withServer(built, act, log, clock);
  });

  it('says nothing of the kind where somebody came', async () => {
    const { log, lines } = recordingLog();
    const clock = new ManualClock();
    const act = async (client: CriClient): Promise<void> => {
      await client.call('Version', {});
      await eventually('the wait to be over', () => clock.sleeping === 0);
      assert.deepEqual(lines.filter(({ level }) => level === 'warn'), []);
    };
    await withServer(built, act, log, clock);
  });

  it('answers Version with all four fields', async () => {
    await withServer(built, async (client) => {
      const { response } = await client.call('Version', { version: 'v1' });
      assert.deepEqual(response, {
        version: '0.1.0',
        runtimeName: 'podwright',
        runtimeVersion: '1.2.3',
        runtimeApiVersion: 'v1',
      });
    });
  });

  it('answers an RPC that is not built with UNIMPLEMENTED and its name, unary or streaming', async () => {
    await withServer(built, async (client) => {
      const { code, details } = await client.call('CheckpointPod', {});
      assert.equal(code, status.UNIMPLEMENTED);
      assert.match(details, /^CheckpointPod is not implemented/);
      const stream = client.stream('StreamImages', {});
      stream.resume();
      const [error] = (await once(stream, 'error').catch((thrown: unknown) => [thrown])) as [{ code: number }];
      assert.equal(error.code, status.UNIMPLEMENTED);
    });
  });

  it('opens a socket that only its owner can use, and takes it away when it stops', async () => {
    await withServer(built, async (_client, server, socket) => {
      const { mode } = await lstat(socket);
      assert.equal(mode & 0o777, 0o600);
      await server.stop(0);
      await assert.rejects(lstat(socket), { code: 'ENOENT' });
    });
  });

  it('refuses a socket that is served and says by whom', async () => {
    await withServer(built, async (client, _server, socket) => {
      const second = new CriServer({
        socket,
        services: loadCriServices(),
        handlers: built,
        log: silentLog,
        clock: systemClock(),
      });
      await assert.rejects(second.start(), {
        kind: 'alreadyExists',
        message: `socket ${socket}: already served by pid ${process.pid}`,
      });
      await second.stop(0);
      assert.equal((await client.call('Version', {})).code, status.OK);
    });
  });

  it('leaves a file alone that is no socket', async () => {
    await withServer(built, async (_client, _server, socket) => {
      const other = `${socket}2`;
      await writeFile(other, 'mine');
      const second = new CriServer({
        socket: other,
        services: loadCriServices(),
        handlers: built,
        log: silentLog,
        clock: systemClock(),
      });
      await assert.rejects(second.start(), { kind: 'alreadyExists' });
      await second.stop(0);
      assert.equal((await lstat(other)).isFile(), true);
    });
  });

  it('serves on after bytes that are no gRPC', async () => {
    await withServer(built, async (client, _server, socket) => {
      for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0\0\0\0\0\0', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(100)}`]) {
        const connection = net.connect(socket);
        connection.on('error', () => {});
        connection.end(Buffer.from(bytes, 'latin1'));
        connection.resume();
        await once(connection, 'close');
      }
      assert.equal((await client.call('Version', {})).code, status.OK);
    });
  });

  it('refuses a request of 20 MiB and serves on', async () => {
    await withServer(built, async (client) => {
      const { code } = await client.call('Version', { version: 'x'.repeat(20 * 1024 * 1024) });
      assert.equal(code, status.RESOURCE_EXHAUSTED);
      assert.equal((await client.call('Version', {})).code, status.OK);
    });
  });

  it('refuses to send more than 16 MiB and points at the way out', async () => {
    const big = { ListContainers: async () => ({ containers: [{ id: 'x'.repeat(17 * 1024 * 1024) }] }) };
    await withServer(big, async (client) => {
      const { code, details } = await client.call('ListContainers', {});
      assert.equal(code, status.RESOURCE_EXHAUSTED);
      assert.match(details, /streaming RPC/);
    });
  });

  it('sends an answer of 15 MiB', async () => {
    const big = { ListContainers: async () => ({ containers: [{ id: 'x'.repeat(15 * 1024 * 1024) }] }) };
    await withServer(big, async (client) => {
      assert.equal((await client.call('ListContainers', {})).code, status.OK);
    });
  });

  it('serves three thousand calls at once', async function () {
    this.timeout(60_000);
    await withServer(built, async (client) => {
      const answers = await Promise.all(Array.from({ length: 3000 }, () => client.call('Version', {})));
      assert.deepEqual(new Set(answers.map((answer) => answer.code)), new Set([status.OK]));
    });
  });

  it('sends a list joined from encoded parts as if it had been one message', async () => {
    const services = loadCriServices();
    const parts = ['a', 'b'].map((id) => services.encodeResponse('ListContainers', { containers: [{ id }] }));
    await withServer({ ListContainers: async () => ({ encoded: Buffer.concat(parts) }) }, async (client) => {
      const { response } = await client.call('ListContainers', {});
      const { containers } = response as { containers: { id: string }[] };
      assert.deepEqual(
        containers.map(({ id }) => id),
        ['a', 'b'],
      );
    });
  });

  it('lets a call that is being served end before it stops, and refuses the next one', async () => {
    const inside = deferred();
    const release = deferred();
    const handlers = {
      ...built,
      StopContainer: async () => {
        inside.resolve();
        await release.promise;
        return {};
      },
    };
    await withServer(handlers, async (client, server) => {
      const answer = client.call('StopContainer', { containerId: 'c' });
      await inside.promise;
      const stopped = server.stop(60_000);
      assert.equal((await client.call('Version', {})).code, status.UNAVAILABLE);
      release.resolve();
      assert.equal((await answer).code, status.OK);
      await stopped;
    });
  });

  it('aborts what outlives the grace time', async () => {
    const inside = deferred();
    const handlers = {
      StopContainer: async (_request: object, { signal }: { signal: AbortSignal }) => {
        inside.resolve();
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
        return {};
      },
    };
    await withServer(handlers, async (client, server) => {
      const answer = client.call('StopContainer', { containerId: 'c' });
      await inside.promise;
      await server.stop(0);
      assert.equal((await answer).code, status.UNAVAILABLE);
    });
  });

  it('ends a stream that would never end by itself when it stops', async () => {
    const inside = deferred();
    const handlers = {
      GetContainerEvents: async (
        _request: object,
        { signal }: { signal: AbortSignal },
        send: (message: object) => Promise<void>,
      ) => {
        await send({ containerId: 'one' });
        inside.resolve();
        await once(signal, 'abort');
      },
    };
    await withServer(handlers, async (client, server) => {
      const stream = client.stream('GetContainerEvents', {});
      const messages: object[] = [];
      const failed = deferred<{ code: number; details: string }>();
      stream.on('data', (message: object) => messages.push(message));
      stream.on('error', (error: Error & { code: number; details: string }) => failed.resolve(error));
      await inside.promise;
      await server.stop(60_000);
      assert.equal((await failed.promise).code, status.UNAVAILABLE);
      assert.equal(messages.length, 1);
    });
  });

  it('stops without complaint twice, and before it was started', async () => {
    await withServer(built, async (_client, server) => {
      await server.stop(0);
      await server.stop(0);
    });
  });

  it('logs what is served and what is not', async () => {
    const { log, lines } = recordingLog();
    await withServer(built, async () => {}, log);
    const line = lines.find(({ message }) => message === 'serving the CRI');
    assert.ok(line !== undefined);
    assert.equal((line.fields as { unimplemented: string[] }).unimplemented.length, 42);
  });

  it('turns an answer that cannot be encoded into INTERNAL with a stack in the log', async () => {
    const { log, lines } = recordingLog();
    const broken = {
      get containers(): never {
        throw new RangeError('broken');
      },
    };
    await withServer(
      { ListContainers: async () => broken },
      async (client) => {
        const { code, details } = await client.call('ListContainers', {});
        assert.deepEqual({ code, details }, { code: status.INTERNAL, details: 'internal error: broken' });
      },
      log,
    );
    assert.ok(lines.some(({ level, fields }) => level === 'error' && 'stack' in fields));
  });
});
