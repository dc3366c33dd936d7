import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isKind } from '../../../src/lib/errors.ts';
import { makeDeviceNodes } from '../../../src/linux/device-nodes.ts';
import { devicesAt } from '../../../src/linux/devices.ts';
import { copyTree } from '../../../src/linux/copy-tree.ts';
import { pathInRoot, readFileInRoot } from '../../../src/linux/inroot.ts';
import { mountShifted } from '../../../src/linux/layers.ts';
import { readKernelFacts } from '../../../src/linux/host-facts.ts';
import { bindMount, isMountPoint, mountAll, mountShm, mountsBelow, umountBelow, unmount } from '../../../src/linux/mount.ts';
import { unpinNamespaces } from '../../../src/linux/namespaces.ts';
import { pinUserNamespaces } from '../../../src/linux/user-namespaces.ts';
import { relabel } from '../../../src/linux/selinux.ts';
import { sdNotify } from '../../../src/linux/sd-notify.ts';
import { giveWorkingDir } from '../../../src/linux/working-dir.ts';

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

  describe('layers', () => {
    const ids = [{ hostId: 300_000, containerId: 0, size: 65_536 }];
    let user = '';
    beforeEach(async () => {
      const pinned = { dir: folder('ns'), net: false, uts: false, ipc: false, hostname: '', sysctls: {} };
      user = (await pinUserNamespaces({ ...pinned, uidMap: ids, gidMap: ids })).user ?? '';
    });
    afterEach(() => unpinNamespaces(path.join(top, 'ns')));

    it("show a user namespace's ids, one layer as several, and leave no mount beside", async () => {
      for (const name of ['upper', 'lower']) {
        fs.writeFileSync(path.join(folder(name), name), '');
        fs.chownSync(path.join(top, name, name), 1000, 2000);
      }
      const lowers = `lowerdir=${path.join(top, 'upper')}:${path.join(top, 'lower')}`;
      mountShifted([{ type: 'bind', source: path.join(top, 'lower'), options: ['ro', 'rbind'] }], folder('one'), user);
      mountShifted([{ type: 'overlay', source: 'overlay', options: [lowers] }], folder('both'), user);
      for (const file of ['one/lower', 'both/upper', 'both/lower']) {
        const { uid, gid } = fs.statSync(path.join(top, file));
        assert.deepEqual([uid, gid], [301_000, 302_000], file);
        assert.throws(() => fs.writeFileSync(path.join(top, file), 'x'), { code: /EROFS|EOVERFLOW/ }, file);
      }
      assert.deepEqual(await mountsBelow(top), [path.join(top, 'ns', 'user'), path.join(top, 'one'), path.join(top, 'both')]);
      assert.deepEqual(fs.readdirSync(top).sort(), ['both', 'lower', 'ns', 'one', 'upper']);
    });

    it('leave nothing where one cannot be shown', async () => {
      const options = [`lowerdir=${folder('upper')}:${path.join(top, 'missing')}`];
      assert.throws(() => mountShifted([{ type: 'overlay', source: 'overlay', options }], folder('both'), user), /missing/);
      assert.deepEqual(await mountsBelow(top), [path.join(top, 'ns', 'user')]);
    });
  });

  describe('devices', () => {
    const zero = { type: 'c' as const, major: 1, minor: 5, fileMode: 0o640, uid: 300_000, gid: 301_000 };

    it('are made with owner and mode, and can be used where those around cannot', async () => {
      const place = folder('nodes');
      makeDeviceNodes(place, [zero, { ...zero, type: 'b', major: 259, minor: 0x1_2345, fileMode: 0o4660 }, { ...zero, type: 'p' }]);
      assert.deepEqual(await devicesAt(path.join(place, '0')), [{ path: path.join(place, '0'), ...zero }]);
      const [block] = await devicesAt(path.join(place, '1'));
      assert.deepEqual([block?.type, block?.major, block?.minor, block?.fileMode], ['b', 259, 0x1_2345, 0o4660]);
      assert.ok(fs.statSync(path.join(place, '2')).isFIFO());
      const fd = fs.openSync(path.join(place, '0'), 'r');
      assert.equal(fs.readSync(fd, Buffer.alloc(1)), 1);
      fs.closeSync(fd);
    });

    it('leave nothing mounted where one cannot be made', async () => {
      const place = folder('nodes');
      assert.throws(() => makeDeviceNodes(place, [zero, { ...zero, uid: 2 ** 32 }]));
      assert.deepEqual(await mountsBelow(top), []);
    });

    it('below a folder are those there are, also when folders in it go meanwhile', async () => {
      const place = folder('dev');
      for (let n = 0; n < 200; n++) folder('dev', `bus-${n}`);
      const found = devicesAt(place);
      await fs.promises.readdir(place);
      for (const name of fs.readdirSync(place)) fs.rmdirSync(path.join(place, name));
      assert.deepEqual(await found, []);
    });
  });

  it('paths in a foreign root are found without leaving it', async () => {
    const root = folder('root');
    fs.mkdirSync(path.join(root, 'a', 'b'), { recursive: true });
    fs.symlinkSync('/a', path.join(root, 'absolute'));
    fs.symlinkSync('../../../../../../../etc', path.join(root, 'out'));
    assert.equal(await pathInRoot(root, 'absolute/b'), path.join(root, 'a', 'b'));
    assert.equal(await pathInRoot(root, 'out'), undefined);
    assert.equal(await pathInRoot(root, '../../../../etc'), undefined);
    assert.equal(await pathInRoot(root, 'a/none'), undefined);
    assert.equal(await pathInRoot(root, '/'), root);
  });

  describe('a working directory', () => {
    const owner = { uid: 1000, gid: 2000 };
    let child: ReturnType<typeof spawn>;
    let cwd = '';
    beforeEach(async () => {
      cwd = folder('cwd');
      child = spawn('sleep', ['1000'], { cwd });
      await once(child, 'spawn');
    });
    afterEach(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    /** A root file system whose writable layer, or image, has something where the process works. */
    const root = (...having: string[]) => {
      const [upper, lower] = ['upper', 'lower'].map((name) => (having.includes(name) ? folder(name, cwd) : folder(name)).slice(0, top.length + 1 + name.length));
      return [{ type: 'overlay', source: 'overlay', options: [`upperdir=${upper}`, `lowerdir=${lower}`] }];
    };

    it('of another root is left alone, though it is of the same name', async () => {
      for (const having of [[], ['upper'], ['lower'], ['upper', 'lower']]) {
        await giveWorkingDir(child.pid ?? 0, root(...having), owner);
        assert.equal(fs.statSync(cwd).uid, 0, having.join());
        assert.equal(fs.statSync(path.join(top, 'upper', having.includes('upper') ? cwd : '')).uid, 0);
      }
    });

    it('that was made for a mount stays as it is, and so does what is mounted there', async () => {
      mountShm(cwd, 4096);
      const mounted = spawn('sleep', ['1000'], { cwd });
      await once(mounted, 'spawn');
      await giveWorkingDir(mounted.pid ?? 0, root('upper'), owner);
      mounted.kill('SIGKILL');
      await once(mounted, 'exit');
      assert.equal(fs.statSync(cwd).uid, 0);
      assert.equal(fs.statSync(path.join(top, 'upper', cwd)).uid, 0);
    });

    it('of a process that has gone is nobody’s concern', async () => {
      await giveWorkingDir(2 ** 22 + 1, root('upper'), owner);
    });
  });

  it('a folder is copied with owners, modes, links and hard links, and no link is followed', async () => {
    const from = folder('from');
    const to = folder('to');
    fs.writeFileSync(path.join(from, '-file'), 'x');
    fs.linkSync(path.join(from, '-file'), path.join(from, 'again'));
    fs.symlinkSync('/etc', path.join(from, 'link'));
    fs.chownSync(path.join(from, '-file'), 5, 6);
    fs.chmodSync(path.join(from, '-file'), 0o4711);
    fs.chownSync(from, 7, 8);
    fs.chmodSync(from, 0o1730);
    await copyTree(from, to);
    const [top7, file, again] = [fs.statSync(to), fs.statSync(path.join(to, '-file')), fs.statSync(path.join(to, 'again'))];
    assert.deepEqual([top7.uid, top7.gid, top7.mode & 0o7777], [7, 8, 0o1730]);
    assert.deepEqual([file.uid, file.gid, file.mode & 0o7777], [5, 6, 0o4711]);
    assert.equal(again.ino, file.ino);
    assert.equal(fs.readlinkSync(path.join(to, 'link')), '/etc');
    await assert.rejects(copyTree(path.join(top, 'none'), to), { kind: 'internal', message: /^copy .*none to .*to: cp: cannot stat / });
  });

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
      execFileSync('mknod', [path.join(root, 'device'), 'c', '1', '5']);
      fs.mkdirSync(path.join(root, 'folder'));
      fs.symlinkSync('round', path.join(root, 'round'));
      assert.equal((await readFileInRoot(root, 'exact', 100))?.length, 100);
      await assert.rejects(readFileInRoot(root, 'large', 100), (error) => isKind(error, 'resourceExhausted'));
      for (const name of ['fifo', 'device', 'folder', 'round', 'x'.repeat(256)]) {
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

  describe('a SELinux label', () => {
    // The kernel keeps the attribute of those who may set it also where no policy looks at it.
    const labelOf = (...names: string[]): string => execFileSync('ls', ['-dZ', path.join(top, ...names)], { encoding: 'utf8' }).split(' ')[0] ?? '';

    it('is given to a folder and all below it, to links and not through them', async () => {
      const outside = folder('outside');
      fs.writeFileSync(path.join(folder('volume', 'deep'), 'file'), '');
      fs.symlinkSync(outside, path.join(top, 'volume', 'link'));
      await relabel([path.join(top, 'volume')], 'system_u:object_r:container_file_t:s0:c1,c2');
      for (const name of ['', 'deep', 'deep/file', 'link']) {
        assert.equal(labelOf('volume', name), 'system_u:object_r:container_file_t:s0:c1,c2', name);
      }
      assert.equal(labelOf('outside'), '?');
    });

    it('is not missed where a file system keeps none, or a file has gone', async () => {
      await relabel(['/proc/self/fdinfo', path.join(top, 'gone')], 'system_u:object_r:container_file_t:s0');
    });

    it('is asked for once, and not file by file, where a file system keeps none', async () => {
      const calls = path.join(top, 'calls');
      const words = `chcon: failed to change context of '$5' to '$4': Operation not supported`;
      const tools = folder('tools');
      // As on NFS: a line for each of its files.
      fs.writeFileSync(
        path.join(tools, 'chcon'),
        `#!/bin/sh\necho "$1" >> ${calls}\n[ "$1" = --recursive ] && yes "${words}" | head -n 20000 >&2\necho "${words.replaceAll('$5', '$4').replace("to '$4'", "to '$3'")}" >&2\nexit 1\n`,
        { mode: 0o755 },
      );
      const { PATH } = process.env;
      process.env['PATH'] = `${tools}:${PATH}`;
      try {
        await relabel([folder('volume')], 'a:b:c:s0');
      } finally {
        process.env['PATH'] = PATH;
      }
      assert.equal(fs.readFileSync(calls, 'utf8'), '--no-dereference\n');
    });

    it('is told as missing where it could have been given', async () => {
      const file = path.join(folder('volume'), 'file');
      fs.writeFileSync(file, '');
      execFileSync('chattr', ['+i', file]);
      try {
        await assert.rejects(relabel([file], 'a:b:c:s0'), /relabel .*file as a:b:c:s0: .*Operation not permitted/);
      } finally {
        execFileSync('chattr', ['-i', file]);
      }
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
