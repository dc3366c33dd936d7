import { type Stats, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../lib/errors.ts';

/** A device node of the host. */
export interface DeviceNode {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits only. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Not devices a container could use: its own terminals, shared memory, message queues, and the console. */
const passedOver = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);

/** The device at `file`, or all below it where it is a folder; none where it is neither. Symlinks are followed at `file` only. */
export async function devicesAt(file: string): Promise<DeviceNode[]> {
  // /dev is in memory, and what is in memory need not wait for a thread of the pool.
  const found = file.startsWith('/dev/') ? statSync(file) : await stat(file);
  if (found.isDirectory()) return await devicesBelow(file);
  const node = toNode(file, found);
  return node === undefined ? [] : [node];
}

/** Every device node of the host, for a privileged container. */
export async function hostDevices(): Promise<DeviceNode[]> {
  return await devicesBelow('/dev');
}

async function devicesBelow(folder: string): Promise<DeviceNode[]> {
  const nodes: DeviceNode[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (passedOver.has(entry.name) || entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) nodes.push(...(await ifThere(devicesBelow(file))));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) nodes.push(...(await ifThere(deviceAt(file))));
  }
  return nodes;
}

async function deviceAt(file: string): Promise<DeviceNode[]> {
  const node = toNode(file, await stat(file));
  return node === undefined ? [] : [node];
}

/** Devices come and go, and their folders with them: what went between the listing and the look has none. */
async function ifThere(found: Promise<DeviceNode[]>): Promise<DeviceNode[]> {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function toNode(file: string, found: Stats): DeviceNode | undefined {
  if (!found.isCharacterDevice() && !found.isBlockDevice()) return undefined;
  return {
    path: file,
    type: found.isBlockDevice() ? 'b' : 'c',
    major: majorOf(found.rdev),
    minor: minorOf(found.rdev),
    fileMode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
  };
}

/** The kernel's 64-bit dev_t keeps 12 bits of the major number low and the rest high (gnu_dev_major). */
export function majorOf(rdev: number): number {
  const device = BigInt(rdev);
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

/** As `majorOf`, for the minor number. */
export function minorOf(rdev: number): number {
  const device = BigInt(rdev);
  return Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}
