import assert from 'node:assert/strict';
import { readFeatures, supported } from '../../../src/app/runtimes.ts';

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
