import type { Readable, Writable } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { createWebSocketStream } from 'ws';
import type { InPlaceSocket } from '../io/in-place-socket.ts';
import { messageOf, wrapError } from '../lib/errors.ts';
import { connectInPod } from '../pod/connect.ts';
import type { Sandbox } from '../pod/sandbox.ts';
import type { Acceptance, ConnectionTools, Endpoint } from './endpoint.ts';
import { join, OutputFlow } from './flow.ts';
import type { Pacer } from './pacer.ts';
import { listOf, negotiate, type Refusal, unknownProtocol } from './request.ts';
import { StreamPairs } from './spdy/port-forward.ts';
import { acceptSpdy, serveSpdy } from './spdy/serve.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { servePortChannels } from './websocket/port-forward.ts';

/** One connection that a client wants forwarded to a port of the Pod. */
export interface Forward {
  readonly port: number;
  /** From the client, to the client. */
  readonly source: Readable;
  readonly sink: Writable;
  readonly gone: AbortSignal;
}

const spdyProtocol = 'portforward.k8s.io';
const webSocketProtocols = [`SPDY/3.1+${spdyProtocol}`, 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', ''] as const;

/** A port-forward that waits for its client, over SPDY, over SPDY within WebSocket, or over WebSocket channels. */
export function portForwardEndpoint(tools: ConnectionTools, sandbox: Sandbox, ports: readonly number[]): Endpoint {
  const log = tools.log.child({ podSandboxId: sandbox.id });
  const own: ConnectionTools = { ...tools, log };
  const forward = (one: Forward): Promise<void> => forwardOne(own, sandbox, one);
  return {
    prepare(request, transport) {
      if (transport === 'websocket') return prepareWebSocket(own, request, ports, forward);
      const asked = listOf(request.headers['x-stream-protocol-version']);
      if (negotiate(asked, [spdyProtocol], spdyProtocol) === undefined) return unknownProtocol(asked, [spdyProtocol]);
      return {
        async serve(socket, head) {
          acceptSpdy(socket, spdyProtocol);
          await servePairs(own, socket, head, forward);
        },
      };
    },
  };
}

function prepareWebSocket(
  tools: ConnectionTools,
  request: IncomingMessage,
  ports: readonly number[],
  forward: (one: Forward) => Promise<void>,
): Refusal | Acceptance {
  const asked = listOf(request.headers['sec-websocket-protocol']);
  const protocol = negotiate(asked, webSocketProtocols, '');
  if (protocol === undefined) return unknownProtocol(asked, webSocketProtocols.filter((one) => one !== ''));
  const isTunnel = protocol.startsWith('SPDY/');
  if (!isTunnel && ports.length === 0) {
    return { status: 400, text: `over WebSocket ports are named beforehand, or with the protocol ${webSocketProtocols[0]}` };
  }
  return {
    async serve(socket, head) {
      const webSocket = await acceptWebSocket(request, socket, head, protocol);
      if (webSocket === undefined) return;
      if (!isTunnel) return await servePortChannels(tools, webSocket, protocol, ports, forward);
      const tunnel = createWebSocketStream(webSocket, { readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
      await servePairs(tools, tunnel, Buffer.alloc(0), forward);
    },
  };
}

/** Serves the stream pairs of a SPDY connection until it ends. */
async function servePairs(
  tools: ConnectionTools,
  socket: Duplex,
  head: Buffer,
  forward: (one: Forward) => Promise<void>,
): Promise<void> {
  const pairs = new StreamPairs(tools, forward);
  const connection = serveSpdy(tools, socket, head, (stream) => pairs.add(stream, connection.gone));
  await aborted(AbortSignal.any([connection.gone, tools.stopping]));
  pairs.end();
  connection.close();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Connects one forward and carries its bytes, each direction until its own end. Fails with what to tell the client. */
async function forwardOne(tools: ConnectionTools, sandbox: Sandbox, { port, source, sink, gone }: Forward): Promise<void> {
  let target: InPlaceSocket;
  try {
    target = await connectInPod(sandbox, port, gone);
  } catch (error) {
    tools.log.info({ port, error: messageOf(error) }, 'a port could not be forwarded');
    throw wrapError('forward', error);
  }
  await carry(target, source, sink, tools.pacer);
}

/** Joins a connection with its client; what breaks on one side breaks on the other. */
async function carry(target: InPlaceSocket, source: Readable, sink: Writable, pacer: Pacer): Promise<void> {
  const targetClosed = new Promise<void>((resolve) => target.once('close', () => resolve()));
  source.once('close', () => {
    if (!source.readableEnded) target.resetAndDestroy();
  });
  if (source.destroyed) target.resetAndDestroy();
  target.once('close', (hadError) => {
    if (hadError) sink.destroy();
  });
  join(source, target);
  void new OutputFlow(target, sink, pacer).done.then(() => sink.end());
  await targetClosed;
}
