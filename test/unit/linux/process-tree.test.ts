import assert from 'node:assert/strict';
import { parseStat, treeOf } from '../../../src/linux/process-tree.ts';

describe('a process tree', () => {
  const all = [
    { pid: 10, parent: 1, session: 10 },
    { pid: 11, parent: 10, session: 10 },
    { pid: 12, parent: 11, session: 12 },
    { pid: 13, parent: 1, session: 10 },
    { pid: 14, parent: 1, session: 1 },
  ];

  it('is the process, its descendants in whatever session, and what of its session lost its parent', () => {
    assert.deepEqual(treeOf(10, all).toSorted((a, b) => a - b), [10, 11, 12, 13]);
  });

  it('is empty when the process and all of its own are gone', () => {
    assert.deepEqual(treeOf(99, all), []);
  });

  it('is empty for what is no process of a container: 0, which containerd tells where nothing runs, and init', () => {
    const machine = [{ pid: 1, parent: 0, session: 1 }, { pid: 2, parent: 0, session: 0 }, ...all];
    for (const pid of [0, 1, -1, Number.NaN]) assert.deepEqual(treeOf(pid, machine), []);
  });

  it('is empty where the caller itself is in it', () => {
    assert.deepEqual(treeOf(10, all, 12), []);
  });

  it('is read from stat lines whose command has blanks and brackets in it', () => {
    assert.deepEqual(parseStat('42 (a) b (c) S 7 42 41 0 -1'), { pid: 42, parent: 7, session: 41 });
    assert.equal(parseStat('no stat line'), undefined);
  });
});
