import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const script = path.resolve('hack/packages-due.mjs');

describe('an install of npm packages', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pw-packages-'));
    await lock('package-lock.json', { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/os': { version: '1.0.0', optional: true } });
    await installed('a');
    await lock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
  });
  afterEach(() => rm(folder, { recursive: true }));

  const lock = (file: string, packages: object) => writeFile(path.join(folder, file), JSON.stringify({ packages }));
  const installed = async (name: string): Promise<void> => {
    await mkdir(path.join(folder, 'node_modules', name), { recursive: true });
    await writeFile(path.join(folder, 'node_modules', name, 'package.json'), '{}');
  };
  const due = (): string => execFileSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' }).trim();

  it('is not due where all is there, however young the lock is, and what is optional is not', async () => {
    await utimes(path.join(folder, 'package-lock.json'), Date.now() / 1000 + 60, Date.now() / 1000 + 60);
    assert.equal(due(), '');
  });

  it('is due after a prune, which leaves a lock of its own', async () => {
    await lock('node_modules/.package-lock.json', {});
    assert.equal(due(), 'node_modules/a is not there and should be 1.0.0');
  });

  it('is due where a package has another version, or has gone, or there is none at all', async () => {
    await lock('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0' } });
    assert.equal(due(), 'node_modules/a is 0.9.0 and should be 1.0.0');
    await lock('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
    await rm(path.join(folder, 'node_modules/a'), { recursive: true });
    assert.equal(due(), 'node_modules/a is not there');
    await rm(path.join(folder, 'node_modules'), { recursive: true });
    assert.equal(due(), 'nothing is installed');
  });
});
