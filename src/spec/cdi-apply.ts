import path from 'node:path';
import type { CdiDeviceNode, CdiEdits, CdiHook, CdiMount } from './cdi-file.ts';
import type { OciDevice, OciDeviceRule, OciHooks, OciMount, OciSpec } from './oci.ts';
import { mergeEnv } from './process.ts';

/** Edits whose device nodes are known in full. */
export interface ResolvedEdits extends CdiEdits {
  readonly deviceNodes: readonly KnownDeviceNode[];
}

export interface KnownDeviceNode extends CdiDeviceNode {
  readonly type: 'b' | 'c' | 'u' | 'p';
}

/** Applies CDI edits to a spec, one after the other (CDI SPEC.md "OCI Edits"). What they bring replaces what is at its path. */
export function applyCdiEdits(spec: OciSpec, edits: readonly ResolvedEdits[]): OciSpec {
  return edits.reduce(applyOne, spec);
}

function applyOne(spec: OciSpec, edits: ResolvedEdits): OciSpec {
  const { process, linux } = spec;
  const devices = edits.deviceNodes.map((node) => toOciDevice(node, process.user));
  const rules = edits.deviceNodes.flatMap(toRule);
  const gids = new Set([...(process.user.additionalGids ?? []), ...edits.additionalGids.filter((gid) => gid !== 0)]);
  const netDevices = Object.fromEntries(edits.netDevices.map(({ hostInterfaceName, name }) => [hostInterfaceName, { name }]));
  return {
    ...spec,
    process: {
      ...process,
      env: mergeEnv([...process.env, ...edits.env]),
      user: edits.additionalGids.length === 0 ? process.user : { ...process.user, additionalGids: [...gids] },
    },
    mounts: withMounts(spec, edits.mounts),
    ...(edits.hooks.length === 0 ? {} : { hooks: withHooks(spec.hooks ?? {}, edits.hooks) }),
    linux: {
      ...linux,
      resources: { ...linux.resources, devices: [...(linux.resources.devices ?? []), ...rules] },
      ...(devices.length === 0 ? {} : { devices: withDevices(linux.devices ?? [], devices) }),
      ...(edits.netDevices.length === 0 ? {} : { netDevices: { ...linux.netDevices, ...netDevices } }),
      ...(edits.intelRdt === undefined ? {} : { intelRdt: edits.intelRdt }),
    },
  };
}

/** A node that says nothing of its owner belongs to the container's user, or that user could not open it. */
function toOciDevice(node: KnownDeviceNode, user: { readonly uid: number; readonly gid: number }): OciDevice {
  const { type, major, minor, fileMode } = node;
  return {
    path: node.path,
    type,
    major,
    minor,
    ...(fileMode === undefined ? {} : { fileMode }),
    uid: node.uid ?? user.uid,
    gid: node.gid ?? user.gid,
  };
}

function toRule({ type, major, minor, permissions }: KnownDeviceNode): OciDeviceRule[] {
  if (type === 'p' || permissions === 'none') return [];
  return [{ allow: true, type: type === 'b' ? 'b' : 'c', major, minor, access: permissions === '' ? 'rwm' : permissions }];
}

function withDevices(before: readonly OciDevice[], added: readonly OciDevice[]): OciDevice[] {
  const byPath = new Map([...before, ...added].map((device) => [device.path, device]));
  return [...byPath.values()];
}

function withMounts(spec: OciSpec, added: readonly CdiMount[]): readonly OciMount[] {
  if (added.length === 0) return spec.mounts;
  const inUserNamespace = spec.linux.namespaces.some(({ type }) => type === 'user');
  const mounts = new Map(spec.mounts.map((mount) => [path.posix.resolve('/', mount.destination), mount]));
  for (const mount of added) {
    const destination = path.posix.resolve('/', mount.containerPath);
    mounts.delete(destination);
    mounts.set(destination, toOciMount(mount, destination, inUserNamespace));
  }
  // Parents before what lies in them, and else in the order they were in.
  return [...mounts.values()].toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

function toOciMount(mount: CdiMount, destination: string, inUserNamespace: boolean): OciMount {
  const type = mount.type === '' ? 'bind' : mount.type;
  const isMapped = mount.options.some((option) => option === 'idmap' || option === 'ridmap');
  const saysBind = mount.options.some((option) => option === 'bind' || option === 'rbind');
  // To runc it is the option that makes a bind mount, and not the type: it would look for a file system named "bind".
  const options = type === 'bind' && !saysBind ? [...mount.options, 'bind'] : mount.options;
  const isBind = saysBind || type === 'bind';
  const map = inUserNamespace && isBind && !isMapped ? [options.includes('rbind') ? 'ridmap' : 'idmap'] : [];
  return { destination, type, source: mount.hostPath, options: [...options, ...map] };
}

function depth(destination: string): number {
  const clean = path.posix.resolve('/', destination);
  return clean === '/' ? 0 : clean.split('/').length;
}

function withHooks(before: OciHooks, added: readonly CdiHook[]): OciHooks {
  return added.reduce<OciHooks>((hooks, { hookName, args, env, ...hook }) => {
    const oci = { ...hook, ...(args.length === 0 ? {} : { args }), ...(env.length === 0 ? {} : { env }) };
    return { ...hooks, [hookName]: [...(hooks[hookName] ?? []), oci] };
  }, before);
}
