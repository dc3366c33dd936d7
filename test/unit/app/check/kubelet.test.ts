import assert from 'node:assert/strict';
import { readKubelet } from '../../../../src/app/check/kubelet.ts';

const name = 'kubelet (pid 1)';

function file(path: string, ...lines: string[]): { readonly path: string; readonly text: string } {
  return { path, text: lines.join('\n') };
}

describe('a kubelet that runs', () => {
  it('has its defaults where nothing was said', () => {
    assert.deepEqual(readKubelet(name, ['kubelet'], []), {
      name,
      runtimeEndpoint: { value: 'unix:///run/containerd/containerd.sock', from: 'the default' },
      cgroupDriver: undefined,
    });
  });

  it('is told by its configuration, and more by each file that comes later', () => {
    const files = [
      file('/a.yaml', 'kind: KubeletConfiguration', 'containerRuntimeEndpoint: unix:///a', 'cgroupDriver: systemd'),
      file('/b.conf', '{"containerRuntimeEndpoint": "unix:///b", "cgroupDriver": ""}'),
      file('/c.conf', ''),
    ];
    assert.deepEqual(readKubelet(name, ['/usr/bin/kubelet', '--config=/a.yaml'], files), {
      name,
      runtimeEndpoint: { value: 'unix:///b', from: 'containerRuntimeEndpoint in /b.conf' },
      cgroupDriver: { value: 'systemd', from: 'cgroupDriver in /a.yaml' },
    });
  });

  it('is told most by its flags, in either form, the last one of a name first', () => {
    const args = ['kubelet', '--container-runtime-endpoint=unix:///a', '--container-runtime-endpoint', '/b', '--cgroup-driver=cgroupfs'];
    assert.deepEqual(readKubelet(name, args, [file('/c', 'containerRuntimeEndpoint: unix:///c')]), {
      name,
      runtimeEndpoint: { value: '/b', from: '--container-runtime-endpoint' },
      cgroupDriver: { value: 'cgroupfs', from: '--cgroup-driver' },
    });
  });

  it('is named with what is wrong where its file is broken', () => {
    const broken = readKubelet(name, ['kubelet'], [file('/a.yaml', 'a: [')]);
    assert.ok('error' in broken);
    assert.match(broken.error, /^\/a\.yaml: /);
  });
});
