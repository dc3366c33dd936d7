import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isKind } from '../../../src/lib/errors.ts';
import { readFileInRoot } from '../../../src/linux/inroot.ts';
import { readKernelFacts } from '../../../src/linux/host-facts.ts';
import { bindMount, isMountPoint, mountAll, mountShm, mountsBelow, umountBelow, unmount } from '../../../src/linux/mount.ts';
import { sdNotify } from '../../../src/linux/sd-notify.ts';

describe('of the kernel,', () => {
  let top = '';

  beforeEach(() => (top = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-linux-'))));
  afterEach(async () => {
    await umountBelow(top);
    assert.deepEqual(await mountsBelow(top), []);
    fs.rmSync(top, { recursive: true });
  });

  function folder(...names: string[]): string {
    const made = path.join(top, ...names);
    fs.mkdirSync(made, { recursive: true });
    return made;
  }

  describe('mounts', () => {
    it('of shared memory have their size, are for everybody and execute nothing', async () => {
      const shm = folder('with space', 'shm');
      mountShm(shm, 64 * 1024 * 1024);
      const { bsize, blocks } = fs.statfsSync(shm);
      assert.equal(bsize * blocks, 64 * 1024 * 1024);
      assert.equal(fs.statSync(shm).mode & 0o7777, 0o1777);
      assert.equal(await isMountPoint(shm), true);
      assert.equal(unmount(shm), true);
      assert.equal(unmount(shm), false);
      assert.equal(unmount(path.join(top, 'gone')), false);
      assert.equal(await isMountPoint(shm), false);
    });

    it('that bind read-only let nobody write', () => {
      const source = folder('source');
      const target = folder('target');
      bindMount(source, target, { readonly: true });
      assert.throws(() => fs.writeFileSync(path.join(target, 'x'), ''), { code: 'EROFS' });
      fs.writeFileSync(path.join(source, 'x'), '');
      assert.deepEqual(fs.readdirSync(target), ['x']);
    });

    it('at and below a folder go together, also where one lies over another', async () => {
      const shm = folder('a');
      mountShm(shm, 4096);
      mountShm(shm, 4096);
      mountShm(folder('a', 'b'), 4096);
      mountShm(folder('ab'), 4096);
      await umountBelow(shm);
      assert.deepEqual(await mountsBelow(top), [path.join(top, 'ab')]);
    });

    it('of a snapshot work with more layers than one page of options names', () => {
      const layers = Array.from({ length: 60 }, (_, i) => folder('layers', `${i}-${'x'.repeat(90)}`));
      for (const [i, layer] of layers.entries()) fs.writeFileSync(path.join(layer, String(i)), '');
      const target = folder('target');
      mountAll([{ type: 'overlay', source: 'overlay', options: ['ro', `lowerdir=${layers.join(':')}`] }], target);
      assert.equal(fs.readdirSync(target).length, layers.length);
    });

    it('of a snapshot of one layer bind it', () => {
      const layer = folder('layer');
      fs.writeFileSync(path.join(layer, 'file'), '');
      const target = folder('target');
      mountAll([{ type: 'bind', source: layer, options: ['ro', 'rbind'] }], target);
      assert.deepEqual(fs.readdirSync(target), ['file']);
    });

    it('that fail half-way leave none behind', async () => {
      const target = folder('target');
      const good = { type: 'tmpfs', source: 'tmpfs', options: [] };
      assert.throws(() => mountAll([good, { ...good, type: 'nosuchfs' }], target));
      assert.equal(await isMountPoint(target), false);
    });
  });

  describe('a file inside a root', () => {
    it('is read, also through symlinks that a chroot would follow inside', async () => {
      const root = folder('root', 'etc');
      fs.writeFileSync(path.join(root, 'passwd'), 'inside');
      fs.symlinkSync('/etc/passwd', path.join(root, 'absolute'));
      fs.symlinkSync('../../../../../../etc/passwd', path.join(root, 'climbing'));
      for (const name of ['passwd', 'absolute', 'climbing', '../../etc/passwd']) {
        assert.equal((await readFileInRoot(path.join(top, 'root'), `/etc/${name}`, 100))?.toString(), 'inside', name);
      }
    });

    it('is undefined where there is none', async () => {
      fs.symlinkSync('/nowhere', path.join(folder('root'), 'dangling'));
      fs.writeFileSync(path.join(top, 'root', 'file'), '');
      for (const name of ['none', 'dangling', 'file/below']) assert.equal(await readFileInRoot(path.join(top, 'root'), name, 100), undefined);
      assert.equal((await readFileInRoot(path.join(top, 'root'), 'file', 100))?.length, 0);
    });

    it('is refused when it is too large, no regular file, or a way out through /proc', async () => {
      const root = folder('root');
      fs.writeFileSync(path.join(root, 'large'), Buffer.alloc(101));
      fs.writeFileSync(path.join(root, 'exact'), Buffer.alloc(100));
      execFileSync('mkfifo', [path.join(root, 'fifo')]);
      fs.mkdirSync(path.join(root, 'folder'));
      assert.equal((await readFileInRoot(root, 'exact', 100))?.length, 100);
      await assert.rejects(readFileInRoot(root, 'large', 100), (error) => isKind(error, 'resourceExhausted'));
      for (const name of ['fifo', 'folder']) {
        await assert.rejects(readFileInRoot(root, name, 100), (error) => isKind(error, 'failedPrecondition'));
      }
      bindMount('/proc', folder('root', 'proc'), { recursive: true });
      await assert.rejects(readFileInRoot(root, `/proc/${process.pid}/root/etc/hostname`, 100));
    });
  });

  describe('the service manager', () => {
    it('hears what it is told, on a path', async () => {
      const socketPath = path.join(top, 'notify');
      // Node has no datagram sockets with paths, and Perl is on every Debian.
      const listen = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un('${socketPath}'));
        $| = 1; print "ready"; recv(S, $m, 100, 0); print $m;`;
      const child = spawn('perl', ['-e', listen]);
      await once(child.stdout, 'data');
      sdNotify('READY=1', socketPath);
      const [message] = (await once(child.stdout, 'data')) as [Buffer];
      assert.equal(message.toString(), 'READY=1');
    });

    it('is not missed when there is none', () => {
      sdNotify('READY=1', undefined);
      sdNotify('READY=1', path.join(top, 'nobody'));
      sdNotify('READY=1', '@nobody-listens-here');
    });
  });

  describe('host facts', () => {
    it('are those of this kernel', async () => {
      const facts = await readKernelFacts();
      assert.equal(facts.kernelVersion, os.release());
      assert.equal(facts.lastCap, Number(fs.readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')));
      assert.equal(facts.ownOomScoreAdj, Number(fs.readFileSync('/proc/self/oom_score_adj', 'utf8')), 'and trying changed nothing');
    });
  });
});
