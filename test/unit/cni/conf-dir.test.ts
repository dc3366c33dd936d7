import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describeNoNetwork, loadConfDir } from '../../../src/cni/conf-dir.ts';

describe('a folder of network configurations', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-conf-'));
  });

  afterEach(async () => rm(folder, { recursive: true }));

  const put = async (name: string, content: unknown) => {
    await writeFile(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const conf = (name: string) => ({ name, cniVersion: '1.0.0', type: 'bridge' });
  const list = (name: string) => ({ name, cniVersion: '1.0.0', plugins: [{ type: 'bridge' }] });

  it('gives the first in lexicographic order, whatever its kind', async () => {
    await put('20-list.conflist', list('list'));
    await put('10-one.conf', conf('one'));
    await put('30-json.json', conf('json'));
    const { network, file, problems } = await loadConfDir(folder);
    assert.deepEqual([network?.name, file, problems], ['one', path.join(folder, '10-one.conf'), []]);
  });

  it('passes over what is no configuration at all', async () => {
    await put('00-README.md', 'hello');
    await put('01-net.conflist.bak', list('bak'));
    await mkdir(path.join(folder, '02-folder.conflist'));
    await put('10-net.conflist', list('net'));
    const { network, problems } = await loadConfDir(folder);
    assert.deepEqual([network?.name, problems], ['net', []]);
  });

  it('passes over an invalid file and says what is wrong with it', async () => {
    await put('10-broken.conflist', '{"name": ');
    await put('20-net.conflist', list('net'));
    const { network, problems } = await loadConfDir(folder);
    assert.equal(network?.name, 'net');
    assert.deepEqual(problems.map((problem) => path.basename(problem.file)), ['10-broken.conflist']);
    assert.match(problems[0]?.message ?? '', /no JSON/);
  });

  it('follows links to files and reports those to nowhere', async () => {
    await put('net.data', list('net'));
    await symlink('missing', path.join(folder, '10-nowhere.conflist'));
    await symlink('net.data', path.join(folder, '20-net.conflist'));
    const { network, problems } = await loadConfDir(folder);
    assert.deepEqual([network?.name, problems.length], ['net', 1]);
  });

  it('appends the plugins of the folder with the name of the network', async () => {
    await put('10-net.conflist', list('net'));
    await mkdir(path.join(folder, 'net'));
    await put('net/20-b.conf', { type: 'portmap' });
    await put('net/10-a.conf', { type: 'tuning' });
    await put('net/30-c.json', { type: 'ignored' });
    const { network } = await loadConfDir(folder);
    assert.deepEqual(network?.plugins.map((plugin) => plugin.type), ['bridge', 'tuning', 'portmap']);
  });

  it('leaves that folder alone when only the plugins in the file are wanted', async () => {
    await put('10-net.conflist', { ...list('net'), loadOnlyInlinedPlugins: true });
    await mkdir(path.join(folder, 'net'));
    await put('net/10-a.conf', { type: 'tuning' });
    assert.equal((await loadConfDir(folder)).network?.plugins.length, 1);
  });

  it('refuses a network that has plugins nowhere', async () => {
    await put('10-net.conflist', { name: 'net' });
    const { network, problems } = await loadConfDir(folder);
    assert.equal(network, undefined);
    assert.match(describeNoNetwork(folder, problems), /10-net\.conflist: it has no plugins/);
  });

  it('holds nothing when it is not there', async () => {
    const gone = path.join(folder, 'gone');
    const { network, problems } = await loadConfDir(gone);
    assert.equal(network, undefined);
    assert.equal(describeNoNetwork(gone, problems), `no network configuration (*.conflist, *.conf, *.json) in ${gone}`);
  });

  it('is read in the same order however the files came to be', async () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, async (stems) => {
        await rm(folder, { recursive: true });
        await mkdir(folder);
        for (const stem of stems) await put(`${stem}.conflist`, list(`n${stem}`));
        assert.equal((await loadConfDir(folder)).network?.name, `n${stems.map((stem) => `${stem}.conflist`).toSorted()[0]?.slice(0, -9)}`);
      }),
      { numRuns: 20 },
    );
  });
});
