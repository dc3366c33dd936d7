import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';

/** What a client can come for. */
export type StreamKind = 'exec' | 'attach' | 'portforward';

/** A request for a stream: its path, without what follows a question mark, is `/KIND/TOKEN`. */
export interface StreamPath {
  readonly kind: StreamKind;
  readonly token: string;
}

/** Takes a request's path apart; undefined for any other path. */
export function streamPath(url: string | undefined): StreamPath | undefined {
  const [, kind, token] = /^\/(exec|attach|portforward)\/([\w-]+)(?:\?|$)/.exec(url ?? '') ?? [];
  return kind === undefined || token === undefined ? undefined : { kind: kind as StreamKind, token };
}

/** The way a client wants to go on speaking. */
export type Transport = 'spdy' | 'websocket';

/** What a request upgrades to; undefined for nothing, or for something unknown. */
export function transportOf(request: IncomingMessage): Transport | undefined {
  const upgrades = listOf(request.headers.upgrade).map((upgrade) => upgrade.toLowerCase());
  if (upgrades.includes('websocket')) return 'websocket';
  return upgrades.includes('spdy/3.1') ? 'spdy' : undefined;
}

/** The values in a header that may come several times or hold several, separated by commas. */
export function listOf(header: string | readonly string[] | undefined): string[] {
  const all = typeof header === 'string' ? [header] : (header ?? []);
  return all.flatMap((one) => one.split(',')).map((one) => one.trim()).filter((one) => one !== '');
}

/** An answer instead of an upgrade: a status and a sentence. */
export interface Refusal {
  readonly status: 400 | 403 | 404 | 426;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes a refusal as the whole answer of a connection, which is closed behind it. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  const body = `${refusal.text}\n`;
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    ...Object.entries(headersOf(refusal)).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** The headers of a refusal. */
export function headersOf({ headers }: Refusal): Record<string, string> {
  return { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', ...headers };
}

/** No hint whether the token is wrong, used, or too old. */
export const notFound: Refusal = { status: 404, text: 'not found' };

/** For a request that does not ask to go on in a protocol that streams. */
export const upgradeNeeded: Refusal = {
  status: 426,
  text: 'this is a stream: ask for it with "Upgrade: SPDY/3.1" or "Upgrade: websocket"',
  headers: { Upgrade: 'SPDY/3.1, websocket' },
};

/** For a method that no client uses here. */
export const wrongMethod: Refusal = { status: 400, text: 'a stream is asked for with GET or POST' };

/** For a client whose protocols are all unknown; it is told those that are not. */
export function unknownProtocol(asked: readonly string[], spoken: readonly string[]): Refusal {
  return {
    status: 403,
    text: `none of the protocols ${asked.join(', ')} is spoken here, but ${spoken.join(', ')}`,
    headers: { 'X-Accepted-Stream-Protocol-Versions': spoken.join(', ') },
  };
}

/** The first protocol of the client's that is spoken here, or `otherwise` when it names none. */
export function negotiate<T extends string>(asked: readonly string[], spoken: readonly T[], otherwise: T): T | undefined {
  return asked.length === 0 ? otherwise : spoken.find((protocol) => asked.includes(protocol));
}
