import { type Clock, isWithin } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { RpcHandlers, StreamingRpc, UnaryRpc } from './handlers.ts';
import type { CallScope } from './call.ts';
import type { CriServices } from './service.ts';
import type { UntypedHandleCall } from '@grpc/grpc-js';
import net from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Calls } from './calls.ts';
import { completeHandlers, missingHandlers } from './handlers.ts';
import { CodedError } from '../lib/errors.ts';
import { isStreaming, rpcNames } from './rpc-names.ts';
import { maxMessageBytes } from './service.ts';
import { ownSocketFile } from './socket.ts';
import { streaming } from './streaming.ts';
import { unary } from './unary.ts';

/** What a CriServer is made of. RPCs missing in `handlers` answer UNIMPLEMENTED. */
export interface CriServerOptions {
  /** Absolute path of the unix socket. */
  readonly socket: string;
  readonly services: CriServices;
  readonly handlers: Partial<RpcHandlers>;
  readonly log: Log;
  readonly clock: Clock;
  /** Told of each call that ended. */
  readonly onEnded?: CallScope['onEnded'] | undefined;
}

// A client queues what goes beyond by itself; without a limit one client's burst is all in memory at once.
const maxConcurrentCalls = 1000;

// How long a kubelet may take to come before somebody should look why. It asks every five seconds.
const firstCallerMs = 60_000;

// After the grace time, how long calls get to notice that they were aborted.
const abortedGraceMs = 500;

/** The CRI on its unix socket. */
export class CriServer {
  readonly #options: CriServerOptions;
  readonly #calls = new Calls();
  readonly #grpc: Server;
  // Our own listener and not grpc-js's: the socket's mode and the moment it appears are ours to decide.
  readonly #listener: net.Server;
  /** Aborted when somebody has come, or nobody can any more. */
  readonly #waiting = new AbortController();
  #removeSocketFile: (() => Promise<void>) | undefined;

  constructor(options: CriServerOptions) {
    this.#options = options;
    this.#grpc = new Server({
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': -1, // checked where the answer is encoded, with a better message
      'grpc.max_concurrent_streams': maxConcurrentCalls,
      'grpc.enable_channelz': 0,
    });
    const handlers = grpcHandlers({ log: options.log, calls: this.#calls, onEnded: options.onEnded }, options.services, options.handlers);
    for (const definition of options.services.definitions) this.#grpc.addService(definition, handlers);
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = net.createServer((connection) => injector.injectConnection(connection));
    this.#listener.once('connection', () => this.#waiting.abort());
  }

  /** How many calls are being served. */
  get running(): number {
    return this.#calls.size;
  }

  /** Opens the socket: from here on the CRI is served. `alreadyExists` when another process serves it. */
  async start(): Promise<void> {
    const { socket, handlers, log } = this.#options;
    this.#removeSocketFile = await ownSocketFile(this.#listener, socket);
    this.#listener.on('error', (error) => log.warn({ error: error.message }, 'could not take a connection'));
    log.info({ socket, unimplemented: missingHandlers(handlers) }, 'serving the CRI');
    this.#noticeWhenNobodyComes();
  }

  /** A kubelet that was pointed elsewhere is an error of neither, so somebody has to say it. */
  #noticeWhenNobodyComes(): void {
    const { socket, clock, log } = this.#options;
    const late = `nobody has asked for anything yet: the kubelet needs containerRuntimeEndpoint: unix://${socket}; "podwright check" says what it has`;
    clock.sleep(firstCallerMs, this.#waiting.signal).then(() => log.warn({ socket }, late), () => {});
  }

  /**
   * Refuses new calls, ends streams, and waits up to `graceMs` for the calls being served; then aborts what is
   * left and closes every connection. The socket file goes first.
   */
  async stop(graceMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const stopping = new CodedError('unavailable', 'podwright is stopping');
    this.#calls.refuse(stopping);
    this.#waiting.abort();
    await this.#removeSocketFile?.();
    this.#listener.close();
    const closed = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    try {
      if (await isWithin(clock, graceMs, closed)) return;
      log.warn({ calls: this.#calls.size, graceMs }, 'calls outlived the grace time and are aborted');
      this.#calls.abortAll(stopping);
      await isWithin(clock, abortedGraceMs, closed);
    } finally {
      this.#grpc.forceShutdown();
    }
  }
}

function grpcHandlers(
  scope: CallScope,
  services: CriServices,
  built: Partial<RpcHandlers>,
): Record<string, UntypedHandleCall> {
  const all = completeHandlers(built);
  return Object.fromEntries(
    rpcNames.map((name) => {
      // Here the types of 43 RPCs become one: what follows treats requests and responses as objects only.
      const rpc = all[name] as unknown;
      return [
        name,
        isStreaming(name)
          ? streaming(scope, services, name, rpc as StreamingRpc<object, object>)
          : unary(scope, services, name, rpc as UnaryRpc<object, object>),
      ];
    }),
  );
}
