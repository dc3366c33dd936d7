import type { WebSocket } from 'ws';
import { messageOf } from '../../lib/errors.ts';
import type { ConnectionTools } from '../endpoint.ts';
import type { Forward } from '../port-forward.ts';
import { ChannelSocket } from './channels.ts';

/**
 * The old form of port-forward: two channels for each port that the request named, one for bytes and one for an error,
 * and one connection to each. Both begin with the port, in two bytes, the lower first.
 */
export async function servePortChannels(
  tools: ConnectionTools,
  webSocket: WebSocket,
  protocol: string,
  ports: readonly number[],
  forward: (one: Forward) => Promise<void>,
): Promise<void> {
  const socket = new ChannelSocket(tools, webSocket, protocol.includes('base64') ? 'base64' : 'binary', false);
  const serve = async (port: number, i: number): Promise<void> => {
    const [data, error] = [2 * i, 2 * i + 1];
    const [source, sink] = [socket.reader(data), socket.writer(data)];
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    await Promise.all([socket.send(data, head), socket.send(error, head)]);
    try {
      await forward({ port, source, sink, gone: socket.gone });
    } catch (failure) {
      await socket.send(error, Buffer.from(messageOf(failure)));
    }
  };
  tools.stopping.addEventListener('abort', () => socket.close(), { once: true, signal: socket.gone });
  await Promise.all(ports.map(serve));
  socket.close();
}
