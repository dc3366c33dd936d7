import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { differBelow, impliedFolders } from '../../../src/image/implied-folders.ts';

const longAgo = new Date('2020-01-01T00:00:00Z');

describe('folders that a layer only implies', () => {
  let layer: string;
  let below: string;

  beforeEach(async () => {
    layer = await mkdtemp(path.join(tmpdir(), 'podwright-layer-'));
    below = await mkdtemp(path.join(tmpdir(), 'podwright-layer-'));
  });

  afterEach(async () => {
    for (const folder of [layer, below]) await rm(folder, { recursive: true });
  });

  // As a test need not be root, its folders may be another's, and then none is one that containerd makes by default.
  const isRoot = process.getuid?.() === 0;

  it('are those with the time of unpacking on them', async function () {
    if (!isRoot) this.skip();
    await folder('said/implied/deep');
    await folder('implied/said');
    await folder('said');
    for (const name of ['said', 'implied/said']) await utimes(path.join(layer, name), longAgo, longAgo);
    assert.deepEqual(await impliedFolders(layer, Date.now()), ['implied', 'said/implied', 'said/implied/deep']);
  });

  it('are known by their two times also where the clock was set back', async function () {
    if (!isRoot) this.skip();
    await folder('said');
    await folder('implied/said');
    for (const name of ['said', 'implied/said']) await utimes(path.join(layer, name), longAgo, longAgo);
    assert.deepEqual(await impliedFolders(layer, Date.now() + 3_600_000), ['implied']);
  });

  it('are none that its archive gave an owner or a mode', async () => {
    await folder('tmp');
    await chmod(path.join(layer, 'tmp'), 0o1777);
    assert.deepEqual(await impliedFolders(layer, Date.now()), []);
  });

  it('are looked for behind no link', async function () {
    if (!isRoot) this.skip();
    await mkdir(path.join(below, 'outside'));
    await symlink(below, path.join(layer, 'link'));
    assert.deepEqual(await impliedFolders(layer, Date.now()), []);
  });

  it('make a difference where the highest below that has the name is a folder of another kind', async () => {
    const higher = path.join(layer, 'higher');
    await mkdir(path.join(below, 'tmp'));
    await chmod(path.join(below, 'tmp'), 0o1777);
    await mkdir(higher);
    assert.equal(await differBelow(['a', 'tmp'], [higher, below]), true);
    assert.equal(await differBelow(['a'], [higher, below]), false);
    await writeFile(path.join(higher, 'tmp'), '');
    assert.equal(await differBelow(['tmp'], [higher, below]), false, 'it was replaced by a file');
  });

  async function folder(name: string): Promise<void> {
    await mkdir(path.join(layer, name), { recursive: true });
  }
});
