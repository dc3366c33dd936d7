import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { CodedError } from '../lib/errors.ts';
import { loadCriServices } from './service.ts';

/** What a CRI runtime says of itself, as a kubelet would ask it. */
export interface RuntimeAnswer {
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly conditions: readonly { readonly type: string; readonly status: boolean; readonly message: string }[];
}

/** Asks whoever serves the CRI at a socket (Version, Status). `unavailable` where nobody answers within the time, ms. */
export async function askRuntime(socket: string, timeoutMs: number): Promise<RuntimeAnswer> {
  const methods: ServiceDefinition = Object.assign({}, ...loadCriServices().definitions);
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = <T>(name: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const method = methods[name];
      if (method === undefined) throw new Error(`the contract has no RPC ${name}`);
      const { path, requestSerialize, responseDeserialize } = method;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, answer) => {
        if (error === null) resolve(answer as T);
        else reject(new CodedError('unavailable', `ask ${name} at ${socket}: ${error.details}`, { cause: error }));
      });
    });
  try {
    const { runtimeName, runtimeVersion } = await call<{ runtimeName: string; runtimeVersion: string }>('Version');
    const { status } = await call<{ status: { conditions: RuntimeAnswer['conditions'] } | null }>('Status');
    return { runtimeName, runtimeVersion, conditions: status?.conditions ?? [] };
  } finally {
    client.close();
  }
}
