import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Plugins } from '../../../src/cni/plugin.ts';
import { PluginVersions } from '../../../src/cni/versions.ts';

describe('the versions a plugin speaks', () => {
  let folder = '';
  let file = '';
  let probes: number;
  let answer: string;
  let plugins: Plugins;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-versions-'));
    file = path.join(folder, 'plug');
    await writeFile(file, 'one');
    probes = 0;
    answer = '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}';
    plugins = {
      find: async () => file,
      async run() {
        probes++;
        return answer;
      },
    };
  });

  afterEach(async () => rm(folder, { recursive: true }));

  it('are asked for once per program', async () => {
    const versions = new PluginVersions(plugins);
    assert.deepEqual(await versions.of('plug', {}), ['1.0.0']);
    assert.deepEqual(await versions.of('plug', {}), ['1.0.0']);
    assert.equal(probes, 1);
  });

  it('are asked for again when the program is another', async () => {
    const versions = new PluginVersions(plugins);
    await versions.of('plug', {});
    await utimes(file, 1, 1);
    await versions.of('plug', {});
    assert.equal(probes, 2);
  });

  it('are asked for again after a bad answer', async () => {
    const versions = new PluginVersions(plugins);
    answer = '[]';
    await assert.rejects(versions.of('plug', {}), /a list, not a JSON object/);
    answer = '{"cniVersion":"0.2.0"}';
    assert.deepEqual(await versions.of('plug', {}), ['0.1.0', '0.2.0']);
  });
});
