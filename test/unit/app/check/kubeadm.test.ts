import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findConfiguredKubelet } from '../../../../src/app/check/kubeadm.ts';

const name = 'kubelet that kubeadm configured';

describe('a kubelet that kubeadm configured', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'podwright-kubeadm-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  async function write(file: string, ...lines: string[]): Promise<void> {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await writeFile(path.join(root, file), lines.map((line) => `${line}\n`).join(''));
  }

  it('is none where there is no configuration', async () => {
    await write('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS=');
    assert.equal(await findConfiguredKubelet(root), undefined);
  });

  it('is told by its configuration', async () => {
    await write('/var/lib/kubelet/config.yaml', 'kind: KubeletConfiguration', 'cgroupDriver: systemd', 'containerRuntimeEndpoint: unix:///a');
    assert.deepEqual(await findConfiguredKubelet(root), {
      name,
      runtimeEndpoint: { value: 'unix:///a', from: 'containerRuntimeEndpoint in /var/lib/kubelet/config.yaml' },
      cgroupDriver: { value: 'systemd', from: 'cgroupDriver in /var/lib/kubelet/config.yaml' },
    });
  });

  it('is told most by the flags in the environment of its unit, last by those that the user added', async () => {
    await write('/var/lib/kubelet/config.yaml', 'containerRuntimeEndpoint: unix:///a');
    await write('/var/lib/kubelet/kubeadm-flags.env', 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///b --cgroup-driver cgroupfs"');
    await write('/etc/default/kubelet', '# KUBELET_EXTRA_ARGS=--container-runtime-endpoint=unix:///none', "KUBELET_EXTRA_ARGS='--container-runtime-endpoint=unix:///c'");
    assert.deepEqual(await findConfiguredKubelet(root), {
      name,
      runtimeEndpoint: { value: 'unix:///c', from: '--container-runtime-endpoint' },
      cgroupDriver: { value: 'cgroupfs', from: '--cgroup-driver' },
    });
  });

  it('is named with what is wrong where its file is broken', async () => {
    await write('/var/lib/kubelet/config.yaml', 'a: [');
    const found = await findConfiguredKubelet(root);
    assert.ok(found !== undefined && 'error' in found);
    assert.match(found.error, /^\/var\/lib\/kubelet\/config\.yaml: /);
  });
});
