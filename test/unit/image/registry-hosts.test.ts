import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { endpointsIn, registryEndpoints } from '../../../src/image/registry-hosts.ts';

describe('registry endpoints', () => {
  it('are the mirrors and the server of a hosts.toml', () => {
    const text = `
server = "https://registry.k8s.io"
[host."http://127.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
[host."https://Mirror.io/v2/prefix"]
[host."https://mirror.io/v2/prefix".header]
  x = "y"
[host."plain.io"]
`;
    assert.deepEqual([...endpointsIn(text, 'own')].sort(), ['127.0.0.1:5000', 'mirror.io', 'plain.io', 'registry.k8s.io']);
  });

  it('end with the registry itself when no server is named, and are it alone when the file is broken', () => {
    assert.deepEqual([...endpointsIn('[host."http://m.io"]', 'own.io')], ['m.io', 'own.io']);
    assert.deepEqual([...endpointsIn('[[[', 'own.io')], ['own.io']);
    assert.deepEqual([...endpointsIn('', 'own.io')], ['own.io']);
  });

  it('are found where containerd looks: host_port_, host, _default', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'podwright-hosts-'));
    try {
      const put = async (folder: string, mirror: string): Promise<void> => {
        await mkdir(path.join(root, folder));
        await writeFile(path.join(root, folder, 'hosts.toml'), `server = "https://${mirror}"`);
      };
      assert.deepEqual([...(await registryEndpoints(root, 'docker.io'))], ['registry-1.docker.io']);
      await put('_default', 'default.io');
      await put('docker.io', 'hub-mirror.io');
      await put('reg.io_5000_', 'port.io');
      await mkdir(path.join(root, 'certs-only.io'));
      const found = async (domain: string): Promise<string[]> => [...(await registryEndpoints(root, domain))];
      assert.deepEqual(await found('docker.io'), ['hub-mirror.io']);
      assert.deepEqual(await found('reg.io:5000'), ['port.io']);
      assert.deepEqual(await found('certs-only.io'), ['certs-only.io']);
      assert.deepEqual(await found('other.io'), ['default.io']);
    } finally {
      await rm(root, { recursive: true });
    }
    assert.deepEqual([...(await registryEndpoints(undefined, 'quay.io'))], ['quay.io']);
    assert.deepEqual([...(await registryEndpoints('/does/not/exist', 'quay.io'))], ['quay.io']);
  });
});
