import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import { CriNode, useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';

describe('a podwright', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  it('lives beside another one on the same containerd, and neither touches what is the other one\'s', async () => {
    const namespace = `${cri().node.facts.name}-2`;
    const other = new CriNode(cri().node, await cri().node.startPodwright({ name: 'q', config: { containerd: { namespace } } }));
    await other.call('PullImage', { image: { image: busyboxImage } });
    // The same names in both.
    const config = cri().podConfig();
    const [pod, twin] = [await cri().runPod(config), await other.runPod(config)];
    const [container, twinContainer] = [await pod.run(), await twin.run()];
    assert.notEqual(await pod.ip(), await twin.ip());
    assert.deepEqual(await cri().podIds(), [pod.id]);
    assert.deepEqual(await other.podIds(), [twin.id]);
    await other.refuse('ContainerStatus', { containerId: container.id }, 'NOT_FOUND');
    await Promise.all([cri().restartPodwright(), other.restartPodwright()]);
    assert.equal(await container.sh('echo alive'), 'alive');
    await cri().call('RemoveImage', { image: { image: busyboxImage } });
    assert.equal((await other.call('ListImages', {})).images.filter(({ repoTags }) => repoTags.includes(busyboxImage)).length, 1);
    await cri().call('PullImage', { image: { image: busyboxImage } });
    await cri().removePods();
    await cri().restartPodwright();
    assert.equal((await twin.status()).state, 'SANDBOX_READY');
    assert.equal(await twinContainer.sh('echo alive'), 'alive');
    await other.removePods();
    await other.podwright.kill('SIGTERM');
    other.client.close();
  });

  it('does not start where another one serves, and leaves that one alone', async () => {
    const second = cri().node.preparePodwright({ name: 'p', args: ['--log-level', 'info'] });
    await second.launch();
    await second.ended();
    assert.notEqual(second.ending, 0);
    assert.ok(existsSync(cri().podwright.socket));
    await cri().call('Version', {});
  });

  describe('serves on', () => {
    const write = async (bytes: Buffer): Promise<void> => {
      const connection = connect(cri().podwright.socket);
      connection.on('error', () => {});
      connection.end(bytes);
      await new Promise<void>((resolve) => {
        connection.once('close', () => resolve());
        setTimeout(() => connection.destroy(), 1_000).unref();
      });
    };

    it('after bytes that are no gRPC', async () => {
      const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      const request = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const noise = [request, Buffer.alloc(100_000, 0xff), preface, Buffer.concat([preface, Buffer.alloc(10_000, 0xa5)])];
      await Promise.all(noise.map(write));
      for (let i = 0; i < 50; i++) connect(cri().podwright.socket).on('error', () => {}).destroy();
      await cri().call('Version', {});
    });

    it('after a request that is too large', async () => {
      const annotations = { huge: 'x'.repeat(20 * 2 ** 20) };
      await cri().refuse('RunPodSandbox', { config: cri().podConfig({ annotations }) }, 'RESOURCE_EXHAUSTED');
      assert.deepEqual(await cri().podIds(), []);
    });

    it('with a request that is nearly too large', async () => {
      const annotations = { large: 'x'.repeat(10 * 2 ** 20) };
      const pod = await cri().runPod({ annotations });
      assert.equal((await pod.status()).annotations['large']?.length, 10 * 2 ** 20);
    });

    it('while thousands of calls come at once', async () => {
      const pod = await cri().runPod();
      const container = await pod.run();
      const calls = Array.from({ length: 2_000 }, (_, i) =>
        i % 3 === 0
          ? cri().call('ListContainers', {})
          : i % 3 === 1
            ? cri().call('ContainerStatus', { containerId: container.id })
            : cri().call('PodSandboxStatus', { podSandboxId: pod.id }),
      );
      assert.equal((await Promise.all(calls)).length, 2_000);
    });

    it('after many calls that were given up', async () => {
      const before = await cri().inventory();
      await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          cri().client.call(i % 2 === 0 ? 'ListImages' : 'Status', {}, {}, (cancel) => setImmediate(cancel)),
        ),
      );
      await cri().call('Version', {});
      await cri().assertNothingLeft(before);
    });

    it('and its answers go to each of many clients', async () => {
      const nodes = Array.from({ length: 20 }, () => new CriNode(cri().node));
      const versions = await Promise.all(nodes.map((each) => each.call('Version', {})));
      assert.ok(versions.every(({ runtimeName, version }) => runtimeName === 'podwright' && version === '0.1.0'));
      for (const each of nodes) each.client.close();
    });
  });

  it('answers the questions of a kubelet that starts', async () => {
    const version = await cri().call('Version', {});
    assert.equal(version.runtimeApiVersion, 'v1');
    assert.match(version.runtimeVersion, /^v?\d+\.\d+\.\d+/);
    const { status } = await cri().call('Status', { verbose: true });
    assert.deepEqual(status?.conditions.map(({ type, status: is }) => [type, is]), [
      ['RuntimeReady', true],
      ['NetworkReady', true],
    ]);
    const { linux } = await cri().call('RuntimeConfig', {});
    assert.equal(linux?.cgroupDriver, 'CGROUPFS');
    await cri().call('UpdateRuntimeConfig', { runtimeConfig: { networkConfig: { podCidr: '10.1.0.0/24,fd00::/64' } } });
    const { imageFilesystems } = await cri().call('ImageFsInfo', {});
    assert.ok(existsSync(imageFilesystems[0]?.fsId?.mountpoint ?? ''));
    await eventually('the pull counts', async () => {
      const { imageFilesystems: now } = await cri().call('ImageFsInfo', {});
      return BigInt(now[0]?.usedBytes?.value ?? 0) > 0n;
    });
  });
});
