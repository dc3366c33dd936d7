import { type BigIntStats, constants, fstat, fstatSync, openSync, closeSync, read as readNode, readlink } from 'node:fs';
import { promisify } from 'node:util';
import { CodedError, errnoOf, messageOf, wrapError } from '../lib/errors.ts';
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, close, openat2, openat2IfCan } from './libc.ts';

const fstatAsync = promisify(fstat);
const readAsync = promisify(readNode);
const readlinkAsync = promisify(readlink);

/**
 * Reads a regular file inside a foreign root file system. Symbolic links are followed, but as a chroot follows
 * them: none leads out of `root`, and none through /proc. Undefined when there is no such file; at most
 * `maxBytes`, a larger file is `resourceExhausted`; something that is no regular file is `failedPrecondition`, and
 * so is a path that leads nowhere. It is looked at before it is opened: an image may have a device in a file's
 * place, and to open one (a watchdog, a tape) can be to use it.
 */
export async function readFileInRoot(root: string, file: string, maxBytes: number): Promise<Buffer | undefined> {
  const found = openInRoot(root, file);
  if (found === undefined) return undefined;
  try {
    const stat = await fstatAsync(found);
    if (!stat.isFile()) throw new CodedError('failedPrecondition', `read ${file} inside ${root}: it is no regular file`);
    return await readWhole(found, stat.size, `read ${file} inside ${root}`, maxBytes);
  } finally {
    close(found);
  }
}

async function readWhole(found: number, size: number, what: string, maxBytes: number): Promise<Buffer> {
  const fd = openSync(`/proc/self/fd/${found}`, constants.O_RDONLY);
  try {
    const tooBig = new CodedError('resourceExhausted', `${what}: it is larger than ${maxBytes} bytes`);
    if (size > maxBytes) throw tooBig;
    const buffer = Buffer.alloc(maxBytes > size ? size + 1 : size);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await readAsync(fd, buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/**
 * The path without links of what is found at `inside` of a foreign root file system, by the rules of
 * `readFileInRoot`; undefined when there is nothing. It stays true only where nobody can write to `root`.
 */
export async function pathInRoot(root: string, inside: string): Promise<string | undefined> {
  const fd = openInRoot(root, inside);
  if (fd === undefined) return undefined;
  try {
    return await readlinkAsync(`/proc/self/fd/${fd}`);
  } finally {
    close(fd);
  }
}

/**
 * What is found at `inside` of a foreign root file system, by the rules of `readFileInRoot`; undefined where that leads
 * nowhere, for whatever reason. At once: for a local file system.
 */
export function statInRoot(root: string, inside: string): BigIntStats | undefined {
  const rootFd = openSync(root, constants.O_DIRECTORY | O_PATH);
  try {
    const fd = openat2IfCan(rootFd, inside, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd === undefined) return undefined;
    try {
      return fstatSync(fd, { bigint: true });
    } finally {
      close(fd);
    }
  } finally {
    closeSync(rootFd);
  }
}

/** Finds a file without opening it, as O_PATH does. */
function openInRoot(root: string, file: string): number | undefined {
  const rootFd = openSync(root, constants.O_DIRECTORY);
  try {
    return openat2(rootFd, file, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (['ENOENT', 'ENOTDIR'].includes(errno)) return undefined;
    // Links that lead to each other, or through /proc: whoever made the file system is to blame, and not this node.
    if (!['ELOOP', 'ENAMETOOLONG'].includes(errno)) throw wrapError(`read ${file} inside ${root}`, error);
    throw new CodedError('failedPrecondition', `read ${file} inside ${root}: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(rootFd);
  }
}
