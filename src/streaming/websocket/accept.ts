import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** What a message may have, bytes: clients send 32 KiB at a time, and a message is held as a whole. */
export const maxMessageBytes = 1024 * 1024;

/**
 * Completes an upgrade to WebSocket with the protocol that was agreed on, '' for none. Undefined when the request was
 * no proper one, which its client has then been told.
 *
 * The protocol stays out of the library's hands: it refuses `SPDY/3.1+portforward.k8s.io`, as no HTTP token has a
 * slash, but that is its name.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket | undefined> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxMessageBytes, clientTracking: false });
  if (protocol !== '') server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  delete request.headers['sec-websocket-protocol'];
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
}
