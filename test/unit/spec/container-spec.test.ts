import assert from 'node:assert/strict';

import { defaultCapabilities, grantableCapabilities } from '../../../src/spec/capabilities.ts';
import { buildContainerSpec, type ContainerSpecInput } from '../../../src/spec/container-spec.ts';
import { encodeJson } from '../../../src/spec/json.ts';
import type { LinuxContainerSecurityContext__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import { containerConfig, criMount, host, idRange, image, namespaceOption, resources, sandboxConfig, selinux } from './fixtures.ts';

const input: ContainerSpecInput = {
  sandboxId: 's1',
  sandboxConfig: sandboxConfig(),
  config: containerConfig(),
  hostname: 'web',
  imageName: 'docker.io/library/app:1',
  image,
  userFiles: {},
  namespaces: { net: '/ns/net', uts: '/ns/uts', ipc: '/ns/ipc' },
  cgroupsPath: '/kubepods/podu-1/c1',
  files: { hosts: '/s/hosts', hostname: '/s/hostname', resolvConf: '/s/resolv.conf', shm: '/s/shm' },
  mounts: [],
  rroSupported: true,
  idMapSupported: true,
  host,
};

/** The spec for a container with this security context, in a privileged sandbox so that all are allowed. */
const secured = (security: Partial<LinuxContainerSecurityContext__Output>, over: Partial<ContainerSpecInput> = {}) =>
  buildContainerSpec({ ...input, config: containerConfig({}, security), ...over });

const bind = (destination: string, source: string, ...options: string[]) => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'rprivate', ...options],
});

describe('a container’s spec', () => {
  it('is this for the plainest container', () => {
    assert.deepEqual(buildContainerSpec(input), {
      ociVersion: '1.2.0',
      process: {
        terminal: false,
        user: { uid: 0, gid: 0, additionalGids: [0] },
        args: ['/bin/app', 'serve'],
        env: ['PATH=/bin', 'HOSTNAME=web', 'LANG=C'],
        cwd: '/srv',
        capabilities: { bounding: defaultCapabilities, effective: defaultCapabilities, permitted: defaultCapabilities },
        noNewPrivileges: false,
      },
      root: { path: 'rootfs', readonly: false },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
        { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
        { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'] },
        bind('/etc/hostname', '/s/hostname', 'rw'),
        bind('/etc/hosts', '/s/hosts', 'rw'),
        bind('/etc/resolv.conf', '/s/resolv.conf', 'rw'),
        bind('/dev/shm', '/s/shm', 'rw', 'nosuid', 'noexec', 'nodev'),
      ],
      annotations: {
        'io.kubernetes.cri.container-type': 'container',
        'io.kubernetes.cri.sandbox-id': 's1',
        'io.kubernetes.cri.sandbox-name': 'web',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
        'io.kubernetes.cri.sandbox-uid': 'u-1',
        'io.kubernetes.cri.container-name': 'app',
        'io.kubernetes.cri.image-name': 'docker.io/library/app:1',
      },
      linux: {
        namespaces: [
          { type: 'pid' },
          { type: 'network', path: '/ns/net' },
          { type: 'ipc', path: '/ns/ipc' },
          { type: 'uts', path: '/ns/uts' },
          { type: 'mount' },
          { type: 'cgroup' },
        ],
        resources: {
          devices: [
            { allow: false, access: 'rwm' },
            { allow: true, type: 'c', access: 'm' },
            { allow: true, type: 'b', access: 'm' },
            ...[[1, 3], [1, 5], [1, 7], [1, 8], [1, 9], [5, 0], [5, 1], [5, 2]].map(([major, minor]) => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
            { allow: true, type: 'c', major: 136, access: 'rwm' },
          ],
        },
        cgroupsPath: '/kubepods/podu-1/c1',
        maskedPaths: [],
        readonlyPaths: [],
      },
    });
  });

  it('is the same bytes for the same input', () => {
    assert.equal(encodeJson(buildContainerSpec(input)), encodeJson(buildContainerSpec(structuredClone(input))));
  });

  it('carries user, privileges and paths of the security context', () => {
    const spec = secured({
      runAsUser: { value: '1001' },
      runAsGroup: { value: '1002' },
      noNewPrivs: true,
      readonlyRootfs: true,
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    });
    assert.deepEqual(spec.process.user, { uid: 1001, gid: 1002, additionalGids: [1002] });
    assert.equal(spec.process.noNewPrivileges, true);
    assert.equal(spec.root.readonly, true);
    assert.deepEqual([spec.linux.maskedPaths, spec.linux.readonlyPaths], [['/proc/kcore'], ['/proc/sys']]);
  });

  it('carries resources and the OOM score', () => {
    const given = resources({ cpuShares: '512', memoryLimitInBytes: '1048576', oomScoreAdj: '985' });
    const config = containerConfig({ linux: { resources: given, securityContext: null } });
    const spec = buildContainerSpec({ ...input, namespaces: { ...input.namespaces, pid: '/proc/7/ns/pid' }, config });
    assert.deepEqual(spec.linux.resources.cpu, { shares: 512 });
    assert.deepEqual(spec.linux.resources.memory, { limit: 1_048_576, swap: 1_048_576 });
    assert.equal(spec.process.oomScoreAdj, 985);
  });

  it('has a terminal with TERM where a tty is asked for', () => {
    const { process } = buildContainerSpec({ ...input, config: containerConfig({ tty: true }) });
    assert.equal(process.terminal, true);
    assert.ok(process.env.includes('TERM=xterm'));
  });

  it('opens everything to a privileged container', () => {
    const fuse = { path: '/dev/fuse', type: 'c' as const, major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 };
    const security = {
      privileged: true,
      seccomp: { profileType: 'RuntimeDefault' as const, localhostRef: '' },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    };
    const facts = { ...host, apparmorEnabled: true, selinux };
    const spec = secured(security, { host: facts, hostDevices: [fuse], apparmorProfiles: ['podwright-default'] });
    assert.deepEqual(spec.process.capabilities?.effective, grantableCapabilities(host));
    assert.deepEqual([spec.linux.maskedPaths, spec.linux.readonlyPaths], [[], []]);
    assert.deepEqual([spec.linux.seccomp, spec.process.apparmorProfile, spec.process.selinuxLabel], [undefined, undefined, '']);
    assert.deepEqual(spec.linux.resources.devices, [{ allow: true, access: 'rwm' }]);
    assert.deepEqual(spec.linux.devices, [fuse]);
    for (const { destination, options } of spec.mounts) assert.ok(!options.includes('ro'), destination);
    assert.ok(!spec.linux.namespaces.some(({ type }) => type === 'cgroup'));
  });

  it('carries the AppArmor profile and the SELinux labels of a host that has them', () => {
    const facts = { ...host, apparmorEnabled: true, selinux };
    const spec = secured({}, { host: facts, apparmorProfiles: ['podwright-default'], selinuxLevel: 's0:c1,c2' });
    assert.equal(spec.process.apparmorProfile, 'podwright-default');
    assert.equal(spec.process.selinuxLabel, 'system_u:system_r:container_t:s0:c1,c2');
    assert.equal(spec.linux.mountLabel, 'system_u:object_r:container_file_t:s0:c1,c2');
  });

  it('has its Pod’s SELinux options where it has none of its own', () => {
    const selinuxOptions = { user: '', role: '', type: 'spc_t', level: '' };
    const spec = buildContainerSpec({ ...input, host: { ...host, selinux }, sandboxConfig: sandboxConfig({}, { selinuxOptions }) });
    assert.equal(spec.process.selinuxLabel, 'system_u:system_r:spc_t:s0');
  });

  it('judges seccomp by the capabilities the container really gets', () => {
    const seccomp = { profileType: 'RuntimeDefault' as const, localhostRef: '' };
    const capabilities = { addCapabilities: ['SYS_ADMIN'], dropCapabilities: [], addAmbientCapabilities: [] };
    const allows = (spec: ReturnType<typeof secured>): boolean => spec.linux.seccomp?.syscalls[0]?.names.includes('mount') ?? false;
    assert.equal(allows(secured({ seccomp })), false);
    assert.equal(allows(secured({ seccomp, capabilities })), true);
  });

  it('takes a Localhost profile from its text', () => {
    const seccomp = { profileType: 'Localhost' as const, localhostRef: '/p.json' };
    const spec = secured({ seccomp }, { seccompProfile: '{"defaultAction":"SCMP_ACT_ALLOW"}' });
    assert.deepEqual(spec.linux.seccomp, { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] });
  });

  it('maps a Pod’s user namespace into namespaces and sandbox files, and binds /sys on the host’s network', () => {
    const userns = { usernsOptions: { mode: 'POD' as const, uids: idRange, gids: idRange } };
    const options = namespaceOption({ ...userns, network: 'NODE' });
    const spec = secured(
      { namespaceOptions: options },
      { sandboxConfig: sandboxConfig({}, { namespaceOptions: options }), namespaces: { ipc: '/ns/ipc', user: '/ns/user' } },
    );
    const mapped = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    assert.deepEqual(spec.linux.uidMappings, mapped);
    assert.ok(spec.linux.namespaces.some(({ type, path }) => type === 'user' && path === '/ns/user'));
    assert.equal(spec.mounts.find(({ destination }) => destination === '/sys')?.type, 'bind');
    assert.deepEqual(spec.mounts.find(({ destination }) => destination === '/etc/hosts')?.uidMappings, mapped);
  });

  it('raises the root’s propagation for a mount that propagates', () => {
    const mount = criMount('/a', { propagation: 'PROPAGATION_BIDIRECTIONAL' });
    const spec = buildContainerSpec({
      ...input,
      mounts: [{ mount, source: '/host' }],
      mountInfo: [{ mountPoint: '/', tags: ['shared:1'] }],
    });
    assert.equal(spec.linux.rootfsPropagation, 'rshared');
  });
});
