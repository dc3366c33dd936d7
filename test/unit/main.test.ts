import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { defaultToml } from '../../src/config/default-toml.ts';

async function podwright(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code], out, err] = await Promise.all([once(child, 'exit') as Promise<[number]>, text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

describe('podwright on the command line', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pw-main-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('prints the default configuration, which it then finds fine', async () => {
    const { code, out } = await podwright('config', 'default');
    assert.deepEqual({ code, out }, { code: 0, out: defaultToml() });
    const file = path.join(folder, 'default.toml');
    await writeFile(file, out);
    assert.equal((await podwright('config', 'check', file)).code, 0);
  });

  it('ends with 64 over a configuration that is wrong, naming file and line', async () => {
    const file = path.join(folder, 'wrong.toml');
    await writeFile(file, '\nsocke = "/a"\n');
    const { code, err } = await podwright('--config', file);
    assert.deepEqual({ code, err }, { code: 64, err: `podwright: ${file}:2: unknown key socke: did you mean socket?\n` });
  });

  it('ends with 64 over a wrong command line', async () => {
    const { code, err } = await podwright('--sokcet=/a');
    assert.equal(code, 64);
    assert.match(err, /did you mean --socket\?/);
  });

  it('ends with 69 when containerd is not there and it is not to wait', async () => {
    const file = path.join(folder, 'alone.toml');
    await writeFile(
      file,
      ['socket', 'root', 'state', 'containerd.address'].map((key) => `${key} = "${folder}/${key}"\n`).join(''),
    );
    const { code, err } = await podwright('--wait=0', '--config', file);
    assert.equal(code, 69, err);
    assert.match(err, /containerd does not answer at/);
  });
});
