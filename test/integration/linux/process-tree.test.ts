import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { killTree } from '../../../src/linux/process-tree.ts';

describe('killing process trees', () => {
  it('a hundred at once, needs few descriptors', async () => {
    const shells = Array.from({ length: 100 }, () => spawn('sh', ['-c', 'sleep 1000 & wait'], { detached: true, stdio: 'ignore' }));
    const ends = Promise.all(shells.map((shell) => once(shell, 'exit')));
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, open())), 1);
    try {
      await Promise.all(shells.map(({ pid = 0 }) => killTree(pid)));
    } finally {
      clearInterval(watch);
    }
    for (const [, signal] of await ends) assert.equal(signal, 'SIGKILL');
    assert.ok(most - before < 100, `${most - before} more descriptors were open`);
  });
});
