import { invalidField } from '../lib/errors.ts';
import type { Capability__Output } from '../types/cri/runtime/v1/Capability.ts';
import type { OciCapabilities } from './oci.ts';

// In the kernel's order: a capability's number is its place (include/uapi/linux/capability.h).
const kernelCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** What a container has unless it asks otherwise: the set that Docker chose and Kubernetes documents. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SYS_CHROOT',
  'CAP_MKNOD',
  'CAP_AUDIT_WRITE',
  'CAP_SETFCAP',
];

/**
 * Everything a container can be given: what the kernel knows (up to `lastCap`) and the daemon itself has
 * (`ownCaps`, a CapBnd mask), since runc can't raise what its parent lacks.
 */
export function grantableCapabilities(host: { readonly lastCap: number; readonly ownCaps?: bigint }): string[] {
  const own = host.ownCaps;
  return kernelCapabilities.filter(
    (_name, bit) => bit <= host.lastCap && (own === undefined || ((own >> BigInt(bit)) & 1n) === 1n),
  );
}

/**
 * A process's capability sets (CRI Capability). ALL in `add` or `drop` sets the stage, ALL in `drop` winning;
 * then the named ones are added, then the named ones dropped. `add_ambient` is added to every set, or a
 * program started as another user would lose it again. Inheritable is otherwise left empty (CVE-2022-24769).
 * Privileged has all, of which the ambient ones are raised too. invalidArgument for a name no kernel knows.
 */
export function buildCapabilities(
  capabilities: Capability__Output | null,
  privileged: boolean,
  grantable: readonly string[],
): OciCapabilities {
  const ambient = namesOf('add_ambient_capabilities', capabilities?.addAmbientCapabilities ?? []);
  const isRaised = (name: string): boolean => ambient.all || ambient.names.includes(name);
  if (privileged) return sets(grantable, grantable.filter(isRaised));
  const add = namesOf('add_capabilities', capabilities?.addCapabilities ?? []);
  const drop = namesOf('drop_capabilities', capabilities?.dropCapabilities ?? []);
  const asksForAny = [add, drop, ambient].some(({ all, names }) => all || names.length > 0);
  if (!asksForAny) return defaultSets;

  let granted = new Set(defaultCapabilities);
  if (add.all) granted = new Set(grantable);
  if (drop.all) granted = new Set();
  for (const name of [...add.names, ...ambient.names]) granted.add(name);
  for (const name of drop.names) granted.delete(name);

  return sets(inKernelOrder(granted), inKernelOrder(granted).filter(isRaised));
}

function sets(granted: readonly string[], ambient: readonly string[]): OciCapabilities {
  const base = { bounding: granted, effective: granted, permitted: granted };
  return ambient.length === 0 ? base : { ...base, inheritable: ambient, ambient };
}

function inKernelOrder(names: ReadonlySet<string>): string[] {
  return kernelCapabilities.filter((name) => names.has(name));
}

const defaultSets = sets(inKernelOrder(new Set(defaultCapabilities)), []);

function namesOf(field: string, given: readonly string[]): { all: boolean; names: string[] } {
  const names = given.map((name) => canonicalName(`config.linux.security_context.capabilities.${field}`, name));
  return { all: names.includes('ALL'), names: names.filter((name) => name !== 'ALL') };
}

/** `net_admin`, `NET_ADMIN` and `CAP_NET_ADMIN` are one; the CRI writes it without the prefix. */
function canonicalName(field: string, given: string): string {
  const upper = given.toUpperCase();
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (name === 'CAP_ALL') return 'ALL';
  if (!kernelCapabilities.includes(name)) throw invalidField(field, given, 'no such capability; see capabilities(7), ALL stands for all of them');
  return name;
}
