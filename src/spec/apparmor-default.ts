import { defaultApparmorProfile } from './apparmor.ts';

/** The policy version that the text is written for, as a file below /etc/apparmor.d. */
export const apparmorAbi = 'abi/3.0';

/** Who may always signal a container: processes that are not confined, and the OCI runtimes that Ubuntu has profiles for. */
const knownPeers = ['unconfined', 'runc', 'crun'];

/**
 * The text of podwright's default profile, for apparmor_parser(8): what containerd's CRI and CRI-O allow and deny
 * with theirs, apparmor.d(5) being the language. `daemons` are the labels of podwright and containerd, which end
 * containers. `hasAbi` says whether `apparmorAbi` is there: without that line a newer parser would also apply kinds
 * of rules that no Pod was written for.
 *
 * Nothing is included, so neither the distribution nor an administrator's changes make it another profile. Where
 * `[^x]` repeats a prefix letter by letter, it says "all but": a deny rule cannot be taken back by an allow rule.
 */
export function defaultProfileText({ daemons, hasAbi }: { readonly daemons: readonly string[]; readonly hasAbi: boolean }): string {
  const peers = new Set([...knownPeers, ...daemons.map(peerPattern)]);
  return `${hasAbi ? `abi <${apparmorAbi}>,\n` : ''}
profile ${defaultApparmorProfile} flags=(attach_disconnected, mediate_deleted) {
  # Capabilities, the seccomp filter and the owners of files decide about these.
  capability,
  file,
  network,
  unix,
  umount,

  # Who may end a container, or look at it. Its processes may do so among themselves.
${[...peers].map((peer) => `  signal (receive) peer="${peer}",`).join('\n')}
  signal (send, receive) peer=${defaultApparmorProfile},
  signal (send, receive) set=(exists),
  ptrace (readby, tracedby),
  ptrace (read, trace) peer=${defaultApparmorProfile},

  # No mounts, also with CAP_SYS_ADMIN.
  deny mount,

  # In /proc only processes, and what belongs to a Pod's IPC namespace.
  deny /proc/[^0-9s]** w,
  deny /proc/s[^y]** w,
  deny /proc/sy[^s]** w,
  deny /proc/sys[^/]** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/k[^e]** w,
  deny /proc/sys/kernel/[^s]** w,
  deny /proc/sys/kernel/s[^h]** w,
  deny /proc/sys/kernel/sh[^m]** w,
  deny /proc/kcore rwklx,
  deny /proc/sysrq-trigger rwklx,

  # In /sys only cgroups.
  deny /sys/[^f]** wklx,
  deny /sys/f[^s]** wklx,
  deny /sys/fs/[^c]** wklx,
  deny /sys/fs/c[^g]** wklx,
  deny /sys/fs/cg[^r]** wklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/firmware/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
}

/** A label as a pattern for a rule: what has a meaning there, or might have, stands for any one character. */
function peerPattern(label: string): string {
  return label.replaceAll(/[^\w./-]/gu, '?');
}
