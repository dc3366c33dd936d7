import type { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ConnectionTools } from '../endpoint.ts';
import { type Outcome, outcomeText, type RemoteSession, SizeReader, TerminalSizes, type WantedStreams } from '../remotecommand.ts';
import { ChannelSocket } from './channels.ts';

/** The channel protocols over WebSocket, the newest first; '' for a client that names none. */
export const webSocketChannelProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
] as const;
export type WebSocketChannelProtocol = (typeof webSocketChannelProtocols)[number];

/** The channels of an exec or attach. */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** Serves an exec or attach over a WebSocket. */
export async function serveChannelSession(
  tools: ConnectionTools,
  webSocket: WebSocket,
  protocol: WebSocketChannelProtocol,
  wanted: WantedStreams,
  serve: (session: RemoteSession) => Promise<void>,
): Promise<void> {
  const coding = protocol.includes('base64') ? 'base64' : 'binary';
  const socket = new ChannelSocket(tools, webSocket, coding, protocol === 'v5.channel.k8s.io');
  await serve(new ChannelSession(socket, /^v[45]/.test(protocol) ? 'json' : 'text', wanted));
}

class ChannelSession implements RemoteSession {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  readonly sizes = new TerminalSizes();
  readonly #socket: ChannelSocket;
  readonly #outcomeAs: 'json' | 'text';

  constructor(socket: ChannelSocket, outcomeAs: 'json' | 'text', wanted: WantedStreams) {
    this.#socket = socket;
    this.#outcomeAs = outcomeAs;
    this.stdin = wanted.stdin ? socket.reader(channels.stdin) : undefined;
    this.stdout = wanted.stdout ? socket.writer(channels.stdout) : undefined;
    this.stderr = wanted.stderr ? socket.writer(channels.stderr) : undefined;
    if (wanted.tty) this.#readSizes(socket.reader(channels.resize));
    // Clients before v5 wait for a first message, to know that they are connected.
    const first = wanted.stdout ? channels.stdout : wanted.stderr ? channels.stderr : channels.error;
    void socket.send(first, Buffer.alloc(0));
  }

  get gone(): AbortSignal {
    return this.#socket.gone;
  }

  async finish(outcome: Outcome): Promise<void> {
    const text = outcomeText(outcome, this.#outcomeAs);
    await Promise.all([ended(this.stdout), ended(this.stderr)]);
    if (text !== '') await this.#socket.send(channels.error, Buffer.from(text));
    this.#socket.close();
  }

  #readSizes(source: Readable): void {
    const reader = new SizeReader();
    source.on('data', (bytes: Buffer) => {
      for (const size of reader.push(bytes)) this.sizes.set(size);
    });
  }
}

/** Resolves when what was written has left, or cannot any more. */
function ended(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.end();
  });
}
