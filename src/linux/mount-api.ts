import koffi from 'koffi';
import { O_CLOEXEC, SyscallError } from './libc.ts';

// The mount API that works on descriptors (open_tree(2), mount_setattr(2), move_mount(2)), apart from libc.ts because
// glibc 2.36, the oldest that has it, is newer than some systems: all of it is called by number.
const libc = koffi.load(null);

const NR_OPEN_TREE = 428; // these are the same on every architecture
const NR_MOVE_MOUNT = 429;
const NR_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 0x1;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOUNT_ATTR_RDONLY = 0x1;
const MOUNT_ATTR_IDMAP = 0x10_0000;

const c = {
  openTree: libc.func('long syscall(long number, long dirfd, const char *path, long flags)') as (
    number: number,
    dirfd: number,
    path: string,
    flags: number,
  ) => number,
  moveMount: libc.func('long syscall(long number, long from, const char *a, long to, const char *path, long flags)') as (
    number: number,
    from: number,
    a: string,
    to: number,
    path: string,
    flags: number,
  ) => number,
  mountSetattr: libc.func('long syscall(long number, long fd, const char *path, long flags, const void *attr, size_t n)') as (
    number: number,
    fd: number,
    path: string,
    flags: number,
    attr: Uint8Array,
    n: number,
  ) => number,
};

function check(syscall: string, result: number, what?: string): number {
  if (result >= 0) return result;
  throw new SyscallError(syscall, koffi.errno(), what);
}

/** A detached copy of what is mounted at the folder `path`, as a descriptor. */
export function openTreeClone(path: string): number {
  return check('open_tree', c.openTree(NR_OPEN_TREE, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC), path);
}

/** Makes a detached mount read-only, with owners as the user namespace of `userFd` sees them. */
export function setIdMap(mountFd: number, userFd: number): void {
  const attr = Buffer.alloc(32); // struct mount_attr: what to set, to clear, propagation, the namespace
  attr.writeBigUInt64LE(BigInt(MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY), 0);
  attr.writeBigUInt64LE(BigInt(userFd), 24);
  check('mount_setattr', c.mountSetattr(NR_MOUNT_SETATTR, mountFd, '', AT_EMPTY_PATH, attr, attr.length));
}

/** Attaches a detached mount at the folder `target`. */
export function attachMount(mountFd: number, target: string): void {
  check('move_mount', c.moveMount(NR_MOVE_MOUNT, mountFd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), target);
}
