import { isDeepStrictEqual } from 'node:util';

import { invalidField } from '../lib/errors.ts';
import type { IDMapping__Output } from '../types/cri/runtime/v1/IDMapping.ts';
import type { NamespaceOption__Output } from '../types/cri/runtime/v1/NamespaceOption.ts';
import type { UserNamespace__Output } from '../types/cri/runtime/v1/UserNamespace.ts';

const field = 'config.linux.security_context.namespace_options';
// 32 bits, of which the last number is nobody's.
const idCount = 0xff_ff_ff_ff;

/** invalidArgument for a mode that the CRI doesn't know or that a sandbox can't have (CRI NamespaceOption). */
export function checkSandboxNamespaces(options: NamespaceOption__Output | null): void {
  if (options === null) return;
  checkMode('network', options.network, ['POD', 'NODE']);
  checkMode('pid', options.pid, ['POD', 'CONTAINER', 'NODE']);
  checkMode('ipc', options.ipc, ['POD', 'NODE']);
  checkUserNamespace(options.usernsOptions);
}

/** As `checkSandboxNamespaces`, for a container; its user namespace has to be the sandbox's own. */
export function checkContainerNamespaces(
  options: NamespaceOption__Output | null,
  sandboxOptions: NamespaceOption__Output | null,
): void {
  checkMode('network', options?.network ?? 'POD', ['POD', 'NODE']);
  checkMode('pid', options?.pid ?? 'POD', ['POD', 'CONTAINER', 'NODE', 'TARGET']);
  checkMode('ipc', options?.ipc ?? 'POD', ['POD', 'NODE']);
  checkUserNamespace(options?.usernsOptions ?? null);
  if (options?.pid === 'TARGET' && options.targetId === '') {
    throw invalidField(`${field}.target_id`, '', 'pid TARGET needs the id of a container');
  }
  const own = ownMappings(options?.usernsOptions ?? null);
  if (!isDeepStrictEqual(own, ownMappings(sandboxOptions?.usernsOptions ?? null))) {
    throw invalidField(`${field}.userns_options`, options?.usernsOptions ?? null, "it differs from the sandbox's");
  }
}

function checkMode(name: string, mode: string, allowed: readonly string[]): void {
  if (!allowed.includes(mode)) throw invalidField(`${field}.${name}`, mode, `it can be ${allowed.join(', ')}`);
}

/** One range from container id 0 on, the same for users and groups: what peers and the kubelet agree on. */
function checkUserNamespace(userns: UserNamespace__Output | null): void {
  if (userns === null) return;
  checkMode('userns_options.mode', userns.mode, ['POD', 'NODE']);
  if (userns.mode === 'NODE') {
    if (userns.uids.length + userns.gids.length === 0) return;
    throw invalidField(`${field}.userns_options.uids`, userns.uids, 'mode NODE has no mappings');
  }
  checkMapping('uids', userns.uids);
  checkMapping('gids', userns.gids);
  if (!isDeepStrictEqual({ ...userns.uids[0] }, { ...userns.gids[0] })) {
    throw invalidField(`${field}.userns_options.gids`, userns.gids, 'it differs from uids');
  }
}

function checkMapping(name: string, maps: readonly IDMapping__Output[]): void {
  const [only, ...more] = maps;
  const path = `${field}.userns_options.${name}`;
  if (only === undefined || more.length > 0) throw invalidField(path, maps, 'exactly one mapping is supported');
  if (only.containerId !== 0) throw invalidField(path, maps, 'container id 0 has to be mapped');
  checkIdRanges(path, maps);
}

/** invalidArgument for a range of ids, named by `path`, that the kernel would not map (user_namespaces(7)). */
export function checkIdRanges(path: string, maps: readonly IDMapping__Output[]): void {
  for (const map of maps) {
    if (map.length === 0) throw invalidField(path, maps, 'its length is 0');
    const end = Math.max(map.hostId, map.containerId) + map.length;
    if (end > idCount) throw invalidField(path, maps, `it ends after ${idCount - 1}, the last id there is`);
  }
}

/** No options and mode NODE are one; plain copies, because decoded messages may carry prototypes. */
function ownMappings(userns: UserNamespace__Output | null): unknown {
  if (userns === null || userns.mode === 'NODE') return null;
  return { uids: userns.uids.map((map) => ({ ...map })), gids: userns.gids.map((map) => ({ ...map })) };
}
