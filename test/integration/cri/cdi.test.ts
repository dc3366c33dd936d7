import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { run, tryRun } from '../../support/node/run.ts';

// Beside other nodes of this machine: the usual folders are the machine's.
const top = `/tmp/pw-cdi-${process.pid}`;
const [low, high] = [path.join(top, 'etc'), path.join(top, 'run')];

const gpuYaml = `---
cdiVersion: "0.7.0"
kind: vendor.test/gpu
containerEdits:
  env: [DRIVER=loaded]
  mounts:
    - { hostPath: ${top}/lib, containerPath: /usr/lib/gpu, options: [ro, nosuid, nodev, rbind] }
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - { path: /dev/gpu0, hostPath: /dev/full }
        - { path: /dev/gpu-ctl, hostPath: /dev/zero, permissions: r, uid: 12, gid: 34, fileMode: 0640 }
      additionalGids: [4444]
  - name: 1
    containerEdits: { env: [ONE=1], mounts: [{ hostPath: ${top}/lib, containerPath: /plain, options: [ro] }] }
`;
const nicJson = {
  cdiVersion: '0.6.0',
  kind: 'vendor.test/nic',
  devices: [
    { name: 'a', containerEdits: { env: ['NIC=low'], hooks: [{ hookName: 'createContainer', path: '/bin/touch', args: ['touch', `${top}/hooked`] }] } },
    { name: 'gone', containerEdits: { deviceNodes: [{ path: '/dev/not-there' }] } },
    { name: 'full', containerEdits: { deviceNodes: [{ path: '/dev/made-up', type: 'c', major: 1, minor: 3 }] } },
  ],
};

describe('a device by CDI', function () {
  this.timeout(60_000);
  const cri = useCriNode({}, async () => ({ config: { cdi: { spec_dirs: [low, high] } } }));
  let pod: Pod;

  before(async () => {
    for (const folder of [low, high, path.join(top, 'lib')]) await mkdir(folder, { recursive: true });
    await writeFile(path.join(top, 'lib', 'libgpu.so'), 'a library\n');
    await writeFile(path.join(low, 'gpu.yaml'), gpuYaml);
    await writeFile(path.join(low, 'nic.json'), JSON.stringify(nicJson));
  });
  after(() => rm(top, { recursive: true, force: true }));
  beforeEach(async () => {
    pod = await cri().runPod();
  });

  const named = (...names: string[]) => ({ CDIDevices: names.map((name) => ({ name })) });

  it('brings nodes that can be used, variables, mounts and groups', async () => {
    const container = await pod.run({
      ...named('vendor.test/gpu=0'),
      linux: { securityContext: { runAsUser: { value: 1000 } } },
    });
    assert.match((await container.try('echo x > /dev/gpu0')).stderr, /No space left/);
    assert.equal(await container.sh('cat /usr/lib/gpu/libgpu.so; echo $DRIVER'), 'a library\nloaded');
    assert.match((await container.try('echo x > /usr/lib/gpu/x')).stderr, /Read-only file system/);
    assert.match(await container.sh('id -G'), /\b4444\b/);
    assert.equal(await container.sh('stat -c "%u:%g %a %t,%T" /dev/gpu-ctl'), '12:34 640 1,5');
    assert.equal(await container.sh('stat -c "%u" /dev/gpu0'), '1000');
    assert.ok((await container.status()).user?.linux?.supplementalGroups.includes('4444'));
  });

  it('is injected once however often it is named, also by annotation, and an exec has it too', async () => {
    const container = await pod.run({
      ...named('vendor.test/gpu=0', 'vendor.test/gpu=0', 'vendor.test/gpu=1'),
      annotations: { 'cdi.k8s.io/plugin': 'vendor.test/gpu=1,vendor.test/nic=full' },
    });
    assert.equal(await container.sh('echo $ONE $DRIVER; grep -c " /usr/lib/gpu " /proc/self/mounts; echo x > /dev/made-up'), '1 loaded\n1');
    // A mount that says nothing of its kind is a bind mount.
    assert.equal(await container.sh('cat /plain/libgpu.so'), 'a library');
    assert.match((await container.try('echo x > /plain/x')).stderr, /Read-only file system/);
  });

  it('has its nodes and mounts in a user namespace too, for the ids of the Pod', async () => {
    const ids = [{ hostId: 300_000, containerId: 0, length: 65_536 }];
    const namespaceOptions = { pid: 'CONTAINER' as const, usernsOptions: { mode: 'POD' as const, uids: ids, gids: ids } };
    const mapped = await cri().runPod({ linux: { securityContext: { namespaceOptions } } });
    const container = await mapped.run({
      ...named('vendor.test/gpu=0', 'vendor.test/gpu=1', 'vendor.test/nic=full'),
      linux: { securityContext: { namespaceOptions, runAsUser: { value: 1000 } } },
    });
    assert.equal(await container.sh('stat -c "%u:%g %a %t,%T" /dev/gpu-ctl /dev/made-up'), '12:34 640 1,5\n1000:1000 666 1,3');
    assert.match((await container.try('echo x > /dev/gpu0')).stderr, /No space left/);
    assert.equal(await container.sh('stat -c %u:%g /usr/lib/gpu/libgpu.so /plain/libgpu.so; echo x > /dev/made-up'), '0:0\n0:0');
  });

  it('brings a network interface of the host', async () => {
    const interfaceName = `pwcdi${process.pid % 10_000}`;
    await run('ip', ['link', 'add', interfaceName, 'type', 'veth', 'peer', 'name', `${interfaceName}p`]);
    try {
      const netDevices = [{ hostInterfaceName: interfaceName, name: 'data0' }];
      const devices = [{ name: 'moved', containerEdits: { netDevices } }];
      await writeFile(path.join(low, 'moved.json'), JSON.stringify({ cdiVersion: '1.1.0', kind: 'vendor.test/moved', devices }));
      const container = await pod.run(named('vendor.test/moved=moved'));
      await container.sh('test -d /sys/class/net/data0');
      await assert.rejects(run('ip', ['link', 'show', interfaceName]));
    } finally {
      await tryRun('ip', ['link', 'del', `${interfaceName}p`]);
      await rm(path.join(low, 'moved.json'));
    }
  });

  it('runs its hooks', async () => {
    const container = await pod.run(named('vendor.test/nic=a'));
    assert.equal(await container.sh('echo $NIC'), 'low');
    await rm(path.join(top, 'hooked'));
  });

  it('is what the later folder says, from the moment the file is there', async () => {
    const file = path.join(high, 'nic.json');
    const devices = [{ name: 'a', containerEdits: { env: ['NIC=high'] } }];
    await writeFile(file, JSON.stringify({ ...nicJson, devices }));
    const container = await pod.run(named('vendor.test/nic=a'));
    assert.equal(await container.sh('echo $NIC'), 'high');
    await rm(file);
  });

  const refused = async (words: readonly (string | RegExp)[], ...names: string[]): Promise<void> => {
    const config = pod.containerConfig(named(...names));
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    await cri().refuse('CreateContainer', request, 'INVALID_ARGUMENT', ...words);
  };

  it('is refused where no spec has it, or its name is none, and nothing is left', async () => {
    await pod.isComplete();
    const before = await cri().inventory();
    await refused(['"vendor.test/gpu=7"', 'there are 0, 1', low, high], 'vendor.test/gpu=7');
    await refused(['CDI_devices', '"gpu0"'], 'gpu0');
    await refused(['/dev/not-there', /ENOENT/], 'vendor.test/gpu=0', 'vendor.test/nic=gone');
    await cri().assertNothingLeft(before);
  });

  it('is refused where two files of one folder have it, or its file is broken, and that keeps no other from its devices', async () => {
    const twice = path.join(low, 'other.yaml');
    const broken = path.join(low, 'broken.yaml');
    await writeFile(twice, gpuYaml);
    await writeFile(broken, 'kind: [');
    await refused(['"vendor.test/gpu=0"', 'gpu.yaml', 'other.yaml'], 'vendor.test/gpu=0');
    await refused(['broken.yaml'], 'vendor.other/x=1');
    await pod.run(named('vendor.test/nic=full'));
    await Promise.all([rm(twice), rm(broken)]);
  });
});
