import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { InPlaceSocket } from '../io/in-place-socket.ts';
import { CodedError, messageOf, wrapError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Endpoint } from './endpoint.ts';
import { headersOf, notFound, refuse, type Refusal, streamPath, type StreamKind, transportOf, upgradeNeeded, wrongMethod } from './request.ts';
import type { Certificate } from './certificate.ts';
import { Peers } from './peers.ts';
import { Tokens } from './tokens.ts';

/** How the server is reached. */
export interface StreamingOptions {
  readonly address: string;
  readonly port: number;
  /** With it the server speaks TLS. */
  readonly certificate?: Certificate | undefined;
}

/** How long a client may take to send its request, ms. */
const requestMs = 10_000;

/**
 * The HTTP server that exec, attach and port-forward end in: the CRI hands out URLs with tokens, and whoever comes with
 * one gets what was asked for, once. Nothing else is answered.
 */
export class StreamingServer {
  readonly #options: StreamingOptions;
  readonly #log: Log;
  readonly #server: Server | TlsServer;
  readonly #tokens = new Tokens<{ readonly kind: StreamKind; readonly endpoint: Endpoint }>(() => performance.now());
  readonly #peers: Peers;
  readonly #serving = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: StreamingOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#peers = new Peers(log);
    const { certificate } = options;
    const limits = { headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: 1 };
    this.#server = certificate === undefined ? createServer(limits) : createTlsServer({ ...limits, ...certificate.current });
    certificate?.onChange((next) => {
      if ('setSecureContext' in this.#server) this.#server.setSecureContext(next);
    });
    this.#server.on('request', (request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head));
    this.#server.on('connection', (socket) => this.#peers.add(socket));
  }

  /** Begins to listen; UNAVAILABLE where that is not possible. */
  async start(): Promise<void> {
    const { address, port } = this.#options;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host: address, port }, () => {
          this.#server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      throw new CodedError('unavailable', wrapError(`listen for streams on ${address} port ${port}`, error).message, { cause: error });
    }
    this.#server.on('error', (error) => this.#log.error({ error: messageOf(error) }, 'the streaming server has a problem'));
    this.#log.info({ url: this.#base() }, 'streams are served');
  }

  /** The URL under which `endpoint` is served to the first who comes, within a minute. RESOURCE_EXHAUSTED when too many wait. */
  async url(kind: StreamKind, endpoint: Endpoint): Promise<string> {
    await this.#options.certificate?.refresh();
    return `${this.#base()}/${kind}/${this.#tokens.issue({ kind, endpoint })}`;
  }

  /** Aborts when the server stops; what still has something to tell its client does so then, and ends. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Ends all streams, waiting for those that have something to tell no longer than `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    this.#server.close();
    this.#stopping.abort(new CodedError('unavailable', 'podwright stops'));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, patienceMs)));
    await Promise.race([Promise.allSettled(this.#serving), late]);
    clearTimeout(timer);
    this.#peers.destroyAll();
    await Promise.allSettled(this.#serving);
  }

  /** How many connections there are. */
  get open(): number {
    return this.#peers.size;
  }

  #base(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    // Where it listens on every address, the node's own clients take the nearest.
    const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
    const scheme = this.#options.certificate === undefined ? 'http' : 'https';
    return `${scheme}://${family === 'IPv6' ? `[${host}]` : host}:${port}`;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#find(request) === undefined ? notFound : (refusalOf(request) ?? upgradeNeeded);
    response.writeHead(refusal.status, { ...headersOf(refusal), Connection: 'close' });
    response.end(`${refusal.text}\n`);
    this.#logRefusal(refusal);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const found = this.#find(request);
    const transport = transportOf(request);
    const refusal = found === undefined ? notFound : refusalOf(request);
    if (found === undefined || refusal !== undefined || transport === undefined) {
      const why = refusal ?? upgradeNeeded;
      refuse(socket, why);
      this.#logRefusal(why);
      return;
    }
    const accept = found.endpoint.prepare(request, transport);
    if ('status' in accept) {
      refuse(socket, accept);
      this.#logRefusal(accept);
      return;
    }
    this.#tokens.use(found.token);
    // A library reads what comes over WebSocket, and reads it in Node's way.
    const own = transport === 'spdy' ? InPlaceSocket.takeOver(socket) : socket;
    if (own !== socket) this.#peers.add(own);
    const serving = accept.serve(own, head).catch((error: unknown) => {
      this.#log.warn({ error: messageOf(error) }, `a stream for ${found.kind} failed`);
      own.destroy();
    });
    this.#serving.add(serving);
    void serving.finally(() => this.#serving.delete(serving));
  }

  #find(request: IncomingMessage): { readonly kind: StreamKind; readonly token: string; readonly endpoint: Endpoint } | undefined {
    const path = streamPath(request.url);
    const issued = path === undefined ? undefined : this.#tokens.peek(path.token);
    return path === undefined || issued?.kind !== path.kind ? undefined : { ...issued, token: path.token };
  }

  #logRefusal({ status, text }: Refusal): void {
    this.#log.info({ status }, `a request for a stream was refused: ${text}`);
  }
}

/** Why a request with a right token is not served, where that can be said without knowing for what. */
function refusalOf(request: IncomingMessage): Refusal | undefined {
  if (request.method !== 'GET' && request.method !== 'POST') return wrongMethod;
  return transportOf(request) === undefined ? upgradeNeeded : undefined;
}
