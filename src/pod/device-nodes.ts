import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Undo } from '../lib/undo.ts';
import type { OciDevice, OciIdMapping, OciMount, OciSpec } from '../spec/oci.ts';
import { releaseViews } from './image-views.ts';
import type { Parts } from './parts.ts';

type DeviceParts = Pick<Parts, 'folders' | 'kernel' | 'containerd'>;

const viewName = 'devices';

/** Those that an OCI runtime makes in every container by itself (config-linux.md "Default Devices"), in its own way. */
const ofRuntime = new Set(['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console', 'ptmx'].map((name) => `/dev/${name}`));

/**
 * Gives a container in a user namespace its devices, under the paths and with the owners that they have elsewhere.
 * Nobody can make device nodes in there, so runc binds what the host has at the same path: nothing, or another device,
 * where the container is to have one elsewhere, and in any case one that is nobody's inside. So the nodes are made
 * here, for the ids that the Pod maps, and bound. They go with the container's image volumes, by `releaseViews`.
 */
export async function shiftDevices(parts: DeviceParts, id: string, spec: OciSpec, undo: Undo): Promise<OciSpec> {
  const { devices = [], uidMappings = [], gidMappings = [], ...linux } = spec.linux;
  const taken = new Set([...ofRuntime, ...spec.mounts.map(({ destination }) => destination)]);
  // A /dev of the host's own has the host's nodes, and runc adds none to it.
  const isDevOwn = spec.mounts.some(({ destination, type }) => destination === '/dev' && type === 'bind');
  const shown = isDevOwn ? [] : devices.filter((device) => !taken.has(path.posix.resolve('/', device.path)));
  if (uidMappings.length === 0 || shown.length === 0) return spec;
  const folder = path.join(parts.folders.imageViews(id), viewName);
  undo.push('unmount the device nodes', () => releaseViews(parts, id, [], [viewName]));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const nodes = shown.map((device) => ({ ...device, uid: hostId(uidMappings, device.uid), gid: hostId(gidMappings, device.gid) }));
  await parts.kernel.makeDeviceNodes(folder, nodes, linux.mountLabel);
  const mounts = shown.map((device, n) => bindNode(device, path.join(folder, String(n))));
  const left = devices.filter((device) => ofRuntime.has(device.path));
  return {
    ...spec,
    mounts: [...spec.mounts, ...mounts],
    linux: { ...linux, uidMappings, gidMappings, ...(left.length === 0 ? {} : { devices: left }) },
  };
}

/**
 * The id on the host of one inside, of which a base spec may say nothing. One that the Pod does not map can be nobody's
 * inside, as the host's root is.
 */
export function hostId(mappings: readonly OciIdMapping[], id = 0): number {
  const map = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return map === undefined ? 0 : map.hostID + id - map.containerID;
}

function bindNode(device: OciDevice, source: string): OciMount {
  return { destination: device.path, type: 'bind', source, options: ['bind', 'rprivate'] };
}
