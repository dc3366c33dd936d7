import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { Turns } from '../../../src/lib/turns.ts';
import { blockDevice, fileSystemOf, mountOf } from '../../../src/linux/file-system.ts';
import { parseMountinfo } from '../../../src/linux/mountinfo.ts';
import { countOpenFiles, openFilesLimit, parseOpenFilesLimit } from '../../../src/linux/open-files.ts';

const nobody = 2 ** 22 + 1;

describe('open files', () => {
  it('are counted over processes, sockets among them, and those that ended are passed over', async () => {
    const turns = new Turns();
    const before = await countOpenFiles([process.pid], turns);
    const fds = Array.from({ length: 300 }, () => openSync('/dev/null', 'r'));
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const after = await countOpenFiles([nobody, process.pid], turns);
      assert.ok(after.descriptors > before.descriptors + 299);
      assert.equal(after.sockets, before.sockets + 1);
    } finally {
      for (const fd of fds) closeSync(fd);
      server.close();
    }
  });

  it('have a limit of their process, or none', () => {
    assert.ok((openFilesLimit(process.pid) ?? 0n) > 0n);
    assert.equal(openFilesLimit(nobody), undefined);
    assert.equal(parseOpenFilesLimit('Max open files            unlimited            unlimited            files     \n'), 2n ** 64n - 1n);
    assert.equal(parseOpenFilesLimit('rubbish'), undefined);
  });
});

describe('a file system', () => {
  it('is the deepest mount above a path, the last of several at one place', () => {
    const mounts = parseMountinfo(
      [
        '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
        '2 1 0:20 / /var/lib rw - tmpfs hidden rw',
        '3 2 8:2 / /var/lib rw - ext4 /dev/sda2 rw',
        '4 1 8:3 / /var/library rw - ext4 /dev/sda3 rw',
      ].join('\n'),
    );
    assert.equal(mountOf('/var/lib/containerd', mounts)?.source, '/dev/sda2');
    assert.equal(mountOf('/var/library', mounts)?.source, '/dev/sda3');
    assert.equal(mountOf('/var/libraries', mounts)?.source, '/dev/sda1');
  });

  it('says its size', async () => {
    const { sizeBytes, inodes, freeInodes } = await fileSystemOf('/');
    assert.ok(sizeBytes > 0n && inodes >= freeInodes);
  });

  it('is on a device that has its numbers for a name where it is gone', () => {
    assert.equal(blockDevice(4095, 1_048_575), '4095:1048575');
  });
});
