import assert from 'node:assert/strict';
import { layOverBase } from '../../../src/spec/base-spec.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';

const spec: OciSpec = {
  ociVersion: '1.2.0',
  process: {
    user: { uid: 1, gid: 1 },
    args: ['/app'],
    env: ['PATH=/bin', 'A=ours'],
    cwd: '/',
    capabilities: { bounding: [], effective: [], permitted: [] },
  },
  root: { path: 'rootfs', readonly: false },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: [] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: [] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: [] },
  ],
  annotations: { a: 'ours' },
  linux: {
    namespaces: [{ type: 'pid' }],
    resources: { devices: [{ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }], cpu: { shares: 512 } },
    cgroupsPath: '/ours',
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: [],
  },
};

/** A file's spec as data. */
const over = (base: object): OciSpec => layOverBase(base as Record<string, unknown>, spec);
const places = ({ mounts }: OciSpec): string[] => mounts.map(({ destination }) => destination);

describe('a base spec', () => {
  it('changes nothing where there is none, or an empty one', () => {
    assert.equal(layOverBase(undefined, spec), spec);
    assert.deepEqual(over({}), spec);
  });

  it('keeps what is not said above it, fields nobody here knows included', () => {
    const merged = over({
      process: { rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }], scheduler: { policy: 'SCHED_BATCH' } },
      domainname: 'here',
      hooks: { prestart: [{ path: '/hook' }] },
      linux: { sysctl: { 'net.core.somaxconn': '5' }, timeOffsets: { boottime: {} } },
    }) as unknown as { process: object; domainname: string; hooks: object; linux: Record<string, unknown> };
    assert.deepEqual(merged.process, {
      ...spec.process,
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      scheduler: { policy: 'SCHED_BATCH' },
    });
    assert.equal(merged.domainname, 'here');
    assert.deepEqual(merged.hooks, { prestart: [{ path: '/hook' }] });
    assert.deepEqual(merged.linux['sysctl'], { 'net.core.somaxconn': '5' });
    assert.deepEqual(merged.linux['timeOffsets'], { boottime: {} });
  });

  it('gives no host name, which is the Pod\'s and not of one of its containers', () => {
    assert.deepEqual(over({ hostname: 'runc' }), spec);
  });

  it('loses wherever both say something', () => {
    const merged = over({
      ociVersion: '1.0.2',
      root: { path: '/', readonly: true },
      annotations: { a: 'base', b: 'base' },
      process: { env: ['A=base', 'B=base'] },
      linux: { cgroupsPath: '/base', resources: { cpu: { shares: 2, quota: 1000 }, pids: { limit: 5 } } },
    });
    assert.equal(merged.ociVersion, '1.2.0');
    assert.deepEqual(merged.root, spec.root);
    assert.deepEqual(merged.annotations, { a: 'ours', b: 'base' });
    assert.deepEqual(merged.process.env, ['A=ours', 'B=base', 'PATH=/bin']);
    assert.equal(merged.linux.cgroupsPath, '/ours');
    assert.deepEqual(merged.linux.resources?.cpu, { shares: 512, quota: 1000 });
    assert.deepEqual((merged.linux.resources as { pids?: unknown }).pids, { limit: 5 });
  });

  it('gives no capability, profile, namespace or path to a container', () => {
    const security = {
      process: { capabilities: { bounding: ['CAP_SYS_ADMIN'] }, apparmorProfile: 'x', selinuxLabel: 'x', noNewPrivileges: true, user: { umask: 7 } },
      linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' }, namespaces: [], maskedPaths: ['/base'], mountLabel: 'x', uidMappings: [] },
    };
    assert.deepEqual(over(security), spec);
  });

  it('adds its mounts behind what they lie in, unless something is mounted there', () => {
    const mount = (destination: string) => ({ destination, type: 'tmpfs', source: 'base', options: [] });
    const merged = over({ mounts: ['/proc', '/dev/pts/x', '/dev/y', '/data', '/developer'].map(mount) });
    assert.deepEqual(places(merged), ['/developer', '/data', '/proc', '/dev', '/dev/y', '/dev/pts', '/dev/pts/x']);
    assert.equal(merged.mounts.find(({ destination }) => destination === '/proc')?.source, 'proc');
  });

  it('opens devices after everything was closed, and closes nothing else', () => {
    const opened = { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' };
    const merged = over({ linux: { resources: { devices: [{ allow: false, access: 'rwm' }, opened] } } });
    const [closed, known] = spec.linux.resources?.devices ?? [];
    assert.deepEqual(merged.linux.resources?.devices, [closed, opened, known]);
  });
});
