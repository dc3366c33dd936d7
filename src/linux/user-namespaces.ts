import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { CodedError, wrapError } from '../lib/errors.ts';
import { setns } from './libc.ts';
import { cloneFlags, fillNamespaces, inOwnNamespacesAfter, pinFrom, unpinNamespaces } from './namespaces.ts';
import type { PinRequest, PinnedKind, Pins } from './namespaces.ts';
import { noSuchSysctl, refusedSysctl, sysctlNamespace, sysctlPath } from './sysctl.ts';
import { runTool, toolWords } from './tool.ts';

/** One range of ids: `size` ids from `hostId` on the node are the ids from `containerId` in the Pod. */
export interface IdMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly size: number;
}

/** A request whose namespaces belong to a user namespace with these mappings. */
export interface UserPinRequest extends PinRequest {
  readonly uidMap: readonly IdMapping[];
  readonly gidMap: readonly IdMapping[];
}

/**
 * As `pinNamespaces`, under a user namespace that is made and pinned too (`<dir>/user`). A process with threads
 * cannot make one for itself, so util-linux's `unshare` does, and waits until all is pinned; some 5 ms. What is
 * inside is owned by the Pod's root. On failure nothing is left.
 */
export async function pinUserNamespaces(request: UserPinRequest): Promise<Pins> {
  const made = (['net', 'uts', 'ipc'] as const).filter((kind) => request[kind]);
  const [ofUser, sysctls] = byOwner(request.sysctls ?? {});
  await mkdir(request.dir, { recursive: true, mode: 0o700 });
  try {
    return await withUnshared(['user', ...made], async (pid) => {
      await writeFile(`/proc/${pid}/uid_map`, formatIdMap(request.uidMap));
      await writeFile(`/proc/${pid}/gid_map`, formatIdMap(request.gidMap));
      fillFrom(pid, made, { ...request, sysctls });
      for (const [name, value] of Object.entries(ofUser)) await writeUserSysctl(pid, name, value);
      return pinFrom(`/proc/${pid}/ns`, request.dir, ['user', ...made]);
    });
  } catch (error) {
    await unpinNamespaces(request.dir);
    throw wrapError(`pin user namespaces below ${request.dir}`, error);
  }
}

/** The lines of /proc/PID/uid_map: inside, outside, count. */
export function formatIdMap(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join('');
}

/** Runs `act` while a child sits in new namespaces of the given kinds, with the child's pid. */
async function withUnshared<T>(kinds: readonly PinnedKind[], act: (pid: number) => Promise<T>): Promise<T> {
  // The shell says when it is inside, and ends with its input.
  const args = [...kinds.map((kind) => `--${kind}`), '--', 'sh', '-c', 'echo inside; read -r _'];
  const child = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close').catch(() => {}); // 'error' rejects it; isInside tells of that
  try {
    return await act(await isInside(child));
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function isInside(child: ChildProcess): Promise<number> {
  let complaint = '';
  child.stderr?.on('data', (chunk) => (complaint += String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('error', reject);
    child.once('close', () => reject(new CodedError('internal', `unshare: ${complaint.trim()}`)));
  });
  if (child.pid === undefined) throw new CodedError('internal', 'unshare: it has no pid');
  return child.pid;
}

/** Enters the child's namespaces, but for the user namespace, to fill them with root's power over them. */
function fillFrom(pid: number, kinds: readonly PinnedKind[], request: UserPinRequest): void {
  const theirs = kinds.map((kind) => ({ flag: cloneFlags[kind], fd: openSync(`/proc/${pid}/ns/${kind}`, 'r') }));
  try {
    inOwnNamespacesAfter(kinds, () => {
      for (const { fd, flag } of theirs) setns(fd, flag);
      fillNamespaces(kinds, request, request.uidMap.find(({ containerId }) => containerId === 0)?.hostId);
    });
  } finally {
    for (const { fd } of theirs) closeSync(fd);
  }
}

/** Sysctls of the user namespace itself, and the others. */
function byOwner(sysctls: Readonly<Record<string, string>>): [ofUser: Record<string, string>, others: Record<string, string>] {
  const all = Object.entries(sysctls);
  const isOfUser = ([name]: [string, string]): boolean => sysctlNamespace(name) === 'user';
  return [Object.fromEntries(all.filter(isOfUser)), Object.fromEntries(all.filter((entry) => !isOfUser(entry)))];
}

/**
 * Writes a `user.*` sysctl of the user namespace that a process is in. /proc/sys shows those of the user namespace of
 * whoever opens it, and a process with threads cannot enter another one; nsenter can, and is its root there.
 */
async function writeUserSysctl(pid: number, name: string, value: string): Promise<void> {
  const file = sysctlPath(name);
  if (!existsSync(file)) throw refusedSysctl(name, value, noSuchSysctl);
  const write = ['sh', '-c', 'printf %s "$2" > "$1"', 'sh', file, value];
  const end = await runTool('nsenter', [`--user=/proc/${pid}/ns/user`, '--', ...write]);
  if (end.exitCode !== 0) throw refusedSysctl(name, value, toolWords(end));
}
