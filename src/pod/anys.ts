import type { OciSpec } from '../spec/oci.ts';
import { decodeJson, encodeJson } from '../spec/json.ts';
import type { Any } from './ports.ts';

/** Names under which containerd finds the OCI types (typeurl, without a host in front). */
export const specTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
export const processTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
export const linuxResourcesTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources';

/** A value as an Any whose bytes are JSON, as containerd carries all OCI types; 64-bit integers stay whole. */
export function jsonAny(typeUrl: string, value: unknown): Any {
  return { typeUrl, value: Buffer.from(encodeJson(value)) };
}

/** The OCI spec of a container's record. */
export function readSpec(spec: Any): OciSpec {
  return decodeJson(spec.value.toString('utf8')) as OciSpec;
}
