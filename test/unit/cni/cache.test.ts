import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AttachmentCache } from '../../../src/cni/cache.ts';
import { toNetworkConf } from '../../../src/cni/conf.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';

describe('the cache of attachments', () => {
  let folder = '';
  let cache: AttachmentCache;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-cache-'));
    cache = new AttachmentCache(path.join(folder, 'cni'), silentLog);
  });

  afterEach(async () => rm(folder, { recursive: true }));

  const attachment = (containerId: string, name = 'net') => ({
    containerId,
    ifName: 'eth0',
    netnsPath: `/run/netns/${containerId}`,
    args: [['K8S_POD_NAME', 'web']] as const,
    capabilityArgs: { portMappings: [{ hostPort: 80 }] },
    network: toNetworkConf({ name, cniVersion: '1.0.0', loadOnlyInlinedPlugins: true, plugins: [{ type: 'bridge', mtu: 1400 }] }),
  });

  it('gives back all a DEL needs, as another daemon after this one reads it', async () => {
    await cache.begin(attachment('a'));
    await cache.complete(attachment('a'), { ips: [] });
    const next = new AttachmentCache(path.join(folder, 'cni'), silentLog);
    assert.deepEqual(await next.of('a'), [{ ...attachment('a'), result: { ips: [] } }]);
  });

  it('holds an ADD that did not come to its end, without a result', async () => {
    await cache.begin(attachment('a'));
    assert.deepEqual(await cache.of('a'), [{ ...attachment('a'), result: undefined }]);
  });

  it('holds what such an ADD gave until it was cut off', async () => {
    await cache.begin(attachment('a'));
    await cache.progress(attachment('a'), { ips: ['of the first'] });
    assert.deepEqual(await cache.of('a'), [{ ...attachment('a'), result: undefined, partial: { ips: ['of the first'] } }]);
    await cache.complete(attachment('a'), { ips: ['of all'] });
    assert.deepEqual(await cache.of('a'), [{ ...attachment('a'), result: { ips: ['of all'] } }]);
    await cache.remove(attachment('a'));
    assert.deepEqual(await readdir(path.join(folder, 'cni')), []);
  });

  it('keeps sandboxes apart whose ids begin alike', async () => {
    await cache.begin(attachment('a'));
    await cache.begin(attachment('ab'));
    await cache.begin(attachment('a-net'));
    assert.deepEqual((await cache.of('a')).map(({ containerId }) => containerId), ['a']);
    assert.equal((await cache.all()).length, 3);
  });

  it('holds every network of a sandbox', async () => {
    await cache.begin(attachment('a', 'one'));
    await cache.begin(attachment('a', 'two'));
    assert.deepEqual((await cache.of('a')).map(({ network }) => network.name), ['one', 'two']);
  });

  it('forgets what is removed, and what was never there', async () => {
    await cache.begin(attachment('a'));
    await cache.complete(attachment('a'), {});
    await cache.remove(attachment('a'));
    await cache.remove(attachment('a'));
    assert.deepEqual(await readdir(path.join(folder, 'cni')), []);
  });

  it('is empty before its folder is there', async () => {
    assert.deepEqual(await cache.all(), []);
  });

  it('sets a corrupt record aside and goes on with the others', async () => {
    await cache.begin(attachment('a'));
    await cache.begin(attachment('b'));
    const file = path.join(folder, 'cni', 'a@net@eth0.json');
    await writeFile(file, '{"version":1,');
    assert.deepEqual((await cache.all()).map(({ containerId }) => containerId), ['b']);
    assert.equal(await readFile(`${file}.corrupt`, 'utf8'), '{"version":1,');
    assert.deepEqual(await cache.of('a'), []);
  });

  it('takes a record under another’s name for corrupt', async () => {
    await cache.begin(attachment('a'));
    await writeFile(path.join(folder, 'cni', 'b@net@eth0.json'), await readFile(path.join(folder, 'cni', 'a@net@eth0.json')));
    assert.deepEqual(await cache.of('b'), []);
  });

  it('takes a result that was lost in a power cut for none', async () => {
    await cache.begin(attachment('a'));
    await writeFile(path.join(folder, 'cni', 'a@net@eth0.result'), '');
    assert.equal((await cache.of('a'))[0]?.result, undefined);
  });

  it('says which attachment could not be written down', async () => {
    await writeFile(path.join(folder, 'cni'), 'a file in the way');
    await assert.rejects(cache.begin(attachment('a')), (error) => isKind(error, 'internal') && /network attachment of "a": E/.test(String(error)));
  });
});
