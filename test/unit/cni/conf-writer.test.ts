import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfDir } from '../../../src/cni/conf-dir.ts';
import type { NetworkConf } from '../../../src/cni/conf.ts';
import { ConfWriter, readCidrs } from '../../../src/cni/conf-writer.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';

const goodTemplate = `{ "cniVersion": "1.0.0", "name": "made", "plugins": [{ "type": "ptp", "ipam": { "type": "host-local",
  "ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}],
  "routes": [{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}] } }] }`;

describe('the network configuration from a template', () => {
  let folder = '';
  let confDir = '';

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-conf-'));
    confDir = path.join(folder, 'not', 'there', 'yet');
  });

  afterEach(async () => rm(folder, { recursive: true }));

  async function writer(template: string | undefined): Promise<ConfWriter> {
    const file = path.join(folder, 'template');
    if (template !== undefined) await writeFile(file, template);
    let current: NetworkConf | undefined;
    const source = {
      get current() {
        return current;
      },
      async refresh() {
        current = (await loadConfDir(confDir)).network;
      },
    };
    return new ConfWriter({ source, confDir, template: template === undefined ? '' : file, log: silentLog });
  }

  it('has the ranges and the routes of each family, and is the network then', async () => {
    await (await writer(goodTemplate)).podCidr('10.1.0.0/24, fd00:1::/64');
    const { network, file } = await loadConfDir(confDir);
    assert.equal(file, path.join(confDir, '10-podwright.conflist'));
    const plugin = network?.plugins[0]?.raw ?? {};
    const { ipam } = plugin as unknown as { ipam: { ranges: unknown; routes: unknown } };
    assert.deepEqual(ipam.ranges, [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00:1::/64' }]]);
    assert.deepEqual(ipam.routes, [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]);
    assert.deepEqual(await readdir(confDir), ['10-podwright.conflist']);
  });

  it('is not made again where there is a network', async () => {
    const confs = await writer(goodTemplate);
    await confs.podCidr('10.1.0.0/24');
    const before = await readFile(path.join(confDir, '10-podwright.conflist'), 'utf8');
    await confs.podCidr('10.2.0.0/24');
    assert.equal(await readFile(path.join(confDir, '10-podwright.conflist'), 'utf8'), before);
  });

  it('is not made without a template or a range', async () => {
    await (await writer(undefined)).podCidr('10.1.0.0/24');
    await (await writer(goodTemplate)).podCidr('');
    assert.deepEqual(await readdir(folder), ['template']);
  });

  for (const [what, template] of [['broken', '{{range .}}'], ['no network', '{"name": "{{.PodCIDR}}"}']] as const) {
    it(`is not written where its template is ${what}`, async () => {
      await assert.rejects((await writer(template)).podCidr('10.1.0.0/24'), (error: Error) => {
        return isKind(error, 'failedPrecondition') && error.message.includes(path.join(folder, 'template'));
      });
      assert.equal((await loadConfDir(confDir)).network, undefined);
    });
  }

  it('is not made of what is no range', () => {
    for (const text of ['10.1.0.0', '10.1.0.0/33', 'fd00::/129', '10.1.0.0/24,', 'x/24', '10.1.0.0/24 10.2.0.0/24']) {
      assert.throws(() => readCidrs(text), (error: Error) => isKind(error, 'invalidArgument') && error.message.includes('pod_cidr'), text);
    }
  });
});
