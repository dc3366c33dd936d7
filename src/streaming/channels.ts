import type { Duplex } from 'node:stream';
import { messageOf } from '../lib/errors.ts';
import type { ConnectionTools, Endpoint } from './endpoint.ts';
import { type ChannelProtocol, channelProtocols, type RemoteSession, type WantedStreams } from './remotecommand.ts';
import { listOf, negotiate, unknownProtocol } from './request.ts';
import { SpdySession } from './spdy/remotecommand.ts';
import { acceptSpdy, serveSpdy } from './spdy/serve.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { serveChannelSession, webSocketChannelProtocols } from './websocket/remotecommand.ts';

/** An exec or attach that waits for its client, over SPDY or WebSocket. */
export function channelEndpoint(
  tools: ConnectionTools,
  wanted: WantedStreams,
  serve: (session: RemoteSession) => Promise<void>,
): Endpoint {
  return {
    prepare(request, transport) {
      if (transport === 'spdy') {
        const asked = listOf(request.headers['x-stream-protocol-version']);
        const protocol = negotiate(asked, channelProtocols, 'channel.k8s.io');
        if (protocol === undefined) return unknownProtocol(asked, channelProtocols);
        return { serve: (socket, head) => serveOverSpdy(tools, { socket, head, protocol }, wanted, serve) };
      }
      const asked = listOf(request.headers['sec-websocket-protocol']);
      const protocol = negotiate(asked, webSocketChannelProtocols, '');
      if (protocol === undefined) return unknownProtocol(asked, webSocketChannelProtocols);
      return {
        async serve(socket, head) {
          const webSocket = await acceptWebSocket(request, socket, head, protocol);
          if (webSocket !== undefined) await serveChannelSession(tools, webSocket, protocol, wanted, serve);
        },
      };
    },
  };
}

async function serveOverSpdy(
  tools: ConnectionTools,
  on: { readonly socket: Duplex; readonly head: Buffer; readonly protocol: ChannelProtocol },
  wanted: WantedStreams,
  serve: (session: RemoteSession) => Promise<void>,
): Promise<void> {
  const session = new SpdySession(on.protocol, wanted);
  acceptSpdy(on.socket, on.protocol);
  const connection = serveSpdy(tools, on.socket, on.head, (stream) => session.add(stream));
  try {
    await session.opened(connection, tools.creationTimeoutMs, tools.stopping);
  } catch (error) {
    tools.log.info({ error: messageOf(error) }, 'a client did not open its streams');
    connection.close();
    return;
  }
  await serve(session);
}
