import assert from 'node:assert/strict';
import { readFeatures, shimOptions, supported } from '../../../src/app/runtimes.ts';
import { parseConfig } from '../../../src/config/toml.ts';
import { loadDefinitions } from '../../../src/containerd/definitions.ts';
import { TypeUrls } from '../../../src/containerd/typeurl.ts';

const definitions = loadDefinitions();
const types = new TypeUrls(definitions);

/** What a handler's shim is told, by its type URL and in words. */
function told(toml: string): { readonly typeUrl: string; readonly says: object } | undefined {
  const handler = parseConfig(`[runtimes.other]\n${toml}`, 'f.toml').runtimes.handlers['other'];
  assert.ok(handler);
  const any = shimOptions(handler, types);
  return any && { typeUrl: any.typeUrl, says: { ...definitions.message(any.typeUrl)?.deserialize(any.value) } };
}

describe('the options of a shim', () => {
  it("are runc's for its shim, wherever that lies", () => {
    for (const type of ['io.containerd.runc.v2', '/opt/bin/containerd-shim-runc-v2']) {
      const { typeUrl, says } = told(`type = "${type}"\noptions.BinaryName = "/usr/bin/crun"`) ?? {};
      assert.equal(typeUrl, 'containerd.runc.v1.Options');
      assert.equal((says as { readonly binaryName?: string }).binaryName, '/usr/bin/crun');
    }
  });

  it('are none for another shim, which would not know them', () => {
    assert.equal(told('type = "io.containerd.runsc.v1"'), undefined);
  });

  it('name the file of another shim where there is one', () => {
    const options = 'options = { ConfigPath = "/etc/runsc.toml", TypeUrl = "io.containerd.runsc.v1.options" }';
    assert.deepEqual(told(`type = "io.containerd.runsc.v1"\n${options}`), {
      typeUrl: 'runtimeoptions.v1.Options',
      says: { configPath: '/etc/runsc.toml', typeUrl: 'io.containerd.runsc.v1.options', configBody: Buffer.alloc(0) },
    });
  });
});

describe('what a handler can do', () => {
  // As `runc features` of 1.5 and of 1.1 tell it.
  const modern = {
    mountOptions: ['ro', 'rro'],
    linux: {
      namespaces: ['mount', 'user'],
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
  };
  const old = { mountOptions: ['ro', 'rro'], linux: { namespaces: ['mount', 'user'] } };
  const able = (features: unknown, kernel = '6.1.0', snapshotter = ['remap-ids']): string[] =>
    Object.entries(supported(readFeatures(features), kernel, snapshotter)).flatMap(([name, can]) => (can ? [name] : []));

  it('is what its OCI runtime says', () => {
    const all = ['recursiveReadOnlyMounts', 'userNamespaces', 'idMappedMounts', 'netDevices', 'rdtSchemata', 'rdtMonitoring'];
    assert.deepEqual(able(modern), all);
    assert.deepEqual(able(old), ['recursiveReadOnlyMounts']);
  });

  it('is nothing special where the runtime does not say', () => {
    for (const features of [undefined, null, 'text', {}]) assert.deepEqual(able(features), []);
  });

  it('needs a kernel with mount_setattr, and for user namespaces one with id-mapped overlayfs and a snapshotter that shifts', () => {
    const plain = ['netDevices', 'rdtSchemata', 'rdtMonitoring'];
    assert.deepEqual(able(modern, '5.11.0'), plain);
    assert.deepEqual(able(modern, '5.18.0'), ['recursiveReadOnlyMounts', 'idMappedMounts', ...plain]);
    assert.deepEqual(able(modern, '6.1.0', []), ['recursiveReadOnlyMounts', 'idMappedMounts', ...plain]);
  });
});
