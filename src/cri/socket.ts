import type { Stats } from 'node:fs';
import type { Server } from 'node:net';
import { lstat, mkdir, readFile, rename, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';

// The kernel's limit for a unix socket's name, the closing zero included.
const maxPathBytes = 108;

/**
 * Makes sure that `socket` can be served: its folder is there, its name is short enough, and nobody answers on
 * it. `alreadyExists` ("already served by pid N") when somebody does, `invalidArgument` for a path that cannot be.
 */
export async function checkSocketFree(socket: string): Promise<void> {
  const longest = Buffer.byteLength(temporaryName(socket));
  if (!path.isAbsolute(socket) || longest >= maxPathBytes) {
    throw new CodedError(
      'invalidArgument',
      `socket ${socket}: must be an absolute path of at most ${maxPathBytes - 1 - (longest - Buffer.byteLength(socket))} bytes`,
    );
  }
  await mkdir(path.dirname(socket), { recursive: true, mode: 0o711 });
  const found = await statIfThere(socket);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new CodedError('alreadyExists', `socket ${socket}: there is something else of that name, which is left alone`);
  }
  if (await isAnswered(socket)) {
    const pid = await servingPid(socket);
    throw new CodedError('alreadyExists', `socket ${socket}: already served by ${pid === undefined ? 'another process' : `pid ${pid}`}`);
  }
}

/**
 * Makes `server` listen on `socket` and returns what removes the file again. The file appears with mode 0600 in
 * the instant somebody can be served: it is bound under a name of its own and then renamed, which also replaces
 * what a killed predecessor left behind.
 */
export async function ownSocketFile(server: Server, socket: string): Promise<() => Promise<void>> {
  await checkSocketFree(socket);
  const temporary = temporaryName(socket);
  await rm(temporary, { force: true });
  await listenPrivately(server, temporary);
  try {
    const { ino } = await lstat(temporary);
    await rename(temporary, socket);
    return async () => {
      // Somebody may have put a socket of his own there; that one is not ours to remove.
      if ((await statIfThere(socket))?.ino === ino) await rm(socket, { force: true });
    };
  } catch (error) {
    server.close();
    throw new CodedError('internal', `socket ${socket}: ${messageOf(error)}`, { cause: error });
  }
}

// The pid in the bound name is what tells a latecomer who serves: the kernel keeps it through the rename.
function temporaryName(socket: string): string {
  return `${socket}.${process.pid}`;
}

function listenPrivately(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(new CodedError('internal', `socket ${file}: ${error.message}`, { cause: error }));
    server.once('error', onError);
    // bind(2) happens inside listen(), so nothing else is created under this mask.
    const before = process.umask(0o177);
    try {
      server.listen(file, () => {
        server.off('error', onError);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

async function statIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await lstat(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      const errno = errnoOf(error);
      if (errno === 'ECONNREFUSED' || errno === 'ENOENT') resolve(false);
      // A listener with a full backlog is alive all the same.
      else if (errno === 'EAGAIN') resolve(true);
      else reject(new CodedError('internal', `socket ${socket}: ${error.message}`, { cause: error }));
    });
  });
}

async function servingPid(socket: string): Promise<number | undefined> {
  return boundPid(await readFile('/proc/net/unix', 'utf8').catch(() => ''), socket);
}

/** The pid in the name that a podwright listening on `socket` had bound, out of the text of /proc/net/unix. */
export function boundPid(procNetUnix: string, socket: string): number | undefined {
  const acceptsConnections = 0x10000; // __SO_ACCEPTCON: a listener, and not one of its connections
  for (const line of procNetUnix.split('\n')) {
    const [, , , flags = '', , , , ...name] = line.split(' ').filter((word) => word !== '');
    const bound = name.join(' ');
    if ((Number.parseInt(flags, 16) & acceptsConnections) === 0 || !bound.startsWith(`${socket}.`)) continue;
    const pid = bound.slice(socket.length + 1);
    if (/^\d+$/.test(pid)) return Number(pid);
  }
  return undefined;
}
