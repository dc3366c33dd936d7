import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { lockFolder, lockingPid } from '../../../src/linux/folder-lock.ts';

describe('the lock on a folder', () => {
  let parent = '';
  before(async () => {
    parent = await mkdtemp(path.join(os.tmpdir(), 'pw-lock-'));
  });
  after(() => rm(parent, { recursive: true, force: true }));

  it('is had by one at a time, who is named to the other', async () => {
    const folder = path.join(parent, 'a/b');
    const first = await lockFolder(folder);
    await assert.rejects(lockFolder(folder), {
      kind: 'alreadyExists',
      message: `folder ${folder}: already served by pid ${process.pid}`,
    });
    first.release();
    first.release();
    const second = await lockFolder(folder);
    second.release();
    assert.deepEqual(await readdir(folder), []);
  });

  it('finds its holder among the locks of the machine', () => {
    const text = [
      '1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF',
      '1: -> FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF',
      '2: FLOCK  ADVISORY  WRITE 13 08:01:78 0 EOF',
      '3: FLOCK  ADVISORY  WRITE 14 08:01:77 0 EOF',
    ].join('\n');
    assert.equal(lockingPid(text, 77), 14);
    assert.equal(lockingPid(text, 79), undefined);
    assert.equal(lockingPid('', 77), undefined);
  });
});
