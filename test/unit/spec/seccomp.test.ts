import assert from 'node:assert/strict';

import { defaultCapabilities } from '../../../src/spec/capabilities.ts';
import type { OciSeccomp, OciSyscallRule } from '../../../src/spec/oci.ts';
import { defaultSeccompProfile } from '../../../src/spec/seccomp-default.ts';
import { buildSeccomp, chooseSeccomp, seccompFile, type SeccompFields } from '../../../src/spec/seccomp.ts';
import { host, invalid } from './fixtures.ts';

const fields = (over: Partial<SeccompFields>): SeccompFields => ({
  privileged: false,
  seccomp: null,
  seccompProfilePath: '',
  ...over,
});
const profile = (profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost', localhostRef = '') => ({
  profileType,
  localhostRef,
});

function rulesOf(seccomp: OciSeccomp, name: string): OciSyscallRule[] {
  return seccomp.syscalls.filter(({ names }) => names.includes(name));
}

/** Whether a call is allowed whatever its arguments. */
function isOpen(seccomp: OciSeccomp, name: string): boolean {
  return rulesOf(seccomp, name).some(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined);
}

describe('the choice of a seccomp profile', () => {
  const table: { name: string; given: SeccompFields | null; kind: string }[] = [
    { name: 'is none without a security context', given: null, kind: 'unconfined' },
    { name: 'is none when none is named', given: fields({}), kind: 'unconfined' },
    { name: 'is the default for an empty profile', given: fields({ seccomp: profile('RuntimeDefault') }), kind: 'runtimeDefault' },
    { name: 'is none for the privileged', given: fields({ privileged: true, seccomp: profile('Localhost', '/p.json') }), kind: 'unconfined' },
    { name: 'is the new field before the old', given: fields({ seccomp: profile('Unconfined'), seccompProfilePath: 'runtime/default' }), kind: 'unconfined' },
    { name: 'is the old runtime/default', given: fields({ seccompProfilePath: 'runtime/default' }), kind: 'runtimeDefault' },
    { name: 'is the old docker/default', given: fields({ seccompProfilePath: 'docker/default' }), kind: 'runtimeDefault' },
    { name: 'is the old unconfined', given: fields({ seccompProfilePath: 'unconfined' }), kind: 'unconfined' },
  ];
  for (const { name, given, kind } of table) {
    it(name, () => {
      assert.equal(chooseSeccomp(given).kind, kind);
    });
  }

  it('names the file of a Localhost profile in both forms', () => {
    const context = 'config.linux.security_context';
    const newForm = seccompFile(fields({ seccomp: profile('Localhost', '/p.json') }));
    assert.deepEqual(newForm, { path: '/p.json', field: `${context}.seccomp.localhost_ref` });
    const oldForm = seccompFile(fields({ seccompProfilePath: 'localhost//p.json' }));
    assert.deepEqual(oldForm, { path: '/p.json', field: `${context}.seccomp_profile_path` });
    assert.equal(seccompFile(fields({})), undefined);
  });

  it('is refused for a file whose path is relative: to what, nobody could say', () => {
    const words = ['config.linux.security_context.seccomp.localhost_ref is "profiles/p.json"', 'absolute'];
    assert.throws(() => chooseSeccomp(fields({ seccomp: profile('Localhost', 'profiles/p.json') })), invalid(...words));
    assert.throws(() => chooseSeccomp(fields({ seccompProfilePath: 'localhost/p.json' })), invalid('seccomp_profile_path is "p.json"'));
  });

  it('is refused for a malformed profile', () => {
    assert.throws(() => chooseSeccomp(fields({ seccompProfilePath: 'mine' })), invalid('seccomp', '"mine"'));
    assert.throws(() => chooseSeccomp(fields({ seccomp: profile('Localhost') })), invalid('seccomp.localhost_ref'));
    assert.throws(() => chooseSeccomp(fields({ seccomp: profile('Unconfined', '/p') })), invalid('seccomp.localhost_ref', '/p'));
  });

  it('is refused for a Localhost profile whose file is missing', () => {
    const choice = chooseSeccomp(fields({ seccomp: profile('Localhost', '/p.json') }));
    assert.throws(() => buildSeccomp(choice, [], host, undefined), invalid('/p.json'));
  });

  it('yields nothing for unconfined', () => {
    assert.equal(buildSeccomp({ kind: 'unconfined' }, [], host, undefined), undefined);
  });
});

describe('the default seccomp profile', () => {
  const usual = defaultSeccompProfile(defaultCapabilities, host);
  const admin = defaultSeccompProfile([...defaultCapabilities, 'CAP_SYS_ADMIN'], host);

  it('answers EPERM for what it does not list', () => {
    assert.equal(usual.defaultAction, 'SCMP_ACT_ERRNO');
    assert.equal(usual.defaultErrnoRet, 1);
  });

  for (const name of [
    'mount', 'umount2', 'fsopen', 'move_mount', 'open_tree', 'pivot_root', 'unshare', 'setns', 'clone3',
    'keyctl', 'add_key', 'request_key', 'bpf', 'perf_event_open', 'kexec_load', 'kexec_file_load', 'reboot',
    'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'userfaultfd', 'init_module', 'finit_module',
    'delete_module', 'swapon', 'swapoff', 'acct', 'quotactl', 'settimeofday', 'clock_settime', 'stime', 'syslog',
    'open_by_handle_at', 'iopl', 'ioperm', 'mbind', 'set_mempolicy', 'move_pages', 'migrate_pages', 'kcmp',
    'nfsservctl', 'vm86', 'vm86old', 'uselib', 'ustat', 'sysfs', '_sysctl', 'fanotify_init', 'vhangup',
    'sethostname', 'setdomainname', 'lookup_dcookie', 'pidfd_getfd', 'process_madvise',
  ]) {
    it(`keeps ${name} from a container with the default capabilities`, () => {
      assert.equal(isOpen(usual, name), false);
    });
  }

  for (const name of ['read', 'openat2', 'clock_nanosleep_time64', 'statx', 'rseq', 'chroot', 'ptrace', 'futex_waitv', 'arch_prctl', 'landlock_restrict_self', 'close_range', 'setgroups32']) {
    it(`lets ${name} through`, () => {
      assert.ok(isOpen(usual, name));
    });
  }

  it('lets CAP_SYS_ADMIN mount and make namespaces', () => {
    for (const name of ['mount', 'unshare', 'setns', 'clone', 'clone3', 'sethostname']) assert.ok(isOpen(admin, name), name);
    assert.equal(rulesOf(admin, 'clone3').length, 1);
  });

  it('opens to a capability what it is for, and nothing else', () => {
    const pairs: [string, string][] = [
      ['CAP_SYS_BOOT', 'reboot'],
      ['CAP_SYS_TIME', 'clock_settime'],
      ['CAP_BPF', 'bpf'],
      ['CAP_PERFMON', 'perf_event_open'],
      ['CAP_SYSLOG', 'syslog'],
      ['CAP_SYS_NICE', 'mbind'],
      ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
      ['CAP_SYS_MODULE', 'init_module'],
    ];
    for (const [capability, name] of pairs) {
      const withIt = defaultSeccompProfile([capability], host);
      assert.ok(isOpen(withIt, name), name);
      assert.equal(pairs.filter(([, other]) => isOpen(withIt, other)).length, 1, capability);
    }
    assert.equal(isOpen(defaultSeccompProfile([], host), 'chroot'), false);
  });

  it('lets clone make no namespace, and has clone3 look as if the kernel lacked it', () => {
    assert.deepEqual(rulesOf(usual, 'clone')[0]?.args, [
      { index: 0, value: 0x7e_02_00_00, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' },
    ]);
    assert.deepEqual(rulesOf(usual, 'clone3'), [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  });

  it('opens sockets of every family but ALG and VSOCK, also with the upper half of the register set', () => {
    const allows = (family: bigint): boolean =>
      rulesOf(usual, 'socket').some(({ args }) => {
        const [arg] = args ?? [];
        if (arg === undefined) return true;
        return arg.op === 'SCMP_CMP_LT' ? family < BigInt(arg.value) : family === BigInt(arg.value);
      });
    for (const family of [1n, 2n, 10n, 16n, 17n, 29n, 44n]) assert.ok(allows(family), `${family}`);
    for (const family of [38n, 40n]) {
      assert.equal(allows(family), false);
      assert.equal(allows(family + 2n ** 32n), false);
    }
  });

  it('allows the personalities that weaken nothing', () => {
    const values = rulesOf(usual, 'personality').map(({ args }) => args?.[0]?.value);
    assert.deepEqual(values, [0, 8, 0x2_00_00, 0x2_00_08, 0xff_ff_ff_ff]);
  });

  it('covers the ABIs of each architecture with calls of their own', () => {
    const arm = defaultSeccompProfile([], { ...host, seccompArch: 'aarch64' });
    assert.deepEqual(usual.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    assert.deepEqual(arm.architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    assert.ok(isOpen(arm, 'sync_file_range2') && !isOpen(arm, 'arch_prctl'));
    assert.equal(defaultSeccompProfile([], { ...host, seccompArch: 'mips' }).architectures, undefined);
  });

  it('keeps ptrace back on kernels where it sidesteps seccomp', () => {
    assert.equal(isOpen(defaultSeccompProfile([], { ...host, kernelVersion: '4.4.0' }), 'ptrace'), false);
    assert.ok(isOpen(defaultSeccompProfile([], { ...host, kernelVersion: '4.8.0' }), 'ptrace'));
    assert.ok(isOpen(defaultSeccompProfile(['CAP_SYS_PTRACE'], { ...host, kernelVersion: '4.4.0' }), 'ptrace'));
  });
});
