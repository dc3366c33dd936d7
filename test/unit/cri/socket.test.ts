import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { boundPid, checkSocketFree, ownSocketFile } from '../../../src/cri/socket.ts';

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pw-sock-'));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('the socket file', () => {
  it('replaces one that a killed process left behind', async () => {
    await withFolder(async (folder) => {
      const socket = path.join(folder, 's');
      const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('up'))`;
      const dead = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(dead.stdout, 'data');
      dead.kill('SIGKILL');
      await once(dead, 'exit');
      assert.equal((await lstat(socket)).isSocket(), true);
      const server = net.createServer();
      const remove = await ownSocketFile(server, socket);
      assert.deepEqual(await readdir(folder), ['s']);
      await remove();
      server.close();
      assert.deepEqual(await readdir(folder), []);
    });
  });

  it('makes the folder it lives in', async () => {
    await withFolder(async (folder) => {
      await checkSocketFree(path.join(folder, 'a/b/s'));
      assert.equal((await lstat(path.join(folder, 'a/b'))).isDirectory(), true);
    });
  });

  it('does not remove the socket of somebody who took its place', async () => {
    await withFolder(async (folder) => {
      const socket = path.join(folder, 's');
      const [mine, other] = [net.createServer(), net.createServer()];
      const remove = await ownSocketFile(mine, socket);
      await rm(socket);
      await ownSocketFile(other, socket);
      await remove();
      assert.equal((await lstat(socket)).isSocket(), true);
      mine.close();
      other.close();
    });
  });

  it('refuses a path that the kernel would cut', async () => {
    await assert.rejects(checkSocketFree(`/tmp/${'x'.repeat(120)}`), { kind: 'invalidArgument' });
    await assert.rejects(checkSocketFree('relative.sock'), { kind: 'invalidArgument' });
  });

  it('finds who serves among the kernel\'s sockets', () => {
    const text = [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      '0000000000000001: 00000003 00000000 00000000 0001 03 11 /run/pw/s.sock.77',
      '0000000000000002: 00000002 00000000 00010000 0001 01 12 /run/pw/s.sock.tmp',
      '0000000000000003: 00000002 00000000 00010000 0001 01 13 /run/pw/s.sock.42',
      '0000000000000004: 00000002 00000000 00010000 0001 01 14',
    ].join('\n');
    assert.equal(boundPid(text, '/run/pw/s.sock'), 42);
    assert.equal(boundPid(text, '/run/pw/other.sock'), undefined);
    assert.equal(boundPid('', '/run/pw/s.sock'), undefined);
  });
});
