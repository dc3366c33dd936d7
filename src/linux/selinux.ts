import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, errnoOf, wrapError } from '../lib/errors.ts';
import type { MountEntry } from './mountinfo.ts';
import { runTool, type ToolEnd, toolWords } from './tool.ts';

/** Labels named in one call of chcon(1), far below what an argument list holds. */
const pathsPerCall = 256;
const chconFailure = /^chcon: .*: (.+)$/u;
/** A file that has gone meanwhile needs no label, and a file system without labels keeps none (NFS, 9p). */
const unsupported = 'Operation not supported';
const harmless = ['No such file or directory', unsupported];

/** Whether SELinux is on for this process, by the signs that the kubelet goes by: selinuxfs that can be written, and a label. */
export function isSelinuxOn(mounts: readonly MountEntry[], ownLabel: string): boolean {
  const writable = mounts.some(
    ({ fsType, options, superOptions }) => fsType === 'selinuxfs' && !options.includes('ro') && !superOptions.includes('ro'),
  );
  return writable && ownLabel.replace(/[\0\n]+$/u, '') !== 'kernel';
}

/** The text in which the node's policy names its labels for containers; undefined where it has none. `etc` is /etc/selinux. */
export async function readLxcContexts(
  etc = '/etc/selinux',
  shared = '/usr/share/containers/selinux/contexts',
): Promise<string | undefined> {
  const own = await textOf(shared);
  if (own !== undefined) return own;
  const type = /^SELINUXTYPE=(\S+)/mu.exec((await textOf(path.join(etc, 'config'))) ?? '')?.[1];
  return type === undefined ? undefined : await textOf(path.join(etc, type, 'contexts/lxc_contexts'));
}

/** Whether the policy that is loaded knows a label. */
export async function knowsLabel(label: string, selinuxfs = '/sys/fs/selinux'): Promise<boolean> {
  try {
    await writeFile(path.join(selinuxfs, 'context'), label, { flag: 'r+' });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EINVAL') return false;
    throw error;
  }
}

/**
 * Gives a label to files and all below them; links are relabelled and never followed. By chcon(1), so that a large
 * tree is walked beside the event loop. File systems that keep no labels are passed over.
 */
export async function relabel(paths: readonly string[], label: string): Promise<void> {
  for (let at = 0; at < paths.length; at += pathsPerCall) {
    const some = paths.slice(at, at + pathsPerCall);
    try {
      const keeping = await thatKeep(some, label);
      if (keeping.length > 0) await chcon(['--recursive', '--no-dereference', '--', label, ...keeping]);
    } catch (error) {
      throw wrapError(`relabel ${some.join(', ')} as ${label}`, error);
    }
  }
}

/**
 * Those of `paths` that can have a label, which they have then. It is found out for each alone: of a large tree on a
 * file system without labels chcon would tell file by file, at a length that nobody reads.
 */
async function thatKeep(paths: readonly string[], label: string): Promise<readonly string[]> {
  const lines = (await chcon(['--no-dereference', '--', label, ...paths])).split('\n');
  const keepsNone = (place: string): boolean => lines.some((line) => line.includes(`'${place}'`) && line.endsWith(unsupported));
  return paths.filter((place) => !keepsNone(place));
}

/** Runs chcon(1), and answers what harmless things it told. */
async function chcon(args: readonly string[]): Promise<string> {
  const end = await runTool('chcon', args, { timeoutMs: Infinity });
  const harm = harmOf(end);
  if (harm !== undefined) throw new CodedError('internal', harm);
  return end.complaint;
}

/** What chcon could not do and should have; undefined where all it tells is harmless. */
function harmOf(end: ToolEnd): string | undefined {
  if (end.exitCode === 0) return undefined;
  const lines = end.complaint.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return toolWords(end);
  const harm = lines.find((line) => !harmless.includes(chconFailure.exec(line)?.[1] ?? ''));
  return harm === undefined ? undefined : toolWords({ ...end, complaint: harm });
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
