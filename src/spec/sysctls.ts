import { invalidField } from '../lib/errors.ts';
import type { NamespaceOption__Output } from '../types/cri/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';

/** A kernel parameter in the form of sysctl(8): `.` parts the segments, `/` stands for a dot inside one. */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

type SysctlNamespace = 'net' | 'ipc' | 'uts' | 'user';

// ipc_sysctl.c and mq_sysctl.c: what a new IPC namespace has of its own.
const ipcNames: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.msg_next_id',
  'kernel.sem',
  'kernel.sem_next_id',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_next_id',
  'kernel.shm_rmid_forced',
]);

/**
 * The sysctls to write inside a sandbox's namespaces: the Pod's own (CRI linux.sysctls) and, on a network of its
 * own, low ports and ping for all users, as containerd's CRI gives by default. The ping range names ids that a
 * user namespace doesn't map, so there it is left out. Sorted by name. Throws as `checkSysctls`.
 */
export function sandboxSysctls(config: PodSandboxConfig__Output): Sysctl[] {
  checkSysctls(config);
  const options = config.linux?.securityContext?.namespaceOptions ?? null;
  const all = new Map<string, string>();
  if (options?.network !== 'NODE') {
    all.set('net.ipv4.ip_unprivileged_port_start', '0');
    if (options?.usernsOptions?.mode !== 'POD') all.set('net.ipv4.ping_group_range', '0 2147483647');
  }
  for (const [name, value] of Object.entries(config.linux?.sysctls ?? {})) all.set(normalise(name), value);
  return [...all].map(([name, value]) => ({ name, value })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** invalidArgument for a sysctl whose name is malformed, or that isn't the Pod's own but the host's. */
export function checkSysctls(config: PodSandboxConfig__Output): void {
  const options = config.linux?.securityContext?.namespaceOptions ?? null;
  for (const [given, value] of Object.entries(config.linux?.sysctls ?? {})) {
    const name = normalise(given);
    const field = 'config.linux.sysctls';
    if (!isWellFormed(name)) throw invalidField(field, given, 'not the name of a sysctl, which looks like net.core.somaxconn');
    if (/[\0\n]/u.test(value)) throw invalidField(`${field}[${JSON.stringify(given)}]`, value, 'a value is one line');
    const namespace = namespaceOf(name);
    if (namespace === undefined) throw invalidField(field, given, 'not a namespaced sysctl: it would change the host');
    if (isHosts(namespace, options)) {
      throw invalidField(field, given, `the Pod shares the host's ${namespace} namespace: it would change the host`);
    }
  }
}

/** Where the first separator is a slash, sysctl(8) takes slashes and dots the other way round. */
function normalise(name: string): string {
  const first = /[./]/u.exec(name)?.[0];
  return first === '/' ? name.replaceAll(/[./]/gu, (mark) => (mark === '/' ? '.' : '/')) : name;
}

/** Segments of plain characters; never `.` or `..`, because a segment becomes a folder under /proc/sys. */
function isWellFormed(name: string): boolean {
  const segments = name.split('.');
  return name.length <= 253 && segments.length > 1 && segments.every((segment) => /^[\w-][\w/:@-]*$/u.test(segment));
}

function namespaceOf(name: string): SysctlNamespace | undefined {
  if (name.startsWith('net.')) return 'net';
  if (ipcNames.has(name) || name.startsWith('fs.mqueue.')) return 'ipc';
  if (name === 'kernel.domainname') return 'uts';
  return name.startsWith('user.') ? 'user' : undefined;
}

function isHosts(namespace: SysctlNamespace, options: NamespaceOption__Output | null): boolean {
  switch (namespace) {
    case 'net':
    case 'uts':
      return options?.network === 'NODE';
    case 'ipc':
      return options?.ipc === 'NODE';
    case 'user':
      return options?.usernsOptions?.mode !== 'POD';
  }
}
