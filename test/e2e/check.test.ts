import assert from 'node:assert/strict';
import path from 'node:path';
import { tryRun } from '../support/node/run.ts';
import { TempNode } from '../support/temp-node.ts';
import { endNode, podOf, shellContainer, stayAlive, untilReady } from './pods.ts';

const mainPath = path.join(import.meta.dirname, '../../dist/main.js');

/** What `podwright check` finds wrong. Other kubelets of the machine are not told of unless they are misled themselves. */
async function faults({ podwright }: TempNode): Promise<string> {
  const { code, stdout } = await tryRun(process.execPath, [mainPath, 'check', '--config', podwright.configPath]);
  assert.equal(code, 1, stdout);
  return stdout.split('\n').filter((line) => line.startsWith('wrong')).join('\n');
}

const configFile = (node: TempNode): string => path.join(node.root, 'k', 'config.json');

describe('podwright check, of a real kubelet', function () {
  this.timeout(150_000);

  describe('that was told another cgroup driver', () => {
    let node: TempNode;
    before(async () => {
      node = await TempNode.start({ kubelet: { config: { cgroupDriver: 'systemd' } } });
    });
    after(() => endNode(node, 'asks'));

    it('says so, and where, although the kubelet asks podwright for its driver and Pods run', async () => {
      await node.kubelet.runPod(podOf('asks', { main: [shellContainer('main', stayAlive)] }));
      await untilReady(node, 'asks');
      const told = `the kubelet (pid ${node.kubelet.pid}) is told the cgroup driver systemd (cgroupDriver in ${configFile(node)}), and podwright has cgroupfs: set SystemdCgroup = true`;
      const found = await faults(node);
      assert.ok(found.includes(told), found);
    });

    it('says that podwright is not there, without which the kubelet ends', async () => {
      const { socket } = node.podwright;
      await node.podwright.kill();
      await assert.rejects(node.kubelet.restart(), /it ended with 1\n[^]*podwright\.sock: connect: connection refused/);
      assert.match(await faults(node), new RegExp(`nobody serves the CRI at ${socket} .*: start podwright`));
      await node.podwright.start();
      await node.kubelet.start();
      await untilReady(node, 'asks');
    });
  });

  describe("that runs its Pods on containerd's own CRI", () => {
    let node: TempNode;
    before(async () => {
      node = await TempNode.start({ criPlugin: true, podwright: true });
      await node.startKubelet({ config: { containerRuntimeEndpoint: `unix://${node.facts.containerdSocket}` } });
    });
    after(() => node?.stop());

    it('names its socket, where it was told so, and what to set', async () => {
      const { containerdSocket } = node.facts;
      const { socket } = node.podwright;
      const told =
        `the kubelet (pid ${node.kubelet.pid}) asks for its containers at unix://${containerdSocket} (containerRuntimeEndpoint in ${configFile(node)}), ` +
        `and podwright serves at unix://${socket}: set containerRuntimeEndpoint: unix://${socket} in its configuration`;
      const found = await faults(node);
      assert.ok(found.includes(told), found);
    });
  });
});
