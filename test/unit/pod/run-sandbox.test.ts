import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { systemClock } from '../../../src/lib/clock.ts';
import { CodedError, errnoOf } from '../../../src/lib/errors.ts';
import { readSpec } from '../../../src/pod/anys.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { removeSandbox } from '../../../src/pod/remove-sandbox.ts';
import { stopSandbox } from '../../../src/pod/stop-sandbox.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { sandboxConfig } from '../../support/pod-requests.ts';
import { until } from '../../support/until.ts';

async function idsIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** All that a sandbox could have left anywhere. */
async function leftovers({ parts, containerd, around }: PodWorld): Promise<object> {
  return {
    listed: parts.sandboxes.size,
    records: await idsIn(parts.folders.sandboxes),
    states: await idsIn(`${parts.folders.state}/sandboxes`),
    pinned: [...around.pinned],
    mounted: [...around.mounted],
    attached: [...around.attached],
    containers: (await containerd.containers.list([])).length,
    tasks: (await containerd.tasks.list()).length,
    snapshots: (await containerd.snapshots('overlayfs').list()).length,
    leases: (await containerd.leases.list([])).length,
  };
}

const nothing = {
  listed: 0,
  records: [],
  states: [],
  pinned: [],
  mounted: [],
  attached: [],
  containers: 0,
  tasks: 0,
  snapshots: 0,
  leases: 0,
};

describe('running a pod sandbox', () => {
  let world: PodWorld;
  beforeEach(async () => {
    world = await makePodWorld();
  });
  afterEach(() => world.end());

  const run = (config = sandboxConfig()): Promise<string> => runSandbox(world.parts, { config, runtimeHandler: '' });

  const withSysctls = () => {
    const config = sandboxConfig();
    return { ...config, linux: config.linux && { ...config.linux, sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.sem': '1 2 3 4' } } };
  };

  it('makes it ready with the address that CNI gave', async () => {
    const id = await run();
    const sandbox = world.parts.sandboxes.get(id);
    assert.equal(sandbox.isReady, true);
    assert.equal(sandbox.record.network?.ip, '10.0.0.2');
    assert.match(id, /^[0-9a-f]{64}$/u);
  });

  it('does not wait for the pause container where the Pod does not share its PID namespace', async () => {
    const held = world.containerd.faults.hold('tasks.create');
    const id = await run();
    assert.equal(world.parts.sandboxes.get(id).isReady, true);
    held.release();
  });

  it('waits for the pause container where it is PID 1 of the Pod', async () => {
    const held = world.containerd.faults.hold('tasks.create');
    let done = false;
    const running = run(sandboxConfig({ pid: 'POD' })).then((id) => ((done = true), id));
    await held.arrived;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(done, false);
    held.release();
    assert.ok(world.parts.pauses.pid(await running) > 0);
  });

  it('waits for the pause container where it is what the Pod runs in, and is not ready without it', async () => {
    await world.end();
    world = await makePodWorld(systemClock(), { runtime: { pauseIsPod: true } });
    const network = world.around.faults.hold('kernel.writeNetworkSysctls');
    const held = world.containerd.faults.hold('tasks.create');
    const running = run(withSysctls());
    await network.arrived;
    assert.deepEqual(await world.containerd.containers.list([]), []);
    network.release();
    await held.arrived;
    assert.equal(world.parts.sandboxes.size, 0);
    held.release();
    const sandbox = world.parts.sandboxes.get(await running);
    const { hostname, linux } = readSpec((await world.containerd.containers.get(sandbox.id)).spec);
    assert.equal(hostname, 'web');
    assert.equal(linux.sysctl?.['net.ipv4.ip_forward'], '1');
    assert.equal(linux.sysctl?.['net.ipv4.ip_unprivileged_port_start'], '0');
    world.containerd.tasks.exit(sandbox.id, 137);
    await until('its end is noticed', () => !sandbox.isReady);
    assert.equal(world.parts.pauses.pid(sandbox.id), 0);
  });

  it('leaves nothing after stop and remove', async () => {
    const id = await run();
    const sandbox = world.parts.sandboxes.get(id);
    await stopSandbox(world.parts, sandbox);
    assert.equal(sandbox.isReady, false);
    assert.deepEqual([...world.around.attached], []);
    await removeSandbox(world.parts, sandbox);
    assert.deepEqual(await leftovers(world), nothing);
  });

  describe('with the cgroup driver of systemd', () => {
    const stopped = (): unknown[] => world.around.faults.calls.flatMap(({ method, args }) => (method === 'kernel.stopSlice' ? [args[0]] : []));
    beforeEach(async () => {
      await world.end();
      world = await makePodWorld(systemClock(), { runtime: { systemdCgroup: true } });
    });
    const withParent = (cgroupParent: string) => {
      const config = sandboxConfig();
      return { ...config, linux: config.linux && { ...config.linux, cgroupParent } };
    };
    const specOf = async (id: string) => readSpec((await world.containerd.containers.get(id)).spec);

    it('has a slice of its own where nobody names one, and none when it is stopped', async () => {
      const id = await run(withParent(''));
      await until('its pause container runs', () => world.parts.pauses.pid(id) > 0);
      assert.equal((await specOf(id)).linux.cgroupsPath, `podwright-${id}.slice:cri-containerd:${id}`);
      assert.deepEqual(stopped(), []);
      await stopSandbox(world.parts, world.parts.sandboxes.get(id));
      assert.deepEqual(stopped(), [`podwright-${id}.slice`]);
    });

    it('is stopped and removed although its slice stays', async () => {
      const id = await run(withParent(''));
      for (let n = 0; n < 2; n += 1) world.around.faults.failNext('kernel.stopSlice', new CodedError('internal', 'systemd does not answer'));
      await removeSandbox(world.parts, world.parts.sandboxes.get(id));
      assert.deepEqual(await leftovers(world), nothing);
    });

    it('leaves the slice alone that the kubelet named', async () => {
      const id = await run(withParent('/kubepods.slice/kubepods-podx.slice'));
      await removeSandbox(world.parts, world.parts.sandboxes.get(id));
      assert.deepEqual(stopped(), []);
    });
  });

  it('refuses an unknown runtime handler and names those there are', async () => {
    const unknown = runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: 'kata' });
    await assert.rejects(unknown, { kind: 'invalidArgument', message: /"kata".*"runc"/u });
    assert.deepEqual(await leftovers(world), nothing);
  });

  const steps = [
    ['around', 'images.ensure'],
    ['containerd', 'leases.create'],
    ['around', 'kernel.pinNamespaces'],
    ['around', 'kernel.mountShm'],
    ['around', 'network.add'],
  ] as const;
  for (const [where, step] of steps) {
    it(`leaves nothing and frees its name when ${step} fails`, async () => {
      world[where].faults.failNext(step, new CodedError('unavailable', 'broken for the test'));
      await assert.rejects(run(), { kind: 'unavailable', message: /broken for the test/u });
      assert.deepEqual(await leftovers(world), nothing);
      assert.match(await run(), /^[0-9a-f]{64}$/u);
    });
  }

  it('writes the sysctls of its network when the plugins have done theirs', async () => {
    const held = world.around.faults.hold('network.add');
    const running = run(withSysctls());
    const written = () => world.around.faults.calls.filter(({ method }) => method === 'kernel.writeNetworkSysctls');
    await held.arrived;
    assert.deepEqual(written(), []);
    held.release();
    const sandbox = world.parts.sandboxes.get(await running);
    assert.deepEqual(written().map(({ args }) => args), [[sandbox.record.namespaces.net, [{ name: 'net.ipv4.ip_forward', value: '1' }]]]);
  });

  it('leaves nothing when a sysctl of its network is refused', async () => {
    world.around.faults.failNext('kernel.writeNetworkSysctls', new CodedError('invalidArgument', 'no such sysctl'));
    await assert.rejects(run(withSysctls()), { kind: 'invalidArgument', message: /no such sysctl/u });
    assert.deepEqual(await leftovers(world), nothing);
  });

  for (const step of ['containers.create', 'snapshots.prepare', 'tasks.create', 'tasks.start', 'sandboxes.create']) {
    it(`leaves nothing when ${step} of a pause container that is waited for fails`, async () => {
      world.containerd.faults.failNext(step, new CodedError('internal', 'broken for the test'));
      await assert.rejects(run(sandboxConfig({ pid: 'POD' })), { kind: 'internal', message: /broken for the test/u });
      assert.deepEqual(await leftovers(world), nothing);
    });
  }

  it('stays listed as not ready under its name when the failed start cannot be undone', async () => {
    world.around.faults.failNext('network.add', new CodedError('internal', 'no address'));
    world.around.faults.failNext('network.del', new CodedError('internal', 'plugin hangs'));
    await assert.rejects(run(), { message: /no address/u });
    const [sandbox] = [...world.parts.sandboxes.values()];
    assert.ok(sandbox !== undefined);
    assert.equal(sandbox.isReady, false);
    await assert.rejects(run(), { kind: 'alreadyExists' });
    await removeSandbox(world.parts, sandbox);
    assert.deepEqual(await leftovers(world), nothing);
  });

  it('keeps a sandbox whose network could not be released, and finishes with the next try', async () => {
    const sandbox = world.parts.sandboxes.get(await run());
    world.around.faults.failNext('network.del', new CodedError('unavailable', 'plugin hangs'));
    await assert.rejects(removeSandbox(world.parts, sandbox), { kind: 'unavailable', message: /plugin hangs/u });
    assert.equal(world.parts.sandboxes.size, 1);
    assert.deepEqual([...world.around.attached], [sandbox.id]);
    await removeSandbox(world.parts, sandbox);
    assert.deepEqual(await leftovers(world), nothing);
  });

  it('stops one whose pause container is still being made', async () => {
    const held = world.containerd.faults.hold('tasks.create');
    const sandbox = world.parts.sandboxes.get(await run());
    await held.arrived;
    const removing = removeSandbox(world.parts, sandbox);
    held.release();
    await removing;
    assert.deepEqual(await leftovers(world), nothing);
  });
});

describe('a pause container', () => {
  let world: PodWorld;
  beforeEach(async () => {
    world = await makePodWorld();
  });
  afterEach(() => world.end());

  it('is made again when it dies, and the Pod stays ready', async () => {
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    await until('it runs', () => world.parts.pauses.pid(id) > 0);
    const first = world.parts.pauses.pid(id);
    world.containerd.tasks.exit(id, 137);
    await until('another one runs', () => world.parts.pauses.pid(id) > first);
    assert.equal(world.parts.sandboxes.get(id).isReady, true);
  });

  it('takes a Pod with it that shares its PID namespace', async () => {
    const id = await runSandbox(world.parts, { config: sandboxConfig({ pid: 'POD' }), runtimeHandler: '' });
    world.containerd.tasks.exit(id, 137);
    await until('the sandbox is not ready', () => !world.parts.sandboxes.get(id).isReady);
    assert.equal(world.parts.sandboxes.get(id).record.network?.ip, '10.0.0.2');
  });

  it('is tried again when it could not be made', async () => {
    world.containerd.faults.failNext('tasks.create', new CodedError('unavailable', 'broken for the test'));
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    await until('it runs', () => world.parts.pauses.pid(id) > 0);
  });
});
