import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { errnoOf, wrapError } from '../lib/errors.ts';
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  MNT_DETACH,
  MS_BIND,
  UMOUNT_NOFOLLOW,
  mount,
  sethostname,
  setns,
  umount2,
  umountInPool,
  unshare,
} from './libc.ts';
import { bringLoopbackUp } from './loopback.ts';
import { writeSysctls } from './sysctl.ts';

/** The kinds of namespace podwright pins. The name is that of the file in /proc/PID/ns and of the pin. */
export type PinnedKind = 'net' | 'uts' | 'ipc' | 'user';

export const cloneFlags: Readonly<Record<PinnedKind, number>> = {
  net: CLONE_NEWNET,
  uts: CLONE_NEWUTS,
  ipc: CLONE_NEWIPC,
  user: CLONE_NEWUSER,
};

/** What a sandbox's namespaces are filled with. */
export interface NamespaceContent {
  /** Absent: the new UTS namespace keeps the node's name. */
  readonly hostname?: string;
  /** Written inside; names as sysctl(8) takes them. Each has to belong to a namespace that is made here. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Bring `lo` up in the new network namespace. Default true. */
  readonly bringUpLo?: boolean;
}

/** Which namespaces to make, where to pin them (`<dir>/net`, …) and what to put inside. */
export interface PinRequest extends NamespaceContent {
  readonly dir: string;
  readonly net: boolean;
  readonly uts: boolean;
  readonly ipc: boolean;
}

/** The pins, for the OCI spec, CNI and `withNetns`; a kind that was not made is absent. */
export type Pins = { readonly [kind in PinnedKind]?: string };

/**
 * Makes network, UTS and IPC namespaces and pins each with a bind mount below `dir`, so that they live
 * without a process until `unpinNamespaces`. Takes 0.8 ms of the calling thread (2026-11), all of it
 * synchronous: between unshare and setns the thread is in the sandbox's namespaces and nothing else may run.
 * On failure nothing is left; a sysctl that is refused is `invalidArgument` and named.
 */
export function pinNamespaces(request: PinRequest): Pins {
  const kinds = (['net', 'uts', 'ipc'] as const).filter((kind) => request[kind]);
  mkdirSync(request.dir, { recursive: true, mode: 0o700 });
  if (kinds.length === 0) return {};
  try {
    return inOwnNamespacesAfter(kinds, () => {
      unshare(kinds.reduce((flags, kind) => flags | cloneFlags[kind], 0));
      fillNamespaces(kinds, request);
      return pinFrom('/proc/thread-self/ns', request.dir, kinds);
    });
  } catch (error) {
    unpinNamespacesNow(request.dir);
    throw wrapError(`pin namespaces below ${request.dir}`, error);
  }
}

/**
 * Sets host name and sysctls and brings `lo` up, in the namespaces the calling thread is in. `rootUid` is the
 * node's id of their root.
 */
export function fillNamespaces(kinds: readonly PinnedKind[], content: NamespaceContent, rootUid = 0): void {
  if (kinds.includes('net') && content.bringUpLo !== false) bringLoopbackUp();
  if (kinds.includes('uts') && content.hostname !== undefined) sethostname(content.hostname);
  writeSysctls(content.sysctls ?? {}, kinds, rootUid);
}

/** Bind-mounts namespace files of a process or thread to `<dir>/<kind>`. */
export function pinFrom(nsDir: string, dir: string, kinds: readonly PinnedKind[]): Pins {
  const pins: { [kind in PinnedKind]?: string } = {};
  for (const kind of kinds) {
    const pin = path.join(dir, kind);
    closeSync(openSync(pin, 'wx', 0o600));
    mount(path.join(nsDir, kind), pin, null, MS_BIND, null);
    pins[kind] = pin;
  }
  return pins;
}

/** Lets go of what is pinned below `dir`. What is not there, or is no mount any more, is fine. */
export async function unpinNamespaces(dir: string): Promise<void> {
  const pins = Object.keys(cloneFlags).map((kind) => path.join(dir, kind));
  await Promise.all(
    pins.map(async (pin) => {
      await umountInPool(pin, detach).catch((error: unknown) => asUnpinned(pin, error));
      rmSync(pin, { force: true });
    }),
  );
}

/** As `unpinNamespaces`, without a moment in which anybody else could act. */
export function unpinNamespacesNow(dir: string): void {
  for (const kind of Object.keys(cloneFlags)) {
    const pin = path.join(dir, kind);
    try {
      umount2(pin, detach);
    } catch (error) {
      asUnpinned(pin, error);
    }
    rmSync(pin, { force: true });
  }
}

const detach = MNT_DETACH | UMOUNT_NOFOLLOW;

/** Takes a failure for a pin that is not there, or throws it. */
function asUnpinned(pin: string, error: unknown): void {
  // EINVAL: a file nothing is mounted on, as a crash between making the file and the mount leaves it.
  if (!['ENOENT', 'EINVAL', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw wrapError(`unpin ${pin}`, error);
}

/**
 * Runs `act` with the calling thread in the network namespace at `netnsPath`, then comes back (18 µs for both,
 * 2026-11). `act` has to be synchronous: make a socket, read /proc/thread-self/net; what it opened stays bound to
 * that namespace. Throws what `act` throws, and with errno ENOENT or EINVAL where there is no namespace at the path.
 */
export function withNetns<T>(netnsPath: string, act: () => T): T {
  const fd = openSync(netnsPath, 'r');
  try {
    return inOwnNamespacesAfter(['net'], () => {
      setns(fd, CLONE_NEWNET);
      return act();
    });
  } finally {
    closeSync(fd);
  }
}

/** Writes sysctls of the network namespace at `netnsPath`; errors as `writeSysctls`. */
export function writeNetworkSysctls(netnsPath: string, sysctls: Readonly<Record<string, string>>): void {
  withNetns(netnsPath, () => writeSysctls(sysctls, ['net']));
}

/**
 * Runs `act`, which moves the calling thread into other namespaces of the given kinds, and moves it back.
 * When that fails the process has to go: it would serve the kubelet from inside a Pod.
 */
export function inOwnNamespacesAfter<T>(kinds: readonly PinnedKind[], act: () => T): T {
  const own: { readonly fd: number; readonly flag: number }[] = [];
  try {
    for (const kind of kinds) own.push({ fd: openSync(`/proc/thread-self/ns/${kind}`, 'r'), flag: cloneFlags[kind] });
    try {
      return act();
    } finally {
      for (const { fd, flag } of own) returnTo(fd, flag);
    }
  } finally {
    for (const { fd } of own) closeSync(fd);
  }
}

function returnTo(fd: number, flag: number): void {
  try {
    setns(fd, flag);
  } catch {
    process.abort();
  }
}

/** Whether the pin at `pin` still is a namespace, and of the kind its name says. */
export function isPinned(pin: string): boolean {
  let fd: number;
  try {
    fd = openSync(pin, 'r');
  } catch {
    return false;
  }
  try {
    // Only a mount of nsfs lies on a file system of its own; the file below is empty and reads as such.
    readFileSync(fd);
    return false;
  } catch (error) {
    return errnoOf(error) === 'EINVAL';
  } finally {
    closeSync(fd);
  }
}
