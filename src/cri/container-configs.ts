import type * as grpc from '@grpc/grpc-js';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { CreateContainerRequest__Output } from '../types/cri/runtime/v1/CreateContainerRequest.ts';
import { CodedError } from '../lib/errors.ts';
import { asProtobufField, protobufField } from '../lib/protobuf-field.ts';

type Definition = grpc.MethodDefinition<object, object>;

// CreateContainerRequest.config
const configField = 2;

/**
 * ContainerConfigs in wire form, to be kept with their containers. One that came in a request is kept as it came, byte
 * for byte: that costs nothing, has the fields that a later CRI may add, and is a quarter of its JSON.
 */
export class ContainerConfigs {
  readonly #method: Definition;
  /** The request that a config came in, until its bytes are asked for. */
  readonly #requests = new WeakMap<ContainerConfig__Output, Buffer>();

  /** @param createContainer the definition of that RPC: the one message of the contract that has just the config in it */
  constructor(createContainer: Definition) {
    this.#method = createContainer;
  }

  /** Decodes a CreateContainerRequest, and remembers its bytes for `encode`. */
  readonly decodeRequest = (bytes: Buffer): CreateContainerRequest__Output => {
    const request = this.#method.requestDeserialize(bytes) as CreateContainerRequest__Output;
    if (request.config !== null) this.#requests.set(request.config, bytes);
    return request;
  };

  /** A config's bytes; those it came in go with the first call. */
  encode(config: ContainerConfig__Output): Buffer {
    const request = this.#requests.get(config) ?? this.#method.requestSerialize({ config });
    this.#requests.delete(config);
    return protobufField(request, configField);
  }

  /** The config that `encode` made the bytes of; `dataLoss` for what is none. */
  decode(bytes: Buffer): ContainerConfig__Output {
    try {
      const { config } = this.#method.requestDeserialize(asProtobufField(configField, bytes)) as CreateContainerRequest__Output;
      if (config !== null) return config;
    } catch (error) {
      throw new CodedError('dataLoss', 'the bytes are no ContainerConfig', { cause: error });
    }
    throw new CodedError('dataLoss', 'the bytes are no ContainerConfig');
  }
}
