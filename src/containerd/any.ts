import type { Any__Output } from '../types/containerd/google/protobuf/Any.ts';

/** A message of any type: what it is, and its bytes. */
export interface Any {
  readonly typeUrl: string;
  readonly value: Buffer;
}

/**
 * Ours to protobufjs'. Its Any has `type_url` also where every other field is camel case, and drops a
 * `typeUrl` without a word, which leaves an Any of no type in containerd: so none is passed around unconverted.
 */
export function toWireAny(any: Any): { type_url: string; value: Buffer };
export function toWireAny(any: Any | undefined): { type_url: string; value: Buffer } | null;
export function toWireAny(any: Any | undefined): { type_url: string; value: Buffer } | null {
  return any === undefined ? null : { type_url: any.typeUrl, value: any.value };
}

/** protobufjs' to ours; an absent one is an Any of no type. */
export function fromWireAny(any: Any__Output | null): Any {
  return { typeUrl: any?.type_url ?? '', value: any?.value ?? Buffer.alloc(0) };
}

/** As `fromWireAny`, undefined for one that is absent or of no type. */
export function optionalAny(any: Any__Output | null): Any | undefined {
  return any === null || any.type_url === '' ? undefined : fromWireAny(any);
}

/** Each value of a map of ours, for the wire. */
export function toWireAnys(
  anys: Readonly<Record<string, Any>> | undefined,
): Record<string, { type_url: string; value: Buffer }> {
  return Object.fromEntries(Object.entries(anys ?? {}).map(([name, any]) => [name, toWireAny(any)]));
}

/** Each value of a map from the wire, as ours. */
export function fromWireAnys(anys: Readonly<Record<string, Any__Output>>): Record<string, Any> {
  return Object.fromEntries(Object.entries(anys).map(([name, any]) => [name, fromWireAny(any)]));
}
