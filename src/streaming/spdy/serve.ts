import type { Duplex } from 'node:stream';
import { countBadInput, type ConnectionTools } from '../endpoint.ts';
import { IdleTimer } from '../idle.ts';
import { SpdyConnection } from './connection.ts';
import type { SpdyStream } from './stream.ts';

/** Completes an upgrade to SPDY/3.1 with the protocol that was agreed on. */
export function acceptSpdy(socket: Duplex, protocol: string): void {
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
}

/** A SPDY connection on a socket that speaks it from here on, ended when it is idle for too long. */
export function serveSpdy(
  tools: ConnectionTools,
  socket: Duplex,
  head: Buffer,
  onStream: (stream: SpdyStream) => void,
): SpdyConnection {
  const idle = new IdleTimer(tools.idleTimeoutMs, () => {
    tools.log.info({ idleTimeoutMs: tools.idleTimeoutMs }, 'a streaming connection was idle for too long');
    connection.close();
  });
  const connection = new SpdyConnection(socket, head, {
    onStream,
    onBadInput: (why) => countBadInput(tools, why),
    onActivity: () => idle.touch(),
    readOn: (reader) => tools.pacer.resume(reader),
    goesOn: (reader) => tools.pacer.goesOn(reader),
  });
  connection.gone.addEventListener('abort', () => idle.stop(), { once: true });
  return connection;
}
