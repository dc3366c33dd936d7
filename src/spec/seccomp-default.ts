import type { OciSeccomp, OciSyscallArg, OciSyscallRule } from './oci.ts';
import { isKernelAtLeast } from './kernel-version.ts';
import {
  commonSyscalls,
  seccompArchitectures,
  syscallsByCapability,
  tracingSyscalls,
} from './seccomp-syscalls.ts';

const enosys = 38;
const eperm = 1;

/** clone's flags that make a namespace: mount, cgroup, UTS, IPC, user, PID, network (linux/sched.h). */
const newNamespaceFlags =
  0x00_02_00_00 + 0x02_00_00_00 + 0x04_00_00_00 + 0x08_00_00_00 + 0x10_00_00_00 + 0x20_00_00_00 + 0x40_00_00_00;

// 0 and PER_LINUX32, each also with UNAME26, and the query: none weakens ASLR or mmap_min_addr.
const personalities: readonly number[] = [0x0, 0x8, 0x2_00_00, 0x2_00_08, 0xff_ff_ff_ff];

const afAlg = 38;
const afNfc = 39;
// KCM, QIPCRTR, SMC, XDP, MCTP; AF_VSOCK (40) is between them and NFC.
const familiesPastVsock: readonly number[] = [41, 42, 43, 44, 45];

/**
 * The RuntimeDefault profile: an allow list, EPERM for the rest, for a container with these bounding
 * capabilities. Kept out whatever it holds: kexec, keyrings, io_uring, userfaultfd, swap, nfsservctl, vm86 and
 * the obsolete; mounts and new namespaces without CAP_SYS_ADMIN.
 */
export function defaultSeccompProfile(
  bounding: readonly string[],
  host: { readonly seccompArch: string; readonly kernelVersion: string },
): OciSeccomp {
  const arch = seccompArchitectures.find(({ machine }) => machine === host.seccompArch);
  const allowed = new Set(commonSyscalls);
  const tracing = isKernelAtLeast(host.kernelVersion, '4.8') ? tracingSyscalls : [];
  for (const name of [...tracing, ...(arch?.ownSyscalls ?? [])]) allowed.add(name);
  for (const capability of bounding) {
    for (const name of syscallsByCapability[capability] ?? []) allowed.add(name);
  }
  const mayUnshare = bounding.includes('CAP_SYS_ADMIN');
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: eperm,
    // Without a list libseccomp filters the native ABI, and the kernel kills callers through any other.
    ...(arch === undefined ? {} : { architectures: arch.scmpNames }),
    syscalls: [
      { names: [...allowed].toSorted(), action: 'SCMP_ACT_ALLOW' },
      ...socketRules(),
      ...personalities.map((value) => allowWhen('personality', { index: 0, value, op: 'SCMP_CMP_EQ' })),
      ...(mayUnshare ? [] : cloneRules()),
    ],
  };
}

/**
 * socket() by address family: all but AF_ALG (the kernel's crypto API, attack surface without a use) and AF_VSOCK
 * (reaches host and VMs past the network namespace). The argument is an int in a 64-bit register, so a rule
 * like "not 40" or "above 40" would let 2^32 + 40 by: only "less than" and "equal" hold.
 */
function socketRules(): OciSyscallRule[] {
  return [
    allowWhen('socket', { index: 0, value: afAlg, op: 'SCMP_CMP_LT' }),
    ...[afNfc, ...familiesPastVsock].map((value) => allowWhen('socket', { index: 0, value, op: 'SCMP_CMP_EQ' })),
  ];
}

/** clone3's flags are behind a pointer, so it is denied as if the kernel lacked it: libc falls back to clone. */
function cloneRules(): OciSyscallRule[] {
  return [
    allowWhen('clone', { index: 0, value: newNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
  ];
}

function allowWhen(name: string, arg: OciSyscallArg): OciSyscallRule {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [arg] };
}
