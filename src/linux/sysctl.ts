import { writeFileSync } from 'node:fs';
import { CodedError, errnoOf, invalidField, messageOf } from '../lib/errors.ts';
import { setThreadEffectiveUid } from './libc.ts';

/** The request's field that sysctls come from; messages name it. */
const field = 'config.linux.sysctls';

/**
 * The file of a sysctl. Names separate with dots or, as sysctl(8) has it, with slashes, where a dot is then part
 * of a name (`net/ipv4/conf/eth0.1/rp_filter`); the first separator decides. `invalidArgument` for anything else.
 */
export function sysctlPath(name: string): string {
  const slashes = /^[^./]*\//.test(name);
  const parts = slashes ? name.split('/') : name.split('.').map((part) => part.replaceAll('/', '.'));
  const bad = parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part) || part === '.' || part === '..');
  if (bad || parts.length < 2) throw invalidField(field, name, 'not the name of a sysctl');
  return `/proc/sys/${parts.join('/')}`;
}

/** The kind of namespace a sysctl belongs to, or undefined where it is the whole node's. */
export function sysctlNamespace(name: string): 'net' | 'ipc' | 'uts' | 'user' | undefined {
  const file = sysctlPath(name).slice('/proc/sys/'.length);
  if (file.startsWith('net/')) return 'net';
  if (file.startsWith('user/')) return 'user';
  if (/^kernel\/(shm|msg|sem$|sem_)/.test(file) || file.startsWith('fs/mqueue/')) return 'ipc';
  return file === 'kernel/hostname' || file === 'kernel/domainname' ? 'uts' : undefined;
}

/**
 * Writes sysctls of the namespaces the calling thread is in, which is what /proc/sys shows it. A sysctl outside
 * of `kinds` is refused, as writing it would change the node. `invalidArgument` names the sysctl that is refused,
 * that does not exist there or that does not take its value. `rootUid` is the node's id of the namespaces' root.
 */
export function writeSysctls(sysctls: Readonly<Record<string, string>>, kinds: readonly string[], rootUid = 0): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const owner = sysctlNamespace(name);
    if (owner === undefined || !kinds.includes(owner)) {
      throw invalidField(field, name, 'it belongs to no namespace of this sandbox but to the node');
    }
    try {
      writeSysctl(sysctlPath(name), value, rootUid);
    } catch (error) {
      throw refusedSysctl(name, value, errnoOf(error) === 'ENOENT' ? noSuchSysctl : messageOf(error), error);
    }
  }
}

/** Why a sysctl whose file is missing cannot be written. */
export const noSuchSysctl = 'the kernel has no such sysctl here';

/** The `invalidArgument` for a sysctl that the kernel does not take. */
export function refusedSysctl(name: string, value: string, why: string, cause?: unknown): CodedError {
  return new CodedError('invalidArgument', `${field}[${JSON.stringify(name)}] is ${JSON.stringify(value)}: ${why}`, { cause });
}

// IPC's sysctls ask who the writer is and not what it may do: below a user namespace only its own root will do.
function writeSysctl(file: string, value: string, rootUid: number): void {
  try {
    writeFileSync(file, value, { flag: 'r+' });
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' || rootUid === 0) throw error;
    asThreadUser(rootUid, () => writeFileSync(file, value, { flag: 'r+' }));
  }
}

function asThreadUser(uid: number, act: () => void): void {
  const own = process.geteuid?.() ?? 0;
  setThreadEffectiveUid(uid);
  try {
    act();
  } finally {
    try {
      setThreadEffectiveUid(own);
    } catch {
      process.abort(); // A daemon whose main thread is nobody could do nothing right any more.
    }
  }
}
