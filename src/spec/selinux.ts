import { invalidField } from '../lib/errors.ts';
import type { SELinuxOption__Output } from '../types/cri/runtime/v1/SELinuxOption.ts';
import { isImageVolume, type MountInput, type ResolvedMount } from './mounts.ts';

/** A container's labels, `user:role:type:level` each; the process's is empty where it isn't confined. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

/** The labels that a node's policy has for containers, without the level that tells Pods apart. */
export interface SelinuxPolicy {
  readonly process: string;
  readonly file: string;
}

type Options = SELinuxOption__Output | null;

const field = 'config.linux.security_context.selinux_options';
const levelForm = /^s\d+(?:-s\d+)?(?::c\d+(?:\.c\d+)?(?:,c\d+(?:\.c\d+)?)*)?(?:-s\d+(?::c[\d.,c]+)?)?$/u;
/** Categories of a Pod's level are two of these: policies know c0 to c1023. */
const categories = 1024;
const alone = 's0';

/**
 * Folders of the system itself, whose labels the node's own programs live by (the list is go-selinux's, so that no
 * runtime spoils what another spares). What lies below them may be relabelled.
 */
const systemFolders = new Set(
  ['', 'bin', 'boot', 'dev', 'etc', 'etc/passwd', 'etc/pki', 'etc/shadow', 'home', 'lib', 'lib64', 'media', 'opt', 'proc']
    .concat('root', 'run', 'sbin', 'srv', 'sys', 'tmp', 'usr', 'var', 'var/lib', 'var/log')
    .map((folder) => `/${folder}`),
);

/** The policy for containers from a `contexts/lxc_contexts` file; undefined where it has none. */
export function parseLxcContexts(text: string): SelinuxPolicy | undefined {
  const entries = text.split('\n').map((line) => /^\s*(\w+)\s*=\s*"?([^"]*?)"?\s*$/u.exec(line));
  const labels = new Map(entries.flatMap((entry) => (entry === null ? [] : [[entry[1], entry[2]] as const])));
  const [process, file] = [labels.get('process'), labels.get('file')];
  return process === undefined || file === undefined ? undefined : { process, file };
}

/**
 * invalidArgument for options of which no label could be made. It holds where SELinux is off too: such a Pod would
 * run here and nowhere else.
 */
export function checkSelinuxOptions(options: Options): void {
  if (options === null) return;
  for (const part of ['user', 'role', 'type'] as const) {
    const value = options[part];
    if (!/^[\w.-]*$/u.test(value)) throw invalidField(`${field}.${part}`, value, 'a name has letters, digits, "_", "." and "-"');
  }
  const { level } = options;
  if (level !== '' && !levelForm.test(level)) throw invalidField(`${field}.level`, level, 'a level looks like s0:c1,c2');
}

/**
 * The level by which a Pod's processes and files are told from all other Pods': the one it asks for, or two
 * categories that no other has. `random` is from 0 to below 1. Undefined where SELinux is off.
 */
export function podLevel(
  options: Options,
  policy: SelinuxPolicy | undefined,
  taken: ReadonlySet<string>,
  random: () => number = Math.random,
): string | undefined {
  if (policy === undefined) return undefined;
  if (options !== null && options.level !== '') return options.level;
  const pairs = (categories * (categories - 1)) / 2;
  const start = Math.floor(random() * pairs);
  // One more try than there are levels in use finds a free one.
  for (let at = start; at <= start + taken.size; at += 1) {
    const level = pairLevel(at % pairs);
    if (!taken.has(level)) return level;
  }
  return pairLevel(start);
}

/**
 * A container's labels from CRI selinux_options over the policy's, at its Pod's level, which its containers share
 * so that they can share volumes. Undefined where SELinux is off or its policy knows no containers: then the
 * options ask for nothing, as every runtime has it, and Pods that carry them for other nodes run.
 * A privileged container's process isn't confined, but its files are labelled.
 */
export function selinuxLabels(
  options: Options,
  policy: SelinuxPolicy | undefined,
  level: string | undefined,
  privileged: boolean,
): SelinuxLabels | undefined {
  checkSelinuxOptions(options);
  if (policy === undefined) return undefined;
  const own = options?.level || (level ?? alone);
  const process = labelParts(policy.process);
  const file = labelParts(policy.file);
  const user = options?.user || process.user;
  return {
    process: privileged ? '' : [user, options?.role || process.role, options?.type || process.type, own].join(':'),
    mount: [options?.user || file.user, file.role, file.type, own].join(':'),
  };
}

/**
 * What of a container's mounts gets its label: CRI mounts with selinux_relabel, the Pod's own files, and the image's
 * VOLUMEs. invalidArgument for a folder of the system.
 */
export function relabelledPaths(input: Pick<MountInput, 'files' | 'declaredVolumes' | 'mounts'>, hostIpc: boolean): string[] {
  const { hosts, hostname, resolvConf, shm } = input.files;
  const files = [hosts, hostname, resolvConf, hostIpc ? undefined : shm].filter((file) => file !== undefined);
  const asked = input.mounts.flatMap((mount, at) => (asksForRelabel(mount) ? [relabelled(mount, at)] : []));
  return [...files, ...input.declaredVolumes.map(({ source }) => source), ...asked];
}

/** An image's files are read-only, and every container may read them as they are. */
function asksForRelabel({ mount }: ResolvedMount): boolean {
  return mount.selinuxRelabel && !isImageVolume(mount);
}

function relabelled({ mount, source }: ResolvedMount, at: number): string {
  if (!systemFolders.has(source)) return source;
  throw invalidField(
    `config.mounts[${at}].selinux_relabel`,
    true,
    `"${mount.hostPath}" is a folder of the system, which needs the labels it has`,
  );
}

/** The nth of all pairs c<d, by the lower triangle of a square. */
function pairLevel(n: number): string {
  const high = Math.floor((1 + Math.sqrt(1 + 8 * n)) / 2);
  return `${alone}:c${n - (high * (high - 1)) / 2},c${high}`;
}

function labelParts(label: string): { readonly user: string; readonly role: string; readonly type: string } {
  const [user = '', role = '', type = ''] = label.split(':');
  return { user, role, type };
}
