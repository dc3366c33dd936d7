import assert from 'node:assert/strict';
import { cgroup2Options } from '../../../src/linux/host-facts.ts';
import { parseMountinfo } from '../../../src/linux/mountinfo.ts';

describe('the options of the cgroup2 mount', () => {
  it('are those that mounting it anew would lose, without what mount(2) refuses', () => {
    const mounts = parseMountinfo(
      '29 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,seclabel,nsdelegate,memory_recursiveprot\n',
    );
    assert.deepEqual(cgroup2Options(mounts), ['nsdelegate', 'memory_recursiveprot']);
  });

  it('are none where cgroup2 only lies beside the controllers of v1', () => {
    const mounts = parseMountinfo(
      '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n',
    );
    assert.deepEqual(cgroup2Options(mounts), []);
  });
});
