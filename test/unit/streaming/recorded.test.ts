import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import { silentLog } from '../../../src/lib/log.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import { channelEndpoint } from '../../../src/streaming/channels.ts';
import type { ConnectionTools } from '../../../src/streaming/endpoint.ts';
import { Pacer } from '../../../src/streaming/pacer.ts';
import { portForwardEndpoint } from '../../../src/streaming/port-forward.ts';
import type { StreamKind } from '../../../src/streaming/request.ts';
import { StreamingServer } from '../../../src/streaming/server.ts';
import { eventually } from '../../support/eventually.ts';

/** What clients have sent to a podwright, each from its request to its end; hack/record/record.ts records it anew. */
const folder = path.join(import.meta.dirname, '../../fixtures/streams');
const recordings = readdirSync(folder).map((file) => ({ name: file.replace('.bin', ''), bytes: readFileSync(path.join(folder, file)) }));
const headEnd = '\r\n\r\n';
/** The frame with which a WebSocket's client closes: head, mask and status. */
const closeBytes = 8;

describe('what was recorded from', () => {
  let server: StreamingServer;

  beforeEach(async () => {
    server = new StreamingServer({ address: '127.0.0.1', port: 0 }, silentLog);
    await server.start();
  });

  afterEach(() => server.stop(0));

  /** Sends a recording with a token that holds, in pieces that end at these places, and closes when `isDone`. */
  async function replay(recording: Buffer, address: string, places: readonly number[], isDone: () => boolean): Promise<void> {
    const at = recording.indexOf(headEnd) + headEnd.length;
    const head = recording.toString('latin1', 0, at).replace(/ \/\S+/, ` ${new URL(address).pathname}`);
    const socket = net.connect(Number(new URL(address).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (text) => (answer += text.toString('latin1')));
    socket.on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(head);
    await eventually('it is answered', () => answer.includes(headEnd));
    assert.match(answer, /^HTTP\/1\.1 101 /);
    // A client that is heard to close has gone, and nothing is done for it any more: that comes when all else is done.
    const close = recording.readUInt16BE(recording.length - closeBytes) === 0x8882 ? closeBytes : 0;
    const body = recording.subarray(at, recording.length - close);
    const cuts = [0, ...places.map((place) => place % (body.length + 1)).toSorted((a, b) => a - b), body.length];
    for (const [i, end] of cuts.entries()) {
      socket.write(body.subarray(cuts[i - 1] ?? 0, end));
      await new Promise(setImmediate);
    }
    await eventually('it has arrived', isDone);
    socket.write(recording.subarray(recording.length - close));
    socket.destroySoon();
    await closed;
  }

  for (const { name, bytes } of recordings) {
    const [client = '', kind = '', transport = ''] = name.split('-');
    it(`${client} for ${kind} (${transport}) is understood, however it is split`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(), { maxLength: 12 }), async (places) => {
          let got = '';
          const counters = { badInput: 0 };
          const stopping = server.stopping;
          const tools: ConnectionTools = { log: silentLog, idleTimeoutMs: 60_000, creationTimeoutMs: 60_000, counters, stopping, pacer: new Pacer() };
          // A Pod that is not ready: that it is asked for shows that the streams have been opened.
          const sandbox = {
            id: 'pod',
            get isReady(): boolean {
              got += 'sends';
              return false;
            },
          } as unknown as Sandbox;
          const endpoint =
            kind === 'portforward'
              ? portForwardEndpoint(tools, sandbox, [])
              : channelEndpoint(tools, { tty: false, stdin: true, stdout: true, stderr: true }, async (session) => {
                  session.stdin?.on('data', (chunk: Buffer) => (got += chunk.toString()));
                  await new Promise((resolve) => session.gone.addEventListener('abort', resolve));
                });
          const address = await server.url(kind as StreamKind, endpoint);
          await replay(bytes, address, places, () => got.includes('sends'));
          assert.equal(counters.badInput, 0);
        }),
        { numRuns: 5 },
      );
    });
  }

  it('is there of every client and transport', () => {
    const names = recordings.map(({ name }) => name);
    const ofEach = ['crictl', 'kubectl'].flatMap((client) => ['exec', 'attach', 'portforward'].map((kind) => `${client}-${kind}`));
    for (const what of [...ofEach, 'kubelet-exec']) {
      for (const transport of ['spdy', 'websocket']) assert.ok(names.includes(`${what}-${transport}`), `${what}-${transport}`);
    }
  });
});
