import assert from 'node:assert/strict';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import type { Container } from '../../support/cri-pod.ts';
import { streamText } from '../../support/log-records.ts';
import { findProcesses } from '../../support/node/processes.ts';

const lines = (count: number): string => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');

describe('the output of a container that ends while podwright is dead', function () {
  this.timeout(120_000);
  const cri = useCriNode();

  async function holders(): Promise<number[]> {
    return (await findProcesses(cri().node.facts)).filter(({ kind }) => kind === 'holder').map(({ pid }) => pid);
  }

  /** Kills podwright once the container is in the middle of its output, and returns after the container's end. */
  async function dieDuring(container: Container): Promise<void> {
    await container.says(/line 100\n/);
    const pid = await container.pid();
    await cri().podwright.kill();
    assert.equal((await holders()).length, 1);
    await eventually('the container has ended', async () => {
      const tasks = await cri().node.ctr('tasks', 'list');
      return tasks.split('\n').some((line) => line.startsWith(container.id) && /\s(STOPPED)\s*$/.test(line) && line.includes(` ${pid} `));
    });
  }

  async function startAgain(): Promise<void> {
    await cri().podwright.start();
    cri().reconnect();
  }

  // A batch of lines, a breath, and the next: some two seconds.
  const chatter =
    'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; [ $((i%50)) = 0 ] && { echo warn $i >&2; sleep 0.05; }; done; exit 7';

  it('is in its log to the last line, with the exit code it had', async () => {
    const pod = await cri().runPod();
    const container = await pod.runScript(chatter);
    await dieDuring(container);
    await startAgain();
    const { state, exitCode, reason } = await container.status();
    assert.deepEqual([state, exitCode, reason], ['CONTAINER_EXITED', 7, 'Error']);
    const records = await container.records();
    assert.equal(streamText(records, 'stdout'), lines(2000));
    assert.equal(records.filter(({ stream }) => stream === 'stderr').length, 40);
  });

  it('is in its log also when its shim was killed then, and nothing tells how it ended', async () => {
    const pod = await cri().runPod();
    const container = await pod.runScript(chatter);
    await dieDuring(container);
    for (const { kind, pid } of await findProcesses(cri().node.facts)) if (kind === 'shim') process.kill(pid, 'SIGKILL');
    await eventually('its task is gone', async () => !(await cri().node.ctr('tasks', 'list')).includes(container.id));
    await startAgain();
    const { state, exitCode, reason } = await container.status();
    assert.deepEqual([state, exitCode, reason], ['CONTAINER_EXITED', 255, 'Unknown']);
    assert.equal(streamText(await container.records(), 'stdout'), lines(2000));
  });

  it('leaves no holder behind when the Pods are gone', async () => {
    const pod = await cri().runPod();
    await pod.run();
    assert.equal((await holders()).length, 1);
    await cri().restartPodwright();
    await eventually('one holder has replaced the other', async () => (await holders()).length === 1);
    await cri().removePods();
    await eventually('there is no holder', async () => (await holders()).length === 0);
  });
});
