import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pauseImage } from '../../../hack/images/catalogue.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { cniFolders } from '../../support/node/network.ts';
import { run } from '../../support/node/run.ts';
import { Wrappers } from '../../support/wrappers.ts';

const sharedPid = { linux: { securityContext: { namespaceOptions: { pid: 'POD' as const } } } };
const cniError = (message: string): string =>
  `cat > /dev/null; echo '{"cniVersion":"1.0.0","code":11,"msg":"${message}","details":"of a test"}'; exit 1`;

describe('a failure', function () {
  this.timeout(60_000);
  let wrappers: Wrappers;

  // Before the one that removes all Pods, for which everything has to work again.
  afterEach(async () => {
    for (const name of ['bridge', 'portmap', 'runc']) await wrappers.restore(name);
    await run('mount', ['-o', 'remount,rw', path.join(cri().node.root, 'small')]);
    await rm(path.join(cri().node.root, 'small', 'ballast'), { force: true });
  });

  const cri = useCriNode({}, async (node) => {
    wrappers = new Wrappers(path.join(node.root, 'wrappers'));
    for (const plugin of ['bridge', 'portmap']) await wrappers.wrap(plugin, path.join(node.seat.cniFolder, plugin));
    const BinaryName = await wrappers.wrap('runc', node.seat.runcPath);
    const root = path.join(node.root, 'small');
    await mkdir(root);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]);
    return {
      config: {
        root,
        cni: { bin_dirs: [wrappers.folder, node.seat.cniFolder] },
        runtimes: { runc: { options: { BinaryName } } },
      },
    };
  });

  // portmap is run for a Pod that maps a port only.
  const withPort = { portMappings: [{ protocol: 'TCP' as const, containerPort: 80, hostPort: 28_000 + (process.pid % 1_000) }] };

  /** Fails to run a Pod, with nothing left of it. Returns the words. */
  async function failToRun(words: readonly (string | RegExp)[], given = {}): Promise<string> {
    const { code, details } = await cri().try('RunPodSandbox', { config: cri().podConfig(given) });
    assert.notEqual(code, 0);
    for (const word of words) assert.match(details, new RegExp(word));
    assert.deepEqual(await cri().podIds(), []);
    await cri().assertNothingLeft();
    return details;
  }

  describe('of the network leaves nothing of a Pod and says which plugin', () => {
    it('when the first one fails', async () => {
      await wrappers.instead('bridge', cniError('no bridge today'));
      await failToRun(['bridge', 'ADD', 'no bridge today', 'of a test']);
    });

    it('when a later one fails, and the address of the first is free again', async () => {
      await wrappers.instead('portmap', `[ "$CNI_COMMAND" = ADD ] && { ${cniError('no ports today')}; }`);
      await failToRun(['portmap', 'ADD', 'no ports today'], withPort);
    });

    it('when one prints garbage', async () => {
      await wrappers.instead('portmap', '[ "$CNI_COMMAND" = ADD ] && { cat > /dev/null; echo "this is { no JSON"; exit 0; }');
      await failToRun(['portmap', 'ADD', 'this is'], withPort);
    });

    it('when one dies', async () => {
      await wrappers.instead('bridge', '[ "$CNI_COMMAND" = ADD ] && { echo "oh no" >&2; kill -9 $$; }');
      await failToRun(['bridge', 'ADD', /SIGKILL|killed/]);
    });

    it('when one is missing, and Status says so until it is there', async () => {
      const { confFolder } = cniFolders(cri().node.root);
      const file = path.join(confFolder, '10-node.conflist');
      const good = await readFile(file, 'utf8');
      const networkReady = async () => {
        const { status } = await cri().call('Status', {});
        return status?.conditions.find(({ type }) => type === 'NetworkReady');
      };
      await writeFile(file, good.replace('"portmap"', '"no-such-plugin"'));
      const condition = await eventually('the network is not ready', async () => {
        const now = await networkReady();
        return now?.status === false && now;
      });
      assert.match(condition.message, /no-such-plugin/);
      await failToRun(['no-such-plugin']);
      await rename(file, `${file}.away`);
      await eventually('Status says that there is no network', async () => !(await networkReady())?.message.includes('no-such'));
      await failToRun([confFolder]);
      await writeFile(file, good);
      await rm(`${file}.away`);
      await eventually('the network is ready', async () => (await networkReady())?.status === true);
      await (await cri().runPod()).stop();
    });

    it('when one hangs: the caller is told in time, and its retry finds what came of it', async () => {
      const go = path.join(wrappers.folder, 'go');
      await wrappers.instead('bridge', `[ "$CNI_COMMAND" = ADD ] && while [ ! -e '${go}' ]; do sleep 0.1; done`);
      const config = cri().podConfig();
      const answer = await cri().client.call('RunPodSandbox', { config }, { deadline: Date.now() + 1000 });
      assert.equal(answer.code, 4);
      assert.deepEqual(await cri().podIds(), []);
      await cri().call('Status', {});
      await writeFile(go, '');
      const { podSandboxId } = await cri().call('RunPodSandbox', { config });
      assert.deepEqual(await cri().podIds(), [podSandboxId]);
      await rm(go);
    });

    it('when the address cannot be given back: the Pod stays NOTREADY until that works', async () => {
      await wrappers.instead('portmap', cniError('neither in nor out'));
      const { code } = await cri().try('RunPodSandbox', { config: cri().podConfig(withPort) });
      assert.notEqual(code, 0);
      for (const podSandboxId of await cri().podIds()) {
        const { status } = await cri().call('PodSandboxStatus', { podSandboxId });
        assert.equal(status?.state, 'SANDBOX_NOTREADY');
      }
      await wrappers.restore('portmap');
      await cri().removePods();
      await cri().assertNothingLeft();
    });

    it('when a Pod is stopped: the stop fails, and works when the network does', async () => {
      const pod = await cri().runPod();
      await wrappers.instead('bridge', `[ "$CNI_COMMAND" = DEL ] && { ${cniError('not now')}; }`);
      const { code, details } = await cri().try('StopPodSandbox', { podSandboxId: pod.id });
      assert.notEqual(code, 0);
      assert.match(details, /bridge.*not now/);
      assert.equal((await pod.status()).state, 'SANDBOX_NOTREADY');
      assert.notEqual((await cri().try('RemovePodSandbox', { podSandboxId: pod.id })).code, 0);
      await wrappers.restore('bridge');
      await pod.stop();
      await pod.remove();
      await cri().assertNothingLeft();
    });
  });

  it('of the OCI runtime leaves nothing of a Pod whose first process it could not start', async () => {
    await wrappers.instead('runc', 'for word; do [ "$word" = create ] && { echo "out of order" >&2; exit 1; }; done');
    await failToRun(['pause'], sharedPid);
  });

  it('of the OCI runtime is the reason of a container that could not start', async () => {
    const pod = await cri().runPod();
    await pod.isComplete();
    const container = await pod.create();
    await wrappers.instead('runc', 'for word; do [ "$word" = start ] && { echo "out of order" >&2; exit 1; }; done');
    const { code } = await cri().try('StartContainer', { containerId: container.id });
    assert.notEqual(code, 0);
    const { state, exitCode, reason } = await container.status();
    assert.deepEqual([state, exitCode, reason], ['CONTAINER_EXITED', 128, 'StartError']);
  });

  it('to get the sandbox image leaves nothing, and is over with the registry back', async () => {
    await cri().call('RemoveImage', { image: { image: pauseImage } });
    await cri().node.registry.stop();
    await failToRun([pauseImage]);
    await cri().node.registry.start();
    await cri().runPod();
  });

  it('of the disk, full or read-only, is told as such and survived', async () => {
    const root = path.join(cri().node.root, 'small');
    const ballast = path.join(root, 'ballast');
    const pod = await cri().runPod();
    await run('sh', ['-c', `cat /dev/zero > '${ballast}' 2> /dev/null || true`]);
    const full = await cri().try('RunPodSandbox', { config: cri().podConfig() });
    assert.equal(full.code, 8, full.details);
    assert.match(full.details, /no space left/i);
    assert.equal((await pod.status()).state, 'SANDBOX_READY');
    await rm(ballast);
    await run('mount', ['-o', 'remount,ro', root]);
    const readOnly = await cri().try('RunPodSandbox', { config: cri().podConfig() });
    assert.notEqual(readOnly.code, 0);
    assert.match(readOnly.details, /read-only file system/i);
    await run('mount', ['-o', 'remount,rw', root]);
    assert.deepEqual(await cri().podIds(), [pod.id]);
    await cri().removePods();
    await cri().assertNothingLeft();
  });

  it('to write that a container runs on a full disk leaves none that runs unseen', async () => {
    const ballast = path.join(cri().node.root, 'small', 'ballast');
    const container = await (await cri().runPod()).create();
    await run('sh', ['-c', `cat /dev/zero > '${ballast}' 2> /dev/null || true`]);
    const { code } = await cri().try('StartContainer', { containerId: container.id });
    const { state } = await container.status();
    assert.ok((code === 0) === (state === 'CONTAINER_RUNNING'), `${code} ${state}`);
    await rm(ballast);
  });

  it('to read one record costs that Pod and no other, and the record is set aside', async () => {
    // As from a kubelet, which keeps the Pods' cgroups itself.
    const cgroupParent = `${cri().node.facts.cgroup}/lost`;
    const [lost, kept] = [await cri().runPod({ linux: { cgroupParent } }), await cri().runPod()];
    const container = await kept.run();
    await lost.run();
    await cri().podwright.kill();
    const root = path.join(cri().node.root, 'small');
    await writeFile(path.join(root, 'sandboxes', lost.id, 'sandbox.json'), '{"version":1,"id":');
    await cri().podwright.start();
    cri().reconnect();
    assert.deepEqual(await cri().podIds(), [kept.id]);
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
    const [aside = ''] = await readdir(path.join(root, 'unreadable'));
    assert.ok(aside.startsWith(lost.id));
    assert.ok((await readFile(cri().podwright.logPath, 'utf8')).includes(aside));
    // What is left of the lost one can still be found and removed by its container.
    for (const containerId of await cri().containerIds()) await cri().call('RemoveContainer', { containerId });
    await cri().removePods();
    await cri().assertNothingLeft();
  });

  it('of containerd in the midst of a start leaves nothing but what can be removed', async () => {
    for (const delayMs of [2, 10, 25, 60]) {
      const pods = [1, 2, 3].map(() => cri().try('RunPodSandbox', { config: cri().podConfig(sharedPid) }));
      await sleep(delayMs);
      await cri().node.containerd.restart();
      for (const { code, details } of await Promise.all(pods)) {
        if (code !== 0) assert.match(details, /^(?!internal error)./);
      }
      await eventually('podwright has containerd back', async () => {
        const { status } = await cri().call('Status', {});
        return status?.conditions.every((condition) => condition.status);
      });
      await cri().removePods();
      await cri().clearCutOff();
      await cri().assertNothingLeft();
    }
  });

  const ends: readonly (readonly [string, () => Promise<void>])[] = [
    ['containerd', () => cri().node.containerd.restart()],
    ['podwright', () => killed()],
  ];
  for (const [who, end] of ends) {
    it(`of ${who} in the midst of a pull leaves nothing of the image, and the next pull has it whole`, async () => {
      const registry = new FakeRegistry();
      await registry.start();
      try {
        const stored = registry.addImage('app', '1', { lowerLayers: [{ low: 'low' }, { middle: 'middle' }], files: { high: 'high' } });
        const asked = deferred();
        registry.intercept = ({ url }) => {
          if (url?.includes(stored.layerDigest) !== true) return undefined;
          asked.resolve();
          return 'hang';
        };
        const image = { image: `${registry.host}/app:1` };
        const layers = async (): Promise<number> => (await cri().node.ctr('snapshots', 'list')).match(/ Committed/g)?.length ?? 0;
        const before = await layers();
        const pulling = cri().try('PullImage', { image });
        await asked.promise;
        await Promise.race([
          eventually('the layers below are unpacked', async () => (await layers()) === before + 2),
          pulling.then(({ details }) => assert.fail(`the pull is over: ${details}`)),
        ]);
        await end();
        assert.notEqual((await pulling).code, 0);
        await eventually('nothing holds on to it', async () => {
          const leases = await cri().node.ctr('leases', 'list');
          const images = await cri().node.ctr('images', 'list', '--quiet');
          return !leases.includes('podwright.io/pull') && !images.includes('pulling');
        });
        await cri().node.collectGarbage();
        assert.equal(await layers(), before);
        registry.intercept = () => undefined;
        await cri().call('PullImage', { image });
        await cri().call('RemoveImage', { image });
      } finally {
        await registry.stop();
      }
    });
  }

  async function killed(): Promise<void> {
    await cri().podwright.kill();
    await cri().podwright.start();
    cri().reconnect();
  }

  it('of containerd is told by Status and as UNAVAILABLE, and lists are still answered', async () => {
    const pod = await cri().runPod();
    await cri().node.containerd.kill();
    await eventually('Status says so', async () => {
      const { status } = await cri().call('Status', {});
      const runtime = status?.conditions.find(({ type }) => type === 'RuntimeReady');
      return runtime?.status === false && runtime.message.includes(cri().node.containerd.socket);
    });
    assert.deepEqual(await cri().podIds(), [pod.id]);
    await cri().refuse('RunPodSandbox', { config: cri().podConfig() }, 'UNAVAILABLE', 'containerd');
    await cri().refuse('PullImage', { image: { image: pauseImage } }, 'UNAVAILABLE', 'containerd');
    await cri().node.containerd.start();
    await eventually('it is ready again', async () => {
      const { status } = await cri().call('Status', {});
      return status?.conditions.every((condition) => condition.status);
    });
    await cri().removePods();
    await cri().assertNothingLeft();
    assert.ok(existsSync(cri().podwright.socket));
  });
});
