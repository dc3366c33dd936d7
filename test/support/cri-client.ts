import type { RpcHandlers } from '../../src/cri/handlers.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { CriServer } from '../../src/cri/server.ts';
import { loadCriServices } from '../../src/cri/service.ts';
import { silentLog } from '../../src/lib/log.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** What a unary call ended with. */
export interface Answer {
  readonly code: grpc.status;
  readonly details: string;
  readonly response: Record<string, unknown>;
}

/** A client of the CRI that knows nothing of podwright's own code. */
export class CriClient {
  readonly #client: grpc.Client;
  readonly #methods: Map<string, grpc.MethodDefinition<object, object>>;

  constructor(socket: string) {
    this.#client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.use_local_subchannel_pool': 1,
    });
    const loaded = loadSync('proto/cri/runtime/v1/api.proto', { longs: String, enums: String, defaults: true });
    this.#methods = new Map(
      ['runtime.v1.RuntimeService', 'runtime.v1.ImageService'].flatMap((name) =>
        Object.entries(loaded[name] as grpc.ServiceDefinition),
      ),
    );
  }

  /** Makes one call; `cancel` is handed the way to give it up. */
  call(rpc: string, request: object, options: grpc.CallOptions = {}, cancel?: (act: () => void) => void): Promise<Answer> {
    const method = this.#method(rpc);
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest<object, object>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new grpc.Metadata(),
        options,
        (error, response) => {
          if (error) resolve({ code: error.code, details: error.details, response: {} });
          else resolve({ code: grpc.status.OK, details: '', response: { ...response } });
        },
      );
      cancel?.(() => call.cancel());
    });
  }

  /** Opens a stream of answers. */
  stream(rpc: string, request: object, options: grpc.CallOptions = {}): grpc.ClientReadableStream<object> {
    const method = this.#method(rpc);
    return this.#client.makeServerStreamRequest<object, object>(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      options,
    );
  }

  close(): void {
    this.#client.close();
  }

  #method(rpc: string): grpc.MethodDefinition<object, object> {
    const method = this.#methods.get(rpc);
    if (method === undefined) throw new Error(`no RPC ${rpc}`);
    return method;
  }
}

/** A server on a socket of its own, with a client, for one test. */
export async function withServer(
  handlers: Partial<RpcHandlers>,
  act: (client: CriClient, server: CriServer, socket: string) => Promise<void>,
  log: Log = silentLog,
  clock: Clock = systemClock(),
): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pw-cri-'));
  const socket = path.join(folder, 's.sock');
  const server = new CriServer({ socket, services: loadCriServices(), handlers, log, clock });
  const client = new CriClient(socket);
  try {
    await server.start();
    await act(client, server, socket);
  } finally {
    client.close();
    await server.stop(0);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A log that remembers its lines. */
export function recordingLog(): { readonly log: Log; readonly lines: { level: string; message: string; fields: object }[] } {
  const lines: { level: string; message: string; fields: object }[] = [];
  const make = (bound: object): Log => {
    const at = (level: string) => (fields: object, message: string) => {
      lines.push({ level, message, fields: { ...bound, ...fields } });
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return { log: make({}), lines };
}
