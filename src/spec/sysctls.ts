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
 * The sysctls to write when a sandbox's namespaces are made: the Pod's own (CRI linux.sysctls) and, on a network of its
 * own, low ports and ping for all users, as containerd's CRI gives by default. The ping range names ids that a
 * user namespace doesn't map, so there it is left out. Those of interfaces that CNI has yet to make are in
 * `networkSysctls` only. Sorted by name. Throws as `checkSysctls`.
 */
export function sandboxSysctls(config: PodSandboxConfig__Output): Sysctl[] {
  const options = config.linux?.securityContext?.namespaceOptions ?? null;
  const all = new Map<string, string>();
  if (options?.network !== 'NODE') {
    all.set('net.ipv4.ip_unprivileged_port_start', '0');
    if (options?.usernsOptions?.mode !== 'POD') all.set('net.ipv4.ping_group_range', '0 2147483647');
  }
  for (const { name, value } of askedSysctls(config)) if (!isOfInterface(name)) all.set(name, value);
  return sorted(all);
}

/**
 * What the Pod asks of its network, to be written once it is on it. Written before, it may not hold: plugins set
 * forwarding and more as they like (Calico turns `ip_forward` off), and the Pod's interface is not there yet.
 */
export function networkSysctls(config: PodSandboxConfig__Output): Sysctl[] {
  return askedSysctls(config).filter(({ name }) => namespaceOf(name) === 'net');
}

/** All of these, as a kernel of the Pod's own takes them when it starts. */
export function guestSysctls(config: PodSandboxConfig__Output): Sysctl[] {
  const all = [...sandboxSysctls(config), ...networkSysctls(config)];
  return sorted(new Map(all.map(({ name, value }) => [name, value])));
}

/** The Pod's own sysctls under one spelling each, sorted by name. Throws as `checkSysctls`. */
function askedSysctls(config: PodSandboxConfig__Output): Sysctl[] {
  checkSysctls(config);
  return sorted(new Map(Object.entries(config.linux?.sysctls ?? {}).map(([name, value]) => [normalise(name), value])));
}

function sorted(sysctls: ReadonlyMap<string, string>): Sysctl[] {
  return [...sysctls].map(([name, value]) => ({ name, value })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a sysctl is one interface's, and not of `lo` or the two that stand for many, which every network has. */
function isOfInterface(name: string): boolean {
  const [, kind] = /^net\.[\w-]+\.(?:conf|neigh)\.([^.]+)\./u.exec(name) ?? [];
  return kind !== undefined && !['all', 'default', 'lo'].includes(kind);
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
