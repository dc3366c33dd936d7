import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { eventually } from '../support/eventually.ts';
import type { Pod } from '../support/node/kubelet.ts';
import { findReservations } from '../support/node/network.ts';
import { TempNode } from '../support/temp-node.ts';
import { endNode, idOf, incarnations, podOf, readLog, readySandboxes, removePod, shellContainer, statusOf, stayAlive, untilEnded, untilReady } from './pods.ts';

const counter = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05 & wait $!; done";

/** How many lines podwright's log has that contain `text`. */
async function countLogged(node: TempNode, text: string): Promise<number> {
  return (await readFile(node.podwright.logPath, 'utf8')).split(text).length - 1;
}

/** Waits for a condition that is not a Pod's, then kills podwright that very moment. */
async function killWhen(node: TempNode, what: string, condition: () => Promise<boolean>): Promise<void> {
  await eventually(what, condition);
  await node.podwright.kill('SIGKILL');
}

describe('a kubelet whose runtime is restarted', function () {
  this.timeout(150_000);
  let node: TempNode;
  let counting: Pod;

  before(async () => {
    node = await TempNode.start({ kubelet: true });
    const livenessProbe = { exec: { command: ['true'] }, periodSeconds: 1 };
    await node.kubelet.runPod(podOf('counting', { main: [shellContainer('counter', counter, { livenessProbe })] }));
    counting = await untilReady(node, 'counting');
  });
  after(async () => {
    // What containerd lost of a start that was cut off is cleared at podwright's next one.
    await node.podwright.restart('SIGTERM');
    await endNode(node, 'counting');
  });

  /** The Pod that counts went on: same containers, still Ready, its liveness probe runs, no number lost or doubled. */
  async function assertUnharmed(): Promise<void> {
    const numbers = async (): Promise<number[]> => (await readLog(node, counting, 'counter')).map(({ text }) => Number(text));
    const seen = (await numbers()).length;
    const probes = await countLogged(node, '"rpc":"ExecSync"');
    await eventually('more numbers and another probe', async () => {
      return (await numbers()).length > seen + 20 && (await countLogged(node, '"rpc":"ExecSync"')) > probes + 1;
    });
    const logged = await numbers();
    assert.deepEqual(logged, logged.map((_, i) => i + 1));
    const pod = await untilReady(node, 'counting');
    assert.deepEqual(incarnations(pod), incarnations(counting));
    assert.equal(pod.status?.podIP, counting.status?.podIP);
  }

  it('goes on with its Pod when podwright is killed', async () => {
    await node.podwright.restart('SIGKILL');
    await assertUnharmed();
  });

  it('goes on with its Pod when podwright is told to end', async () => {
    await node.podwright.restart('SIGTERM');
    await assertUnharmed();
  });

  it('goes on with its Pod when the kubelet is killed', async () => {
    await node.kubelet.restart('SIGKILL');
    await assertUnharmed();
  });

  it('goes on with its Pod when containerd is killed, and starts new ones', async () => {
    await node.containerd.kill('SIGKILL');
    await eventually('podwright says that containerd is away', async () => {
      const { code, stdout } = await node.tryCrictl(['info']);
      if (code !== 0) return false;
      const { status } = JSON.parse(stdout) as { status: { conditions: { type: string; status: boolean; reason: string }[] } };
      return status.conditions.some((each) => each.type === 'RuntimeReady' && !each.status && each.reason !== '');
    });

    await node.containerd.start();

    await assertUnharmed();
    await node.kubelet.runPod(podOf('afterwards', { main: [shellContainer('main', stayAlive)] }));
    await untilReady(node, 'afterwards');
    await removePod(node, 'afterwards');
  });

  const moments: readonly [string, (node: TempNode) => () => Promise<boolean>][] = [
    ['its network is set up', (each) => async () => (await findReservations(each.facts)).length > 1],
    ['its first container is created', (each) => logged(each, 'container is created')],
    ['its second container is started', (each) => logged(each, 'container is started', 2)],
  ];
  for (const [moment, condition] of moments) {
    it(`brings a Pod up whose start was cut off when ${moment}`, async () => {
      const name = `cut-off-${moments.findIndex(([each]) => each === moment)}`;
      const reached = condition(node);
      await node.kubelet.runPod(
        podOf(name, {
          init: [shellContainer('init', 'echo seeded > /shared/seed'), shellContainer('side', stayAlive, { restartPolicy: 'Always' })],
          main: [shellContainer('main', `cat /shared/seed; ${stayAlive}`)],
        }),
      );

      await killWhen(node, moment, reached);
      await node.podwright.start();

      const pod = await untilReady(node, name);
      assert.ok(await eventually('the log of main', async () => (await readLog(node, pod, 'main', statusOf(pod, 'main').restartCount)).some(({ text }) => text === 'seeded')));
      assert.deepEqual(incarnations(await untilReady(node, 'counting')), incarnations(counting));
      await removePod(node, name);
    });
  }

  it('ends a Pod whose deletion was cut off', async () => {
    await node.kubelet.runPod(
      podOf('ending', { main: [shellContainer('quick', stayAlive), { ...shellContainer('slow', ''), command: ['sleep', '3600'] }] }),
    );
    const pod = await untilReady(node, 'ending');
    const reached = logged(node, `"containerId":"${idOf(pod, 'quick')}","exitCode"`);

    await node.kubelet.removePod('ending');
    await killWhen(node, 'one of its containers has ended', reached);
    await node.podwright.start();

    await untilEnded(node, 'ending');
    assert.deepEqual(await readySandboxes(node), [counting.metadata.name]);
    assert.deepEqual(incarnations(await untilReady(node, 'counting')), incarnations(counting));
  });
});

/** Whether podwright has logged `text` `times` more than it had when this was asked for. */
function logged(node: TempNode, text: string, times = 1): () => Promise<boolean> {
  const before = countLogged(node, text);
  return async () => (await countLogged(node, text)) >= (await before) + times;
}
