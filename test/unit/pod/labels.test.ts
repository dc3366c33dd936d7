import assert from 'node:assert/strict';
import { systemClock } from '../../../src/lib/clock.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { criMount, selinux } from '../spec/fixtures.ts';

const volume = { ...criMount('/data'), hostPath: '/tmp', selinuxRelabel: true };
const below = { ...volume, hostPath: '/var/tmp' };

describe('a Pod on a node with SELinux', () => {
  let world: PodWorld;
  beforeEach(async () => (world = await makePodWorld(systemClock(), { host: { selinux } })));
  afterEach(() => world.end());

  const pod = async (name: string): Promise<string> => {
    const metadata = { name, namespace: 'default', uid: name, attempt: 0 };
    return await runSandbox(world.parts, { config: sandboxConfig({ metadata }), runtimeHandler: '' });
  };
  const create = async (sandboxId: string, changes = {}): Promise<string> =>
    await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), { config: containerConfig(changes) });
  const calls = (method: string) => world.containerd.faults.calls.filter((call) => call.method === method);

  it('has a level of its own, which its containers share', async () => {
    const [one, other] = [await pod('one'), await pod('other')].map((id) => world.parts.sandboxes.get(id).record.selinuxLevel);
    assert.match(one ?? '', /^s0:c\d+,c\d+$/);
    assert.notEqual(one, other);
    const [sandbox] = world.parts.sandboxes.values();
    const id = await create(sandbox?.id ?? '');
    assert.equal(world.parts.containers.get(id).record.mountLabel, `system_u:object_r:container_file_t:${one}`);
    assert.equal(world.parts.containers.get(id).process?.selinuxLabel, `system_u:system_r:container_t:${one}`);
  });

  it('gets its files relabelled, and those mounts that ask for it', async () => {
    const id = await pod('one');
    await create(id, { mounts: [below, { ...below, containerPath: '/other', hostPath: '/usr/share', selinuxRelabel: false }] });
    const [[paths, label] = []] = world.around.faults.calls.filter(({ method }) => method === 'kernel.relabel').map(({ args }) => args);
    assert.match(String(label), /^system_u:object_r:container_file_t:s0:c\d+,c\d+$/);
    const root = world.parts.folders.sandboxRoot(id);
    assert.deepEqual(paths, [...['hosts', 'hostname', 'resolv.conf'].map((name) => `${root}/${name}`), world.parts.folders.shm(id), '/var/tmp']);
  });

  it('is refused a folder of the system and a label that the policy lacks', async () => {
    const id = await pod('one');
    await assert.rejects(create(id, { mounts: [volume] }), { kind: 'invalidArgument', message: /mounts\[0\]\.selinux_relabel is true: "\/tmp" is a folder of the system/ });
    const linux = containerConfig().linux;
    const selinuxOptions = { user: '', role: '', type: 'nobody_t', level: '' };
    const changes = { linux: { ...linux, securityContext: { ...linux?.securityContext, selinuxOptions } } };
    await assert.rejects(create(id, changes), { kind: 'invalidArgument', message: /selinux_options: the SELinux policy of this node has no label ".*:nobody_t:/ });
  });

  it('has its root file systems mounted with the label', async () => {
    const id = await create(await pod('one'));
    await startContainer(world.parts, world.parts.containers.get(id));
    const roots = calls('tasks.create').map(({ args }) => JSON.stringify(args[0]));
    assert.equal(roots.length, 2, 'the pause container and the other');
    for (const root of roots) assert.match(root, /context=\\"system_u:object_r:container_file_t:s0:c\d+,c\d+\\"/);
  });
});

describe('a Pod on a node without SELinux', () => {
  it('runs with whatever it says about labels', async () => {
    const world = await makePodWorld();
    try {
      const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
      const config = containerConfig({ mounts: [below, volume] });
      const container = world.parts.containers.get(await createContainer(world.parts, world.parts.sandboxes.get(id), { config }));
      assert.equal(container.record.mountLabel, undefined);
      assert.ok(!world.around.faults.calls.some(({ method }) => method === 'kernel.relabel'));
    } finally {
      await world.end();
    }
  });
});
