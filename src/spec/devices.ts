import path from 'node:path';

import { invalidField } from '../lib/errors.ts';
import type { Device__Output } from '../types/cri/runtime/v1/Device.ts';
import type { OciDevice, OciDeviceRule } from './oci.ts';

/** A device node of the host, as stat tells. */
export interface HostDevice {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits only. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A CRI device and the nodes found at its host path, symlinks followed: one, or all those below a directory. */
export interface ResolvedDevice {
  readonly device: Device__Output;
  /** The host path with its symlinks followed. */
  readonly source: string;
  readonly nodes: readonly HostDevice[];
}

export interface DeviceSection {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

// mknod of anything, use of nothing; then the nodes that runc makes in every container, ptys and tun.
const defaultRules: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3], // null
    [1, 5], // zero
    [1, 7], // full
    [1, 8], // random
    [1, 9], // urandom
    [5, 0], // tty
    [5, 1], // console
    [5, 2], // ptmx
  ].map(([major = 0, minor = 0]): OciDeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/**
 * Device nodes and cgroup rules. Privileged: every device open, and the host's nodes all there, but for a user
 * namespace, where they'd belong to nobody. CRI permissions default to `rwm`.
 */
export function buildDevices(options: {
  readonly devices: readonly ResolvedDevice[];
  readonly hostDevices: readonly HostDevice[];
  readonly privileged: boolean;
  readonly inUserNamespace: boolean;
  /** Whose the asked devices are to be, where not the host's owner's. */
  readonly owner?: { readonly uid?: number; readonly gid?: number };
}): DeviceSection {
  const asked = options.devices.flatMap((resolved, at) =>
    resolved.nodes.map((node) => ({
      node: { ...toOciDevice(node, containerPathOf(resolved, node)), ...options.owner },
      access: deviceAccess(resolved.device, at),
    })),
  );
  const hosts = options.privileged && !options.inUserNamespace ? options.hostDevices : [];
  const byPath = new Map<string, OciDevice>();
  for (const device of hosts) byPath.set(device.path, toOciDevice(device, device.path));
  for (const { node } of asked) byPath.set(node.path, node);
  const rules: readonly OciDeviceRule[] = options.privileged
    ? [{ allow: true, access: 'rwm' }]
    : [...defaultRules, ...asked.map(({ node, access }) => toRule(node, access))];
  return { devices: [...byPath.values()], rules };
}

function containerPathOf({ device, source }: ResolvedDevice, node: HostDevice): string {
  const target = device.containerPath === '' ? device.hostPath : device.containerPath;
  return path.posix.resolve('/', target, path.posix.relative(source, node.path));
}

function toOciDevice(node: HostDevice, containerPath: string): OciDevice {
  const { type, major, minor, fileMode, uid, gid } = node;
  return { path: containerPath, type, major, minor, fileMode, uid, gid };
}

/** What a container may do with a device (CRI Device.permissions); `at` is its place in the request. */
export function deviceAccess(device: Device__Output, at: number): string {
  const access = device.permissions === '' ? 'rwm' : device.permissions;
  if (!/^[rwm]+$/u.test(access)) {
    throw invalidField(`config.devices[${at}].permissions`, access, `device ${device.hostPath}: only r, w and m`);
  }
  return access;
}

function toRule(node: OciDevice, access: string): OciDeviceRule {
  return { allow: true, type: node.type === 'b' ? 'b' : 'c', major: node.major, minor: node.minor, access };
}
