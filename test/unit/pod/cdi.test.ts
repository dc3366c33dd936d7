import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import { injectCdiDevices } from '../../../src/pod/cdi.ts';
import { FolderFiles } from '../../../src/pod/folder-files.ts';
import type { RuntimeFeatures } from '../../../src/pod/runtimes.ts';
import { parseCdiFile } from '../../../src/spec/cdi-file.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';
import { containerConfig } from '../../support/pod-requests.ts';
import { FakeSurroundings, plainRuntime } from '../../support/pod-world.ts';

describe('injecting CDI devices', () => {
  const { kernel } = new FakeSurroundings();
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pw-cdi-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const spec: OciSpec = {
    ociVersion: '1.2.0',
    process: { user: { uid: 0, gid: 0 }, args: ['x'], env: [], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [],
    annotations: {},
    linux: { resources: {}, cgroupsPath: '/x', namespaces: [], maskedPaths: [], readonlyPaths: [] },
  };
  const inject = async (containerEdits: object, lacking: Partial<RuntimeFeatures> = {}): Promise<OciSpec> => {
    const document = { cdiVersion: '1.1.0', kind: 'v.test/d', devices: [{ name: 'x', containerEdits }] };
    await writeFile(path.join(folder, 'x.json'), JSON.stringify(document));
    const cdiFiles = new FolderFiles({ folders: [folder], isWanted: () => true, parse: parseCdiFile, log: silentLog });
    const config = containerConfig({ CDIDevices: [{ name: 'v.test/d=x' }] });
    return await injectCdiDevices({ cdiFiles, kernel }, spec, config, { ...plainRuntime.features, ...lacking });
  };

  const later: [keyof RuntimeFeatures, string, object][] = [
    ['netDevices', 'netDevices', { netDevices: [{ hostInterfaceName: 'eth9', name: 'data' }] }],
    ['rdtSchemata', 'intelRdt.schemata', { intelRdt: { closID: 'gold', schemata: ['L3:0=f'] } }],
    ['rdtMonitoring', 'intelRdt.enableMonitoring', { intelRdt: { closID: 'gold', enableMonitoring: true } }],
  ];
  for (const [feature, name, edits] of later) {
    it(`is refused where a device has ${name} and the OCI runtime would pass over it`, async () => {
      await assert.doesNotReject(inject(edits));
      await assert.rejects(inject(edits, { [feature]: false }), { kind: 'invalidArgument', message: new RegExp(`CDI_devices: .*${name},`) });
      await assert.doesNotReject(inject({ env: ['A=1'], intelRdt: { closID: 'gold' } }, { [feature]: false }));
    });
  }
});
