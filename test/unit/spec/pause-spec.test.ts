import assert from 'node:assert/strict';

import { buildPauseSpec, type PauseSpecInput } from '../../../src/spec/pause-spec.ts';
import { host, idRange, invalid, namespaceOption, resources, sandboxConfig, selinux } from './fixtures.ts';

const input: PauseSpecInput = {
  id: 's1',
  config: sandboxConfig(),
  namespaces: { net: '/ns/net', uts: '/ns/uts', ipc: '/ns/ipc' },
  cgroupsPath: '/kubepods/podu-1/s1',
  image: { entrypoint: ['/pause'], cmd: [], env: ['PATH=/bin'], workingDir: '/', user: '65535:65535' },
  imageName: 'registry.k8s.io/pause:3.10.2',
  host,
};

describe('the pause container’s spec', () => {
  it('is this for the plainest Pod', () => {
    assert.deepEqual(buildPauseSpec(input), {
      ociVersion: '1.2.0',
      process: {
        user: { uid: 65_535, gid: 65_535, additionalGids: [65_535] },
        args: ['/pause'],
        env: ['PATH=/bin'],
        cwd: '/',
        capabilities: { bounding: [], effective: [], permitted: [] },
        noNewPrivileges: true,
        oomScoreAdj: -998,
      },
      root: { path: 'rootfs', readonly: true },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
      ],
      annotations: {
        'io.kubernetes.cri.container-type': 'sandbox',
        'io.kubernetes.cri.sandbox-id': 's1',
        'io.kubernetes.cri.sandbox-name': 'web',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
        'io.kubernetes.cri.sandbox-uid': 'u-1',
        'io.kubernetes.cri.sandbox-log-directory': '/var/log/pods/shop_web_u-1',
        'io.kubernetes.cri.podsandbox.image-name': 'registry.k8s.io/pause:3.10.2',
      },
      linux: {
        namespaces: [
          { type: 'pid' },
          { type: 'network', path: '/ns/net' },
          { type: 'ipc', path: '/ns/ipc' },
          { type: 'uts', path: '/ns/uts' },
          { type: 'mount' },
        ],
        resources: { devices: [{ allow: false, access: 'rwm' }], cpu: { shares: 2 } },
        cgroupsPath: '/kubepods/podu-1/s1',
        maskedPaths: [],
        readonlyPaths: [],
      },
    });
  });

  it('carries the sandbox’s user, seccomp and labels', () => {
    const config = sandboxConfig({}, {
      runAsUser: { value: '7' },
      runAsGroup: { value: '8' },
      supplementalGroups: ['9'],
      seccomp: { profileType: 'RuntimeDefault', localhostRef: '' },
      selinuxOptions: { user: '', role: '', type: '', level: 's0:c3' },
    });
    const spec = buildPauseSpec({ ...input, config, host: { ...host, selinux } });
    assert.deepEqual(spec.process.user, { uid: 7, gid: 8, additionalGids: [8, 9] });
    assert.equal(spec.linux.seccomp?.defaultAction, 'SCMP_ACT_ERRNO');
    assert.equal(spec.process.selinuxLabel, 'system_u:system_r:container_t:s0:c3');
  });

  it('does without capabilities and seccomp holes in a privileged Pod too, and without seccomp', () => {
    const spec = buildPauseSpec({ ...input, config: sandboxConfig({}, { privileged: true }) });
    assert.deepEqual(spec.process.capabilities?.bounding, []);
    assert.equal(spec.linux.seccomp, undefined);
  });

  it('joins nothing of a Pod that is all on the host', () => {
    const namespaceOptions = namespaceOption({ network: 'NODE', pid: 'NODE', ipc: 'NODE' });
    const spec = buildPauseSpec({ ...input, namespaces: {}, config: sandboxConfig({}, { namespaceOptions }) });
    assert.deepEqual(spec.linux.namespaces, [{ type: 'mount' }]);
  });

  it('joins the Pod’s user namespace with its mappings', () => {
    const namespaceOptions = namespaceOption({ usernsOptions: { mode: 'POD', uids: idRange, gids: idRange } });
    const config = sandboxConfig({}, { namespaceOptions });
    const { linux } = buildPauseSpec({ ...input, config, namespaces: { ...input.namespaces, user: '/ns/user' } });
    assert.deepEqual(linux.gidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
  });

  it('tells the Pod’s resources in annotations', () => {
    const config = sandboxConfig();
    const linux = { cgroupParent: '', securityContext: null, sysctls: {}, overhead: null, resources: resources({ cpuShares: '5', memoryLimitInBytes: '6' }) };
    const { annotations } = buildPauseSpec({ ...input, config: { ...config, linux } });
    assert.equal(annotations['io.kubernetes.cri.sandbox-cpu-shares'], '5');
    assert.equal(annotations['io.kubernetes.cri.sandbox-memory'], '6');
  });

  it('has the lowest OOM score that may be set', () => {
    const facts = { ...host, ownOomScoreAdj: 100, canLowerOomScore: false };
    assert.equal(buildPauseSpec({ ...input, host: facts }).process.oomScoreAdj, 100);
  });

  it('is refused for an image without a program', () => {
    assert.throws(() => buildPauseSpec({ ...input, image: { ...input.image, entrypoint: [] } }), invalid('ENTRYPOINT'));
  });
});
