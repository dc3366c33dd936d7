import type * as grpc from '@grpc/grpc-js';
import type { Encoded, RpcHandlers, RpcName, StreamingRpc, UnaryRpc } from './handlers.ts';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { CodedError } from '../lib/errors.ts';
import { ContainerConfigs } from './container-configs.ts';
import { WireForm } from './wire-form.ts';

/** The most one message may hold, both ways: what the kubelet's client and containerd allow. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** The response of an RPC, or one message of it where it streams. */
export type ResponseOf<Name extends RpcName> =
  RpcHandlers[Name] extends UnaryRpc<never, infer Response>
    ? Exclude<Response, Encoded>
    : RpcHandlers[Name] extends StreamingRpc<never, infer Response>
      ? Exclude<Response, Encoded>
      : never;

/** Both services of the CRI as grpc-js wants them, and the encoder of each RPC's responses. */
export interface CriServices {
  /** The definitions of RuntimeService and ImageService, whose responses are `Encoded` ones only. */
  readonly definitions: readonly grpc.ServiceDefinition[];
  /** The configs of containers in wire form, those in the requests of `definitions` among them. */
  readonly containerConfigs: ContainerConfigs;
  /**
   * The wire form of a response. A message whose only content is one item of a repeated field is that item's
   * tagged bytes, so `{containers: [c]}` encoded for each container and then joined is a list's response.
   */
  encodeResponse<Name extends RpcName>(name: Name, response: ResponseOf<Name>): Buffer;
  /** The same for whatever an RPC answered; `resourceExhausted` when it is more than a client would take. */
  toEncoded(name: RpcName, response: object): Encoded;
}

/** Reads the contract from proto/cri. Takes some 30 ms and is synchronous: once, at start. */
export function loadCriServices(): CriServices {
  // The same distance from src/cri and from dist/cri.
  const protoFolder = fileURLToPath(new URL('../../proto/cri', import.meta.url));
  const loaded = loadSync(path.join(protoFolder, 'runtime/v1/api.proto'), {
    keepCase: false,
    longs: String, // created_at and memory limits do not fit a number
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [protoFolder],
  });
  const runtimeService = loaded['runtime.v1.RuntimeService'] as grpc.ServiceDefinition;
  const containerConfigs = new ContainerConfigs(runtimeService['CreateContainer'] as grpc.MethodDefinition<object, object>);
  const wire = new WireForm(loaded, 'runtime.v1');
  const encoders = new Map<string, (response: object) => Buffer>();
  const definitions = ['runtime.v1.RuntimeService', 'runtime.v1.ImageService'].map((service) => {
    const methods = Object.entries(loaded[service] as ServiceDefinition);
    for (const [name, { responseType }] of methods) encoders.set(name, wire.encoderOf((responseType.type as { readonly name: string }).name));
    return Object.fromEntries(
      methods.map(([name, method]) => {
        const requestDeserialize = name === 'CreateContainer' ? containerConfigs.decodeRequest : method.requestDeserialize;
        return [name, { ...method, requestDeserialize, responseSerialize: bytesOf }];
      }),
    );
  });
  const encode = (name: RpcName, response: object): Buffer => {
    const encoder = encoders.get(name);
    if (encoder === undefined) throw new Error(`the contract has no RPC ${name}`);
    return encoder(response);
  };
  return {
    definitions,
    containerConfigs,
    encodeResponse: (name, response) => encode(name, response as object),
    toEncoded(name, response) {
      const encoded = isEncoded(response) ? response.encoded : encode(name, response);
      if (encoded.length > maxMessageBytes) {
        throw new CodedError(
          'resourceExhausted',
          `the answer has ${encoded.length} bytes and a client takes ${maxMessageBytes}: filter it, or ask the streaming RPC`,
        );
      }
      return { encoded };
    },
  };
}

function bytesOf(response: Encoded): Buffer {
  return response.encoded;
}

// No message of the CRI has a field of this name, so it tells the two apart.
function isEncoded(response: object): response is Encoded {
  return 'encoded' in response && Buffer.isBuffer(response.encoded);
}
