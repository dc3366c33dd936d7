import assert from 'node:assert/strict';
import fc from 'fast-check';

import type { CodedError } from '../../../src/lib/errors.ts';
import { parseSeccompProfile } from '../../../src/spec/seccomp-profile.ts';
import { host, invalid } from './fixtures.ts';

const file = { ref: '/p.json', field: 'seccomp.localhost_ref' };
const parse = (profile: unknown, bounding: string[] = [], facts = host) =>
  parseSeccompProfile(JSON.stringify(profile), file, bounding, facts);

describe('a Localhost seccomp profile', () => {
  it('in OCI form comes out as it went in', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      listenerPath: '/run/n.sock',
      listenerMetadata: 'm',
      syscalls: [
        {
          names: ['socket', 'read'],
          action: 'SCMP_ACT_ALLOW',
          errnoRet: 1,
          args: [{ index: 0, value: 40, valueTwo: 0, op: 'SCMP_CMP_NE' }],
        },
      ],
    };
    assert.deepEqual(parse(profile), profile);
  });

  it('may block nothing but what it names', () => {
    const profile = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['chmod'], action: 'SCMP_ACT_ERRNO' }] };
    assert.deepEqual(parse(profile), profile);
  });

  it('in Docker’s form has the ABIs of this machine and single names', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ERRNO',
      archMap: [
        { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
      ],
      syscalls: [{ name: 'read', action: 'SCMP_ACT_ALLOW', comment: 'why', args: null, includes: {}, excludes: {} }],
    };
    assert.deepEqual(parse(profile), {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
    });
  });

  const filters: { name: string; includes?: object; excludes?: object; holds: boolean }[] = [
    { name: 'applies with all its capabilities', includes: { caps: ['CAP_KILL', 'CAP_CHOWN'] }, holds: true },
    { name: 'does not apply without one of its capabilities', includes: { caps: ['CAP_KILL', 'CAP_BPF'] }, holds: false },
    { name: 'applies on one of its architectures', includes: { arches: ['arm64', 'amd64'] }, holds: true },
    { name: 'does not apply on another architecture', includes: { arches: ['s390x'] }, holds: false },
    { name: 'applies from its kernel on', includes: { minKernel: '4.8' }, holds: true },
    { name: 'does not apply before its kernel', includes: { minKernel: '6.2' }, holds: false },
    { name: 'does not apply with an excluded capability', excludes: { caps: ['CAP_KILL'] }, holds: false },
    { name: 'applies without the excluded capability', excludes: { caps: ['CAP_BPF'] }, holds: true },
    { name: 'does not apply on an excluded architecture', excludes: { arches: ['amd64'] }, holds: false },
    { name: 'does not apply from an excluded kernel on', excludes: { minKernel: '5.0' }, holds: false },
  ];
  for (const { name, includes, excludes, holds } of filters) {
    it(`has a rule that ${name}`, () => {
      const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW', includes, excludes };
      const profile = parse({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] }, ['CAP_KILL', 'CAP_CHOWN']);
      assert.equal(profile.syscalls.length, holds ? 1 : 0);
    });
  }

  it('keeps a 64-bit argument whole', () => {
    const text = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["ioctl"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}';
    assert.equal(parseSeccompProfile(text, file, [], host).syscalls[0]?.args?.[0]?.value, 18_446_744_073_709_551_615n);
  });

  const broken: [string, unknown, string][] = [
    ['a list', [], 'profile'],
    ['no default action', { syscalls: [] }, 'defaultAction'],
    ['an unknown default action', { defaultAction: 'ALLOW' }, 'defaultAction'],
    ['a rule without names', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ action: 'SCMP_ACT_ERRNO' }] }, 'syscalls[0].names'],
    ['a rule without action', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['a'] }] }, 'syscalls[0].action'],
    ['an argument without operator', { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['a'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 1 }] }] }, 'args[0].op'],
  ];
  for (const [what, profile, says] of broken) {
    it(`is refused when it is ${what}`, () => {
      assert.throws(() => parse(profile), invalid('seccomp.localhost_ref is "/p.json"', says));
    });
  }

  it('is refused with invalidArgument and its file’s name, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseSeccompProfile(text, file, [], host);
        } catch (error) {
          assert.equal((error as CodedError).kind, 'invalidArgument');
        }
      }),
    );
  });
});
