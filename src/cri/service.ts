import type * as grpc from '@grpc/grpc-js';
import type { Encoded, RpcHandlers, RpcName, StreamingRpc, UnaryRpc } from './handlers.ts';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';

// From src/cri as from dist/cri.
const protoFolder = fileURLToPath(new URL('../../proto/cri', import.meta.url));

/** The response of an RPC, or one message of it where it streams. */
export type ResponseOf<Name extends RpcName> =
  RpcHandlers[Name] extends UnaryRpc<never, infer Response>
    ? Exclude<Response, Encoded>
    : RpcHandlers[Name] extends StreamingRpc<never, infer Response>
      ? Exclude<Response, Encoded>
      : never;

/** Both services of the CRI as grpc-js wants them, and the encoder of each RPC's responses. */
export interface CriServices {
  /** The definitions by full name: `runtime.v1.RuntimeService` and `runtime.v1.ImageService`. */
  readonly definitions: Readonly<Record<string, grpc.ServiceDefinition>>;
  /**
   * The wire form of a response. A message whose only content is one item of a repeated field is that item's
   * tagged bytes, so `{containers: [c]}` encoded for each container and then joined is a list's response.
   */
  encodeResponse<Name extends RpcName>(name: Name, response: ResponseOf<Name>): Buffer;
}

/** Reads the contract from proto/cri. Takes some 30 ms and is synchronous: once, at start. */
export function loadCriServices(): CriServices {
  const loaded = loadSync(path.join(protoFolder, 'runtime/v1/api.proto'), {
    keepCase: false,
    longs: String, // created_at and memory limits do not fit a number
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [protoFolder],
  });
  const definitions: Record<string, grpc.ServiceDefinition> = {};
  const encoders = new Map<string, grpc.serialize<object>>();
  for (const name of ['runtime.v1.RuntimeService', 'runtime.v1.ImageService']) {
    const service = loaded[name] as grpc.ServiceDefinition;
    definitions[name] = Object.fromEntries(
      Object.entries(service).map(([rpc, method]) => {
        const encode: grpc.serialize<object> = method.responseSerialize;
        encoders.set(rpc, encode);
        return [rpc, { ...method, responseSerialize: encodeUnlessEncoded(encode) }];
      }),
    );
  }
  return {
    definitions,
    encodeResponse(name, response) {
      const encode = encoders.get(name);
      if (encode === undefined) throw new Error(`no RPC is named ${name}`);
      return encode(response as object);
    },
  };
}

// No message of the CRI has a field of this name, so it tells the two apart.
function encodeUnlessEncoded(encode: grpc.serialize<object>): grpc.serialize<object> {
  return (response) => ('encoded' in response && Buffer.isBuffer(response.encoded) ? response.encoded : encode(response));
}
