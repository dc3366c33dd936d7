import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Undo } from '../../../src/lib/undo.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { shiftDevices } from '../../../src/pod/device-nodes.ts';
import { recover } from '../../../src/pod/recover.ts';
import { removeContainer } from '../../../src/pod/remove-container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import type { OciDevice, OciMount, OciSpec } from '../../../src/spec/oci.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';

describe('the devices of a container in a user namespace', () => {
  const id = 'c'.repeat(64);
  const mapped = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  let world: PodWorld;
  let undo: Undo;
  let folder: string;
  let made: { readonly folder: string; readonly nodes: readonly OciDevice[]; readonly label: string | undefined }[];
  beforeEach(async () => {
    world = await makePodWorld();
    undo = new Undo(silentLog);
    folder = path.join(world.parts.folders.imageViews(id), 'devices');
    made = [];
  });
  afterEach(() => world.end());

  const device = (file: string, over: Partial<OciDevice> = {}): OciDevice => ({ path: file, type: 'c', major: 1, minor: 7, uid: 0, gid: 0, ...over });
  const spec = (devices: readonly OciDevice[], mounts: readonly OciMount[] = [], linux: Partial<OciSpec['linux']> = {}): OciSpec => ({
    ociVersion: '1.2.0',
    process: { user: { uid: 0, gid: 0 }, args: ['x'], env: [], cwd: '/' },
    root: { path: 'rootfs' },
    mounts,
    annotations: {},
    linux: { resources: {}, cgroupsPath: '/x', namespaces: [], maskedPaths: [], readonlyPaths: [], devices, uidMappings: mapped, gidMappings: mapped, ...linux },
  });
  const shift = async (given: OciSpec): Promise<OciSpec> => {
    const { kernel } = world.parts;
    const makeDeviceNodes: typeof kernel.makeDeviceNodes = async (where, nodes, label) => {
      made.push({ folder: where, nodes, label });
      await kernel.makeDeviceNodes(where, nodes, label);
    };
    return await shiftDevices({ ...world.parts, kernel: { ...kernel, makeDeviceNodes } }, id, given, undo);
  };

  it('are nodes of the ids that the Pod maps, bound where they are to be', async () => {
    const { mounts, linux } = await shift(spec([device('/dev/a', { uid: 1000, gid: 5, fileMode: 0o660 }), device('/dev/b', { uid: 70_000 })]));
    assert.equal(linux.devices, undefined);
    assert.deepEqual(mounts.map(({ destination, source, type }) => [destination, source, type]), [
      ['/dev/a', path.join(folder, '0'), 'bind'],
      ['/dev/b', path.join(folder, '1'), 'bind'],
    ]);
    assert.deepEqual(made[0]?.nodes.map(({ uid, gid, fileMode }) => [uid, gid, fileMode]), [[101_000, 100_005, 0o660], [0, 100_000, undefined]]);
    assert.deepEqual([linux.uidMappings, linux.gidMappings], [mapped, mapped]);
  });

  it("have the container's SELinux label", async () => {
    await shift(spec([device('/dev/a')], [], { mountLabel: 'system_u:object_r:container_file_t:s0' }));
    assert.equal(made[0]?.label, 'system_u:object_r:container_file_t:s0');
  });

  const bind = (destination: string): OciMount => ({ destination, type: 'bind', source: '/x', options: ['rbind'] });

  it('give way to a mount at their path, as they do elsewhere', async () => {
    const { mounts, linux } = await shift(spec([device('/dev/a'), device('/dev/b')], [bind('/dev/a')]));
    assert.deepEqual(mounts.map(({ destination }) => destination), ['/dev/a', '/dev/b']);
    assert.equal(linux.devices, undefined);
  });

  it('are left to the OCI runtime where it makes them in every container', async () => {
    const own = [device('/dev/null'), device('/dev/ptmx')];
    const { mounts, linux } = await shift(spec([...own, device('/dev/a')]));
    assert.deepEqual([mounts.map(({ destination }) => destination), linux.devices], [['/dev/a'], own]);
    assert.equal((await shift(spec(own))).linux.devices, own);
  });

  it("are the host's where its /dev is mounted whole", async () => {
    const whole = spec([device('/dev/a')], [bind('/dev')]);
    assert.equal(await shift(whole), whole);
    assert.deepEqual(made, []);
  });

  it('are left to the OCI runtime without a user namespace', async () => {
    const { uidMappings: _, gidMappings: __, ...linux } = spec([device('/dev/a')]).linux;
    const plain = { ...spec([]), linux };
    assert.equal(await shift(plain), plain);
  });

  describe('of a Pod', () => {
    const ids = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
    const usernsOptions = { mode: 'POD' as const, uids: ids, gids: ids };
    const namespaceOptions = { network: 'POD' as const, pid: 'CONTAINER' as const, ipc: 'POD' as const, targetId: '', usernsOptions };
    const config = (() => {
      const given = containerConfig({ devices: [{ hostPath: '/dev/null', containerPath: '/dev/y', permissions: 'rw' }] });
      const security = given.linux?.securityContext;
      return security ? { ...given, linux: { resources: null, securityContext: { ...security, namespaceOptions } } } : given;
    })();
    let sandbox: Sandbox;
    let before: readonly string[];
    beforeEach(async () => {
      const given = sandboxConfig();
      const security = given.linux?.securityContext;
      const linux = given.linux && security ? { ...given.linux, securityContext: { ...security, namespaceOptions } } : null;
      const sandboxId = await runSandbox(world.parts, { config: { ...given, linux }, runtimeHandler: '' });
      sandbox = world.parts.sandboxes.get(sandboxId);
      await until('its sandbox is complete', () => world.parts.pauses.pid(sandboxId) > 0);
      before = await world.inventory();
    });

    it('are bound into the container, and go with it', async () => {
      const containerId = await createContainer(world.parts, sandbox, { config });
      const nodes = path.join(world.parts.folders.imageViews(containerId), 'devices');
      const stored = await world.containerd.containers.get(containerId);
      const { mounts } = JSON.parse(stored.spec.value.toString()) as OciSpec;
      assert.equal(mounts.find(({ destination }) => destination === '/dev/y')?.source, path.join(nodes, '0'));
      assert.ok(world.around.mounted.has(nodes));
      await removeContainer(world.parts, world.parts.containers.get(containerId));
      assert.deepEqual(await world.inventory(), before);
    });

    it('leave nothing when the container cannot be made', async () => {
      for (const step of ['kernel.makeDeviceNodes', 'containers.create']) {
        const faults = step.startsWith('kernel') ? world.around.faults : world.containerd.faults;
        faults.failNext(step, new CodedError('unavailable', 'broken for the test'));
        await assert.rejects(createContainer(world.parts, sandbox, { config }), { kind: 'unavailable' });
        assert.deepEqual(await world.inventory(), before, step);
      }
    });

    it('are swept away after a crash in the midst of it', async () => {
      const left = path.join(world.parts.folders.imageViews(id), 'devices');
      await mkdir(left, { recursive: true });
      world.around.mounted.add(left);
      const next = world.restart();
      await recover(next.parts);
      assert.deepEqual([next.around.mounted.has(left), existsSync(next.parts.folders.containerState(id))], [false, false]);
    });
  });
});
