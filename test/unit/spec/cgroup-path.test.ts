import assert from 'node:assert/strict';

import { toCgroupsPath } from '../../../src/spec/cgroup-path.ts';
import { invalid } from './fixtures.ts';

describe('a container’s cgroup path', () => {
  it('is below the Pod’s under cgroupfs', () => {
    assert.equal(toCgroupsPath('/kubepods/burstable/podu', 'c1', false), '/kubepods/burstable/podu/c1');
    assert.equal(toCgroupsPath('k8s.io/../k8s.io', 'c1', false), '/k8s.io/c1');
  });

  it('is slice, prefix and id under systemd, the slice without its parents', () => {
    const parent = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podu.slice';
    assert.equal(toCgroupsPath(parent, 'c1', true), 'kubepods-burstable-podu.slice:cri-containerd:c1');
    assert.equal(toCgroupsPath('/test.slice', 'c1', true), 'test.slice:cri-containerd:c1');
  });

  it('is refused where kubelet and runtime disagree on the driver', () => {
    assert.throws(() => toCgroupsPath('/test.slice', 'c1', false), invalid('cgroup_parent', '/test.slice', 'cgroupfs', 'SystemdCgroup = true'));
    assert.throws(() => toCgroupsPath('/kubepods/podu', 'c1', true), invalid('cgroup_parent', 'systemd', 'SystemdCgroup = false'));
  });
});
