import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import { FolderFiles } from '../../../src/pod/folder-files.ts';

describe('the files of a folder', () => {
  let top = '';
  let parsed: string[] = [];
  beforeEach(async () => {
    top = await mkdtemp(path.join(os.tmpdir(), 'pw-files-'));
    parsed = [];
  });
  afterEach(() => rm(top, { recursive: true }));

  const files = (...folders: string[]): FolderFiles<string> =>
    new FolderFiles({
      folders: folders.map((folder) => path.join(top, folder)),
      isWanted: (name) => name.endsWith('.txt'),
      parse: (text, file) => {
        parsed.push(path.basename(file));
        if (text === 'bad') throw new Error(`${file}: bad`);
        return text;
      },
      log: silentLog,
    });
  const values = async (from: FolderFiles<string>): Promise<string[]> =>
    (await from.read()).flatMap((folder) => folder.files.map(({ value }) => value));

  it('are read by name, without those of another kind, and no folder is none', async () => {
    for (const name of ['b.txt', 'a.txt', 'c.json']) await writeFile(path.join(top, name), name);
    assert.deepEqual(await values(files('', 'missing')), ['a.txt', 'b.txt']);
  });

  it('are parsed again only when they changed, and forgotten when they went', async () => {
    const from = files('');
    for (const name of ['a.txt', 'b.txt']) await writeFile(path.join(top, name), name);
    await values(from);
    await writeFile(path.join(top, 'b.txt'), 'longer than before');
    assert.deepEqual(await values(from), ['a.txt', 'longer than before']);
    await rm(path.join(top, 'a.txt'));
    assert.deepEqual(await values(from), ['longer than before']);
    assert.deepEqual(parsed, ['a.txt', 'b.txt', 'b.txt']);
  });

  it('that cannot be used are told of and passed over', async () => {
    await mkdir(path.join(top, 'folder.txt'));
    // Nobody will ever write to it.
    execFileSync('mkfifo', [path.join(top, 'fifo.txt')]);
    await writeFile(path.join(top, 'bad.txt'), 'bad');
    await writeFile(path.join(top, 'good.txt'), 'good');
    const [folder] = await files('').read();
    assert.deepEqual(folder?.files, [{ name: 'good.txt', value: 'good' }]);
    assert.equal(folder.problems.length, 3);
    assert.match(folder.problems.join('\n'), /bad\.txt: bad\n.*fifo\.txt: it is no regular file\n.*folder\.txt: it is no regular file/);
  });

  it('that are huge are not read', async () => {
    await writeFile(path.join(top, 'huge.txt'), Buffer.alloc(4 * 1024 * 1024 + 1));
    const [folder] = await files('').read();
    assert.match(folder?.problems.join() ?? '', /larger than/);
  });
});
