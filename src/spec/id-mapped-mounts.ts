import { invalidField } from '../lib/errors.ts';
import type { IDMapping__Output } from '../types/cri/runtime/v1/IDMapping.ts';
import type { Mount__Output } from '../types/cri/runtime/v1/Mount.ts';
import { toOciIdMapping } from './namespaces.ts';
import type { OciMount } from './oci.ts';
import { checkIdRanges } from './validate-namespaces.ts';

/** The ids of users and groups that a mount shows in the place of others; none of either where it shows them as they are. */
export interface IdMappings {
  readonly uids: readonly IDMapping__Output[];
  readonly gids: readonly IDMapping__Output[];
}

/**
 * invalidArgument for mappings that no host could give a mount (CRI Mount.uidMappings, gidMappings): of users or of
 * groups alone, or of ids that there are not. `at` is the mount's place in the request.
 */
export function checkIdMappings(mount: Mount__Output, at: number): void {
  const { uidMappings, gidMappings } = mount;
  if (isIdMapped(mount) && (uidMappings.length === 0 || gidMappings.length === 0)) {
    const name = uidMappings.length === 0 ? 'uidMappings' : 'gidMappings';
    throw invalidField(`config.mounts[${at}].${name}`, [], `the mount at ${mount.containerPath} needs mappings of both users and groups, or none`);
  }
  checkIdRanges(`config.mounts[${at}].uidMappings`, uidMappings);
  checkIdRanges(`config.mounts[${at}].gidMappings`, gidMappings);
}

/** invalidArgument for a mount that is to be id-mapped on a host where none can; `at` as in `checkIdMappings`. */
export function requireIdMapSupport(mount: Mount__Output, at: number, idMapSupported: boolean): void {
  if (!isIdMapped(mount) || idMapSupported) return;
  throw invalidField(`config.mounts[${at}].uidMappings`, mount.uidMappings, 'kernel or OCI runtime lack id-mapped mounts');
}

/** What an OCI mount has of mappings: nothing where there are none. */
export function ociIdMappings(maps: IdMappings | undefined): Pick<OciMount, 'uidMappings' | 'gidMappings'> {
  if (maps === undefined || (maps.uids.length === 0 && maps.gids.length === 0)) return {};
  return { uidMappings: maps.uids.map(toOciIdMapping), gidMappings: maps.gids.map(toOciIdMapping) };
}

function isIdMapped({ uidMappings, gidMappings }: Mount__Output): boolean {
  return uidMappings.length > 0 || gidMappings.length > 0;
}
