import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { loadApparmorProfiles } from '../../../src/linux/apparmor.ts';

describe('loading AppArmor profiles', () => {
  const never = new AbortController().signal;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pw-apparmor-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** An apparmor_parser of these lines, first on the PATH that is returned. */
  async function parser(...lines: readonly string[]): Promise<{ PATH: string }> {
    const file = path.join(folder, 'apparmor_parser');
    await writeFile(file, ['#!/bin/sh', `cd '${folder}'`, ...lines].join('\n'));
    await chmod(file, 0o755);
    return { PATH: `${folder}:/usr/bin:/bin` };
  }

  it('hands the text to the node’s parser, to be put in the place of an older one', async () => {
    await loadApparmorProfiles('profile x {}\n', never, await parser('echo "$@" > arguments', 'cat > text'));
    assert.equal(await readFile(path.join(folder, 'text'), 'utf8'), 'profile x {}\n');
    assert.match(await readFile(path.join(folder, 'arguments'), 'utf8'), /--replace/);
  });

  it('fails with the parser’s words', async () => {
    const env = await parser('echo "AppArmor parser error, in stdin line 1: syntax error" >&2', 'exit 1');
    await assert.rejects(loadApparmorProfiles('x'.repeat(1 << 20), never, env), { kind: 'internal', message: 'apparmor_parser: AppArmor parser error, in stdin line 1: syntax error' });
  });

  it('names the package where there is no parser', async () => {
    await assert.rejects(loadApparmorProfiles('', never, { PATH: folder }), { kind: 'unavailable', message: /install the package apparmor/ });
  });

  it('is called off when podwright stops', async () => {
    const stop = new AbortController();
    const loading = loadApparmorProfiles('', stop.signal, await parser('exec sleep 1000'));
    stop.abort();
    await assert.rejects(loading);
  });
});
