import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { busyboxImage, configuredImage } from '../../../hack/images/catalogue.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';
import { CriNode, useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { cniFolders } from '../../support/node/network.ts';
import { run } from '../../support/node/run.ts';
import type { Table } from '../../support/node/podwright.ts';
import type { TempNode } from '../../support/temp-node.ts';

const privileged = { linux: { securityContext: { privileged: true } } };

/** Where the second handler's things are. */
function placesOf(root: string) {
  const folder = path.join(root, 'second');
  return {
    folder,
    runtime: path.join(folder, 'runtime'),
    calls: path.join(folder, 'calls'),
    runcRoot: path.join(folder, 'runc'),
    baseSpec: path.join(folder, 'base.json'),
    cni: path.join(folder, 'net.d'),
    ipam: path.join(folder, 'ipam'),
  };
}

/** A handler that differs from the default one in everything that can be said of a handler. */
async function makeSecond(node: TempNode): Promise<Table> {
  const places = placesOf(node.root);
  await mkdir(places.cni, { recursive: true });
  await writeFile(places.runtime, `#!/bin/sh\necho "$@" >> ${places.calls}\nexec ${node.seat.runcPath} "$@"\n`);
  await chmod(places.runtime, 0o755);
  const rlimits = [{ type: 'RLIMIT_NOFILE', hard: 1234, soft: 1234 }];
  await writeFile(places.baseSpec, JSON.stringify({ ociVersion: '1.0.2', process: { rlimits, env: ['FROM_BASE=yes'] } }));
  const list = {
    cniVersion: '1.0.0',
    name: `${node.facts.name}-second`,
    plugins: [
      {
        type: 'bridge',
        bridge: node.facts.bridge,
        ipam: {
          type: 'host-local',
          dataDir: places.ipam,
          ranges: [[{ subnet: `${node.facts.subnet}.0/24`, rangeStart: `${node.facts.subnet}.200`, rangeEnd: `${node.facts.subnet}.250` }]],
        },
      },
    ],
  };
  await writeFile(path.join(places.cni, '10-second.conflist'), JSON.stringify(list));
  return {
    type: 'io.containerd.runc.v2',
    snapshotter: 'native',
    cni_conf_dir: places.cni,
    base_runtime_spec: places.baseSpec,
    privileged_without_host_devices: true,
    pod_annotations: ['pod.test/*'],
    container_annotations: ['*.test/told'],
    options: { BinaryName: places.runtime, Root: places.runcRoot, NoNewKeyring: true },
  };
}

/** A handler whose shim is not runc's by its name; what it does is all the same. */
async function makeOther(node: TempNode): Promise<Table> {
  const type = path.join(node.root, 'other', 'containerd-shim-other-v1');
  await mkdir(path.dirname(type), { recursive: true });
  await writeFile(type, '#!/bin/sh\nexec containerd-shim-runc-v2 "$@"\n');
  await chmod(type, 0o755);
  return { type };
}

describe('a runtime handler', function () {
  this.timeout(90_000);
  const cri = useCriNode({}, async (node) => ({ config: { runtimes: { second: await makeSecond(node), other: await makeOther(node) } } }));
  const places = () => placesOf(cri().node.root);

  async function specOf(id: string): Promise<OciSpec> {
    const { Spec } = JSON.parse(await cri().node.ctr('containers', 'info', id)) as { Spec: OciSpec };
    return Spec;
  }

  async function layers(): Promise<number> {
    const list = await cri().node.ctr('snapshots', '--snapshotter', 'native', 'list');
    return list.trim().split('\n').length - 1;
  }

  it('is told with what it can do, and the default one also under the empty name', async () => {
    const { runtimeHandlers } = await cri().call('Status', {});
    assert.deepEqual(runtimeHandlers.map(({ name }) => name), ['', 'runc', 'second', 'other']);
    assert.equal(runtimeHandlers.every(({ features }) => features?.recursiveReadOnlyMounts), true);
    // containerd's native snapshotter copies files and shifts no owners.
    assert.deepEqual(runtimeHandlers.map(({ features }) => features?.userNamespaces), [true, true, false, true]);
  });

  it('runs its own OCI runtime with its own options, and the default one does not', async () => {
    const plain = await (await cri().runPod()).run();
    assert.equal(await readFile(places().calls, 'utf8'), 'features\n');
    const pod = await cri().runPod({}, 'second');
    const container = await pod.run();
    assert.equal((await pod.status()).runtimeHandler, 'second');
    assert.match(await readFile(places().calls, 'utf8'), new RegExp(`--root ${places().runcRoot}.* create .*--no-new-keyring.* ${container.id}`));
    const { items } = await cri().call('ListPodSandbox', { filter: { id: pod.id } });
    assert.equal(items[0]?.runtimeHandler, 'second');
    const kept = await readdir(path.join(places().runcRoot, cri().node.facts.name));
    assert.ok(kept.includes(container.id));
    assert.ok(!kept.includes(plain.id));
  });

  it('with another shim than that of runc tells it none of its options, and its Pods live and die with their pause container', async () => {
    const pod = await cri().runPod({ hostname: 'of-the-pod' }, 'other');
    const pause = await pod.pausePid();
    assert.ok(pause > 0, 'it runs when the Pod is ready');
    const container = await pod.run();
    assert.equal(await container.sh('hostname'), 'of-the-pod');
    const { Runtime } = JSON.parse(await cri().node.ctr('containers', 'info', container.id)) as { Runtime: { Options: unknown } };
    assert.equal(Runtime.Options, null);
    process.kill(pause, 'SIGKILL');
    await eventually('the Pod is not ready', async () => (await pod.status()).state === 'SANDBOX_NOTREADY');
  });

  it('that nobody configured is refused with those that are', async () => {
    await cri().refuse('RunPodSandbox', { config: cri().podConfig(), runtimeHandler: 'third' }, 'INVALID_ARGUMENT', 'third', '"runc", "second"');
    await cri().refuse('PullImage', { image: { image: busyboxImage, runtimeHandler: 'third' } }, 'INVALID_ARGUMENT', 'third');
    await cri().assertNothingLeft();
  });

  it('makes its containers with its own snapshotter, of images that were pulled for another one', async () => {
    const mounts = 'grep " / " /proc/self/mounts';
    const [plain, other] = await Promise.all([cri().runPod(), cri().runPod({}, 'second')]);
    assert.match(await (await plain.run()).sh(mounts), /^overlay /m);
    const container = await other.run();
    assert.doesNotMatch(await container.sh(mounts), /^overlay /m);
    assert.equal(await container.sh('echo written > /file && cat /file && id -un'), 'written\nroot');
    const { stats } = await cri().call('ContainerStats', { containerId: container.id });
    assert.equal(stats?.attributes?.id, container.id);
  });

  it('has images unpacked for its snapshotter when they are pulled for it, and lets go of them with the image', async () => {
    const before = await layers();
    await cri().call('PullImage', { image: { image: configuredImage, runtimeHandler: 'second' } });
    assert.equal(await layers(), before + 2);
    const pod = await cri().runPod({}, 'second');
    const container = await pod.run({ image: { image: configuredImage }, command: [] });
    await container.says(/yes 1000 \/work/);
    const plain = await (await cri().runPod()).run({ image: { image: configuredImage }, command: [] });
    await plain.says(/yes 1000 \/work/);
    await cri().removePods();
    await cri().call('RemoveImage', { image: { image: configuredImage } });
    await eventually('its layers are gone', async () => (await layers()) <= before);
  });

  it('tells the runtime the annotations that it is to pass on, of the Pod and of the container', async () => {
    const annotations = { 'pod.test/a': '1', 'pod.test/b/c': '2', 'other.test/told': '3' };
    const own = { 'my.test/told': '4', 'pod.test/own': '5', 'io.kubernetes.cri.container-type': 'sandbox' };
    const pod = await cri().runPod({ annotations }, 'second');
    const container = await pod.create({ annotations: own });
    const told = (await specOf(container.id)).annotations;
    assert.equal(told['pod.test/a'], '1');
    assert.equal(told['my.test/told'], '4');
    assert.equal(told['io.kubernetes.cri.container-type'], 'container');
    for (const name of ['pod.test/b/c', 'other.test/told', 'pod.test/own']) assert.equal(told[name], undefined, name);
    await eventually('the pause container runs', async () => (await pod.pausePid()) > 0);
    assert.equal((await specOf(pod.id)).annotations['pod.test/a'], '1');
    const plain = await (await cri().runPod({ annotations })).create({ annotations: own });
    assert.equal((await specOf(plain.id)).annotations['pod.test/a'], undefined);
  });

  it('lays its base spec under that of its containers, execs included', async () => {
    const container = await (await cri().runPod({}, 'second')).run({ envs: [{ key: 'OWN', value: Buffer.from('too') }] });
    assert.equal(await container.sh('ulimit -n; echo $FROM_BASE $OWN; tr "\\0" "\\n" < /proc/1/environ | grep -c FROM_BASE'), '1234\nyes too\n1');
    const plain = await (await cri().runPod()).run();
    assert.notEqual(await plain.sh('ulimit -n'), '1234');
  });

  it("keeps the host's devices from its privileged containers", async () => {
    const host = (await run('find', ['/dev', '-maxdepth', '1', '-type', 'c', '-printf', '%f\n'])).trim().split('\n');
    const usual = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console', 'ptmx'];
    const special = host.find((name) => !usual.includes(name));
    assert.ok(special, 'the host has a device that not every container has');
    const look = `test -e /dev/${special} && echo there || echo hidden`;
    const [open, closed] = await Promise.all([cri().runPod(privileged), cri().runPod(privileged, 'second')]);
    assert.equal(await (await open.run(privileged)).sh(look), 'there');
    const container = await closed.run(privileged);
    assert.equal(await container.sh(look), 'hidden');
    // Privileged all the same.
    assert.match(await container.sh('grep CapEff /proc/self/status'), /[0-9a-f]{10}$/);
    assert.equal(await container.sh('mkdir /m && mount -t tmpfs none /m && echo mounted'), 'mounted');
  });

  it('puts its Pods on its own network, and takes them off again', async () => {
    const [plain, own] = await Promise.all([cri().runPod(), cri().runPod({}, 'second')]);
    const last = async (pod: typeof own): Promise<number> => Number((await pod.ip()).split('.').at(-1));
    assert.ok((await last(own)) >= 200, String(await last(own)));
    assert.ok((await last(plain)) < 200, String(await last(plain)));
    const reserved = async () => (await readdir(path.join(places().ipam, `${cri().node.facts.name}-second`))).filter((name) => /^\d/.test(name));
    assert.equal((await reserved()).length, 1);
    await own.stop();
    assert.deepEqual(await reserved(), []);
    assert.notEqual(cniFolders(cri().node.root).ipamFolder, places().ipam);
  });

  it('can go from the configuration, and its Pods can still be stopped and removed', async () => {
    const pod = await cri().runPod({}, 'second');
    const container = await pod.run();
    await cri().podwright.kill();
    const without = await cri().node.startPodwright({});
    const other = new CriNode(cri().node, without);
    try {
      assert.equal((await pod.status()).state, 'SANDBOX_READY');
      await other.call('StopContainer', { containerId: container.id, timeout: 0 });
      await other.call('StopPodSandbox', { podSandboxId: pod.id });
      await other.call('RemovePodSandbox', { podSandboxId: pod.id });
      await other.refuse('RunPodSandbox', { config: other.podConfig(), runtimeHandler: 'second' }, 'INVALID_ARGUMENT');
    } finally {
      await without.kill();
      other.client.close();
      await cri().podwright.start();
      cri().reconnect();
    }
  });
});
