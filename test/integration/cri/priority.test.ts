import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { useCriNode } from '../../support/cri-node.ts';

describe('the priority', () => {
  const cri = useCriNode();

  /** The nice values of a process's threads (proc_pid_stat(5), field 19), each once. */
  async function niceOf(pid: number): Promise<number[]> {
    const threads = await readdir(`/proc/${pid}/task`);
    const stats = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
    return [...new Set(stats.map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])))];
  }

  it('of podwright is above that of the Pods it serves, in all of its threads', async () => {
    const { pid = 0 } = cri().podwright;
    const container = await (await cri().runPod()).run();
    await container.exec(['true']);
    assert.deepEqual(await niceOf(pid), [-10]);
    assert.deepEqual(await niceOf(await container.pid()), [0]);
  });
});
