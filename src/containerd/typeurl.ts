import type { ContainerCreate__Output } from '../types/containerd/containerd/events/ContainerCreate.ts';
import type { ContainerDelete__Output } from '../types/containerd/containerd/events/ContainerDelete.ts';
import type { ContainerUpdate__Output } from '../types/containerd/containerd/events/ContainerUpdate.ts';
import type { ContentCreate__Output } from '../types/containerd/containerd/events/ContentCreate.ts';
import type { TaskCreate__Output } from '../types/containerd/containerd/events/TaskCreate.ts';
import type { TaskDelete__Output } from '../types/containerd/containerd/events/TaskDelete.ts';
import type { TaskExit__Output } from '../types/containerd/containerd/events/TaskExit.ts';
import type { TaskOOM__Output } from '../types/containerd/containerd/events/TaskOOM.ts';
import type { TaskStart__Output } from '../types/containerd/containerd/events/TaskStart.ts';
import type { Options, Options__Output } from '../types/containerd/containerd/runc/v1/Options.ts';
import type { ImageCreate__Output } from '../types/containerd/containerd/services/images/v1/ImageCreate.ts';
import type { ImageDelete__Output } from '../types/containerd/containerd/services/images/v1/ImageDelete.ts';
import type { ImageUpdate__Output } from '../types/containerd/containerd/services/images/v1/ImageUpdate.ts';
import type { StreamInit, StreamInit__Output } from '../types/containerd/containerd/services/streaming/v1/StreamInit.ts';
import type { RuntimeInfo__Output } from '../types/containerd/containerd/types/RuntimeInfo.ts';
import type { RuntimeRequest, RuntimeRequest__Output } from '../types/containerd/containerd/types/RuntimeRequest.ts';
import type { AuthRequest__Output } from '../types/containerd/containerd/types/transfer/AuthRequest.ts';
import type { AuthResponse, AuthResponse__Output } from '../types/containerd/containerd/types/transfer/AuthResponse.ts';
import type { ImageStore, ImageStore__Output } from '../types/containerd/containerd/types/transfer/ImageStore.ts';
import type { OCIRegistry, OCIRegistry__Output } from '../types/containerd/containerd/types/transfer/OCIRegistry.ts';
import type { Progress__Output } from '../types/containerd/containerd/types/transfer/Progress.ts';
import type { Options as OtherOptions } from '../types/containerd/runtimeoptions/v1/Options.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { Any } from './any.ts';
import type { Definitions } from './definitions.ts';

const OCI = 'types.containerd.io/opencontainers/runtime-spec/1';

/** Type URLs whose bytes are JSON: containerd takes OCI's own documents as they are. */
export const JSON_TYPES = {
  /** OCI runtime config, of a container record. */
  spec: `${OCI}/Spec`,
  /** OCI process, of an exec. */
  process: `${OCI}/Process`,
  /** OCI linux.resources, of a task update. */
  linuxResources: `${OCI}/LinuxResources`,
} as const;

/** What is written into an Any, by type URL. */
export interface Encodable {
  'containerd.runc.v1.Options': Options;
  'containerd.services.streaming.v1.StreamInit': StreamInit;
  'containerd.types.RuntimeRequest': RuntimeRequest;
  'containerd.types.transfer.AuthResponse': AuthResponse;
  'containerd.types.transfer.ImageStore': ImageStore;
  'containerd.types.transfer.OCIRegistry': OCIRegistry;
  'runtimeoptions.v1.Options': OtherOptions;
  'google.protobuf.Empty': Record<string, never>;
}

/** What is read out of an Any, by type URL. */
export interface Decodable {
  'containerd.events.ContainerCreate': ContainerCreate__Output;
  'containerd.events.ContainerDelete': ContainerDelete__Output;
  'containerd.events.ContainerUpdate': ContainerUpdate__Output;
  'containerd.events.ContentCreate': ContentCreate__Output;
  'containerd.events.TaskCreate': TaskCreate__Output;
  'containerd.events.TaskDelete': TaskDelete__Output;
  'containerd.events.TaskExit': TaskExit__Output;
  'containerd.events.TaskOOM': TaskOOM__Output;
  'containerd.events.TaskStart': TaskStart__Output;
  'containerd.runc.v1.Options': Options__Output;
  // Upstream's image events live in the package of the images service, not in containerd.events.
  'containerd.services.images.v1.ImageCreate': ImageCreate__Output;
  'containerd.services.images.v1.ImageDelete': ImageDelete__Output;
  'containerd.services.images.v1.ImageUpdate': ImageUpdate__Output;
  'containerd.services.streaming.v1.StreamInit': StreamInit__Output;
  'containerd.types.RuntimeInfo': RuntimeInfo__Output;
  'containerd.types.RuntimeRequest': RuntimeRequest__Output;
  'containerd.types.transfer.AuthRequest': AuthRequest__Output;
  'containerd.types.transfer.AuthResponse': AuthResponse__Output;
  'containerd.types.transfer.ImageStore': ImageStore__Output;
  'containerd.types.transfer.OCIRegistry': OCIRegistry__Output;
  'containerd.types.transfer.Progress': Progress__Output;
}

/** An Any whose bytes are `value` as JSON. */
export function jsonAny(typeUrl: string, value: unknown): Any {
  return { typeUrl, value: Buffer.from(JSON.stringify(value)) };
}

/** What the JSON inside `any` says; `dataLoss` when it is no JSON. */
export function parseJsonAny(any: Any): unknown {
  try {
    return JSON.parse(any.value.toString('utf8'));
  } catch (error) {
    throw new CodedError('dataLoss', `read ${typeName(any.typeUrl)} as JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** The protobuf messages that travel inside an Any, to and from bytes. */
export class TypeUrls {
  readonly #definitions: Definitions;

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** Packs a message. The URL is the bare full name, without the `type.googleapis.com/` of other systems. */
  encode<U extends keyof Encodable>(typeUrl: U, message: Encodable[U]): Any {
    return { typeUrl, value: this.#find(typeUrl).serialize(message) };
  }

  /** Unpacks a message of a known type; `dataLoss` when it is another type or its bytes are broken. */
  decode<U extends keyof Decodable>(typeUrl: U, any: Any): Decodable[U] {
    const name = typeName(any.typeUrl);
    if (name !== typeUrl) {
      throw new CodedError('dataLoss', `read ${typeUrl}: it is ${name === '' ? 'of no type' : `a ${name}`}`);
    }
    try {
      return this.#find(typeUrl).deserialize(any.value) as Decodable[U];
    } catch (error) {
      throw new CodedError('dataLoss', `read ${typeUrl}: ${messageOf(error)}`, { cause: error });
    }
  }

  #find(typeUrl: string) {
    if (typeUrl === 'google.protobuf.Empty') return EMPTY;
    const definition = this.#definitions.message(typeUrl);
    if (definition === undefined) throw new CodedError('internal', `no message ${typeUrl} in proto/containerd`);
    return definition;
  }
}

const EMPTY = { serialize: () => Buffer.alloc(0), deserialize: () => ({}) };

/** The message's name: what follows the last slash, unless the URL is one of containerd's JSON types. */
function typeName(typeUrl: string): string {
  if (typeUrl.startsWith('types.containerd.io/')) return typeUrl;
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}
