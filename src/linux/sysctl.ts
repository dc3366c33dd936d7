import { writeFileSync } from 'node:fs';
import { CodedError, errnoOf, invalidField, messageOf } from '../lib/errors.ts';

/**
 * The file of a sysctl. Names separate with dots or, as sysctl(8) has it, with slashes, where a dot is then part
 * of a name (`net/ipv4/conf/eth0.1/rp_filter`); the first separator decides. `invalidArgument` for anything else.
 */
export function sysctlPath(name: string): string {
  const slashes = /^[^./]*\//.test(name);
  const parts = slashes ? name.split('/') : name.split('.').map((part) => part.replaceAll('/', '.'));
  const bad = parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part) || part === '.' || part === '..');
  if (bad || parts.length < 2) throw invalidField('sysctl name', name, 'not the name of a sysctl');
  return `/proc/sys/${parts.join('/')}`;
}

/** The kind of namespace a sysctl belongs to, or undefined where it is the whole node's. */
export function sysctlNamespace(name: string): 'net' | 'ipc' | 'uts' | undefined {
  const file = sysctlPath(name).slice('/proc/sys/'.length);
  if (file.startsWith('net/')) return 'net';
  if (/^kernel\/(shm|msg|sem$|sem_)/.test(file) || file.startsWith('fs/mqueue/')) return 'ipc';
  return file === 'kernel/hostname' || file === 'kernel/domainname' ? 'uts' : undefined;
}

/**
 * Writes sysctls of the namespaces the calling thread is in, which is what /proc/sys shows it. A sysctl outside
 * of `kinds` is refused, as writing it would change the node. `invalidArgument` names the sysctl that is refused,
 * that does not exist there or that does not take its value.
 */
export function writeSysctls(sysctls: Readonly<Record<string, string>>, kinds: readonly string[]): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const owner = sysctlNamespace(name);
    if (owner === undefined || !kinds.includes(owner)) {
      throw invalidField('sysctl name', name, 'it belongs to no namespace of this sandbox but to the node');
    }
    try {
      writeFileSync(sysctlPath(name), value, { flag: 'r+' });
    } catch (error) {
      const why = errnoOf(error) === 'ENOENT' ? 'the kernel has no such sysctl here' : messageOf(error);
      throw new CodedError('invalidArgument', `write sysctl ${name}=${JSON.stringify(value)}: ${why}`, { cause: error });
    }
  }
}
