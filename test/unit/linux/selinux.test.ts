import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseMountinfo } from '../../../src/linux/mountinfo.ts';
import { isSelinuxOn, readLxcContexts } from '../../../src/linux/selinux.ts';

const selinuxfs = (options: string) => parseMountinfo(`30 22 0:20 / /sys/fs/selinux ${options} - selinuxfs selinuxfs rw\n`);

describe('SELinux of the node', () => {
  it('is on by the signs that the kubelet goes by', () => {
    assert.equal(isSelinuxOn(selinuxfs('rw,nosuid'), 'system_u:system_r:unconfined_service_t:s0\0'), true);
    assert.equal(isSelinuxOn(selinuxfs('ro,nosuid'), 'system_u:system_r:container_t:s0\0'), false);
    assert.equal(isSelinuxOn(selinuxfs('rw'), 'kernel\0'), false);
    assert.equal(isSelinuxOn([], ''), false);
  });

  it('has labels for containers in its policy’s folder, or in the shared one', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'pw-selinux-'));
    const shared = path.join(folder, 'shared');
    try {
      assert.equal(await readLxcContexts(folder, shared), undefined);
      await writeFile(path.join(folder, 'config'), '# SELINUXTYPE=mls\nSELINUX=enforcing\nSELINUXTYPE=targeted\n');
      assert.equal(await readLxcContexts(folder, shared), undefined);
      await mkdir(path.join(folder, 'targeted/contexts'), { recursive: true });
      await writeFile(path.join(folder, 'targeted/contexts/lxc_contexts'), 'of the policy');
      assert.equal(await readLxcContexts(folder, shared), 'of the policy');
      await writeFile(shared, 'of all policies');
      assert.equal(await readLxcContexts(folder, shared), 'of all policies');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
