import { CodedError } from '../lib/errors.ts';
import type { IDMapping__Output } from '../types/cri/runtime/v1/IDMapping.ts';
import type { NamespaceOption__Output } from '../types/cri/runtime/v1/NamespaceOption.ts';
import type { OciIdMapping, OciNamespace } from './oci.ts';

/** Where the sandbox's namespaces are to be joined; a missing one is the host's. */
export interface SandboxNamespaces {
  readonly net?: string;
  readonly uts?: string;
  readonly ipc?: string;
  readonly user?: string;
  /** The pause container's, `/proc/<pid>/ns/pid`; only looked at where a container shares it. */
  readonly pid?: string;
}

/** The namespace section of `linux`, with the user namespace's mappings. */
export interface NamespaceSection {
  readonly namespaces: readonly OciNamespace[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
}

/**
 * A container's namespaces (CRI NamespaceOption). Network, UTS, IPC and user are the sandbox's whatever the
 * container says, as every peer has it (crictl's samples set them on the sandbox only); PID is the container's
 * own choice. A cgroup namespace hides the host's hierarchy, on cgroup v2 and from the unprivileged; on v1 it
 * would hide the controllers' mounts that old programs look for.
 */
export function containerNamespaces(options: {
  readonly sandbox: SandboxNamespaces;
  readonly sandboxOptions: NamespaceOption__Output | null;
  readonly containerOptions: NamespaceOption__Output | null;
  /** `/proc/<pid>/ns/pid` of the container that `target_id` names. */
  readonly targetPidPath?: string;
  readonly cgroupVersion: 1 | 2;
  readonly privileged: boolean;
}): NamespaceSection {
  const { sandbox, cgroupVersion, privileged } = options;
  return {
    namespaces: [
      ...pidNamespace(options),
      ...sharedNamespaces(sandbox),
      { type: 'mount' },
      ...(cgroupVersion === 2 && !privileged ? [{ type: 'cgroup' as const }] : []),
    ],
    ...userMappings(sandbox, options.sandboxOptions),
  };
}

/** The pause container's namespaces: the sandbox's, and as PID 1 one of its own unless the Pod is in the host's. */
export function pauseNamespaces(
  sandbox: SandboxNamespaces,
  sandboxOptions: NamespaceOption__Output | null,
): NamespaceSection {
  return {
    namespaces: [
      ...(sandboxOptions?.pid === 'NODE' ? [] : [{ type: 'pid' as const }]),
      ...sharedNamespaces(sandbox),
      { type: 'mount' },
    ],
    ...userMappings(sandbox, sandboxOptions),
  };
}

function sharedNamespaces(sandbox: SandboxNamespaces): OciNamespace[] {
  const joined: [OciNamespace['type'], string | undefined][] = [
    ['network', sandbox.net],
    ['ipc', sandbox.ipc],
    ['uts', sandbox.uts],
    ['user', sandbox.user],
  ];
  return joined.flatMap(([type, path]) => (path === undefined ? [] : [{ type, path }]));
}

function pidNamespace(options: {
  readonly sandbox: SandboxNamespaces;
  readonly sandboxOptions: NamespaceOption__Output | null;
  readonly containerOptions: NamespaceOption__Output | null;
  readonly targetPidPath?: string;
}): OciNamespace[] {
  // The proto's zero value is POD: no options at all mean the sandbox's PID namespace.
  const mode = options.containerOptions?.pid ?? 'POD';
  switch (mode) {
    case 'CONTAINER':
      return [{ type: 'pid' }];
    case 'NODE':
      return [];
    case 'TARGET':
      return [joinPid(options.targetPidPath, `container "${options.containerOptions?.targetId}" does not run`)];
    case 'POD':
      if (options.sandboxOptions?.pid === 'NODE') return [];
      return [joinPid(options.sandbox.pid, 'the sandbox has no pause container')];
  }
}

function joinPid(path: string | undefined, why: string): OciNamespace {
  if (path === undefined) throw new CodedError('failedPrecondition', `join a PID namespace: ${why}`);
  return { type: 'pid', path };
}

/**
 * The mappings of a sandbox's user namespace, none without one. runc from 1.2 on reads them from the namespace itself
 * and only warns of being told them; 1.1 needs them.
 */
export function userMappings(
  sandbox: SandboxNamespaces,
  sandboxOptions: NamespaceOption__Output | null,
): Pick<NamespaceSection, 'uidMappings' | 'gidMappings'> {
  const userns = sandboxOptions?.usernsOptions ?? null;
  if (sandbox.user === undefined || userns === null) return {};
  return { uidMappings: userns.uids.map(toOciIdMapping), gidMappings: userns.gids.map(toOciIdMapping) };
}

/** A CRI IDMapping in OCI's words. */
export function toOciIdMapping(map: IDMapping__Output): OciIdMapping {
  return { containerID: map.containerId, hostID: map.hostId, size: map.length };
}
