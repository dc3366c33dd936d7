import { constants, fstat, openSync, closeSync, read as readNode, readlink } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError, errnoOf, wrapError } from '../lib/errors.ts';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, close, openat2 } from './libc.ts';

const fstatAsync = promisify(fstat);
const readAsync = promisify(readNode);
const readlinkAsync = promisify(readlink);

/**
 * Reads a regular file inside a foreign root file system. Symbolic links are followed, but as a chroot follows
 * them: none leads out of `root`, and none through /proc. Undefined when there is no such file; at most
 * `maxBytes`, a larger file is `resourceExhausted`; something that is no regular file is `failedPrecondition`.
 */
export async function readFileInRoot(root: string, file: string, maxBytes: number): Promise<Buffer | undefined> {
  const fd = openInRoot(root, file);
  if (fd === undefined) return undefined;
  try {
    const stat = await fstatAsync(fd);
    if (!stat.isFile()) throw new CodedError('failedPrecondition', `read ${file} inside ${root}: it is no regular file`);
    const tooBig = new CodedError('resourceExhausted', `read ${file} inside ${root}: it is larger than ${maxBytes} bytes`);
    if (stat.size > maxBytes) throw tooBig;
    const buffer = Buffer.alloc(maxBytes > stat.size ? stat.size + 1 : stat.size);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await readAsync(fd, buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    close(fd);
  }
}

/**
 * The path without links of what is found at `inside` of a foreign root file system, by the rules of
 * `readFileInRoot`; undefined when there is nothing. It stays true only where nobody can write to `root`.
 */
export async function pathInRoot(root: string, inside: string): Promise<string | undefined> {
  const fd = openInRoot(root, inside, O_PATH);
  if (fd === undefined) return undefined;
  try {
    return await readlinkAsync(`/proc/self/fd/${fd}`);
  } finally {
    close(fd);
  }
}

// O_NONBLOCK: opening a FIFO that an image has in a file's place must not wait for its writer.
const toRead = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function openInRoot(root: string, file: string, flags = toRead): number | undefined {
  const rootFd = openSync(root, constants.O_DIRECTORY);
  try {
    return openat2(rootFd, file, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw wrapError(`read ${file} inside ${root}`, error);
  } finally {
    closeSync(rootFd);
  }
}
