import { readFileSync } from 'node:fs';
import { cgroupFolder, cgroupRoot, isGone } from './cgroup.ts';
import { parseDetailV1, parseDetailV2 } from './cgroup-detail.ts';
import type { CgroupDetail, CgroupV1DetailFile, CgroupV2DetailFile } from './cgroup-detail.ts';
import { parseCgroupV1, parseCgroupV2 } from './cgroup-stats.ts';
import { blockDevice } from './file-system.ts';
import { readFirst } from './libc.ts';
import type { CgroupStats, CgroupV1File, CgroupV2File } from './cgroup-stats.ts';

const v2Files: readonly CgroupV2File[] = [
  'cpu.stat',
  'cpu.pressure',
  'memory.current',
  'memory.max',
  'memory.stat',
  'memory.pressure',
  'memory.swap.current',
  'memory.swap.max',
  'io.pressure',
  'pids.current',
];

const v2DetailFiles: readonly CgroupV2DetailFile[] = [
  ...v2Files,
  'cpu.weight',
  'cpu.max',
  'memory.peak',
  'memory.events',
  'memory.min',
  'io.stat',
  'pids.max',
  'cgroup.procs',
];

/** Which hierarchy of v1 has the file. */
const v1Files: Readonly<Record<CgroupV1File, string>> = {
  'cpuacct.usage': 'cpuacct',
  'memory.usage_in_bytes': 'memory',
  'memory.limit_in_bytes': 'memory',
  'memory.stat': 'memory',
  'memory.memsw.usage_in_bytes': 'memory',
  'memory.memsw.limit_in_bytes': 'memory',
  'pids.current': 'pids',
  'cpu.pressure': 'unified',
  'memory.pressure': 'unified',
  'io.pressure': 'unified',
};

const v1DetailFiles: Readonly<Record<CgroupV1DetailFile, string>> = {
  ...v1Files,
  'cpuacct.usage_user': 'cpuacct',
  'cpuacct.usage_sys': 'cpuacct',
  'cpu.stat': 'cpu',
  'cpu.shares': 'cpu',
  'cpu.cfs_period_us': 'cpu',
  'cpu.cfs_quota_us': 'cpu',
  'memory.max_usage_in_bytes': 'memory',
  'memory.failcnt': 'memory',
  'memory.kmem.usage_in_bytes': 'memory',
  'memory.soft_limit_in_bytes': 'memory',
  'memory.oom_control': 'memory',
  'blkio.throttle.io_service_bytes_recursive': 'blkio',
  'blkio.throttle.io_serviced_recursive': 'blkio',
  'pids.max': 'pids',
  'cgroup.procs': 'cpuacct',
};

const v1DetailNames = Object.keys(v1DetailFiles) as CgroupV1DetailFile[];

/** Whose cgroup is read. The CRI tells no swap of a Pod and no number of processes of a container. */
export type CgroupOf = 'pod' | 'container';

const isTold: Readonly<Record<CgroupOf, (file: string) => boolean>> = {
  pod: (file) => !/^memory\.(?:swap|memsw)\./.test(file),
  container: (file) => file !== 'pids.current',
};

const v1Names = Object.keys(v1Files) as CgroupV1File[];
const told = {
  1: { pod: v1Names.filter(isTold.pod), container: v1Names.filter(isTold.container) },
  2: { pod: v2Files.filter(isTold.pod), container: v2Files.filter(isTold.container) },
};

/**
 * Reads what a cgroup uses, as far as it is told of its kind; undefined when the cgroup has vanished. Synchronous on purpose: these
 * files are no disk's, and the dozen of them takes 0.1 ms, most of it for opening them, against 0.6 ms of CPU through
 * the thread pool (2026-11). Whoever reads many lets the event loop have its turn in between.
 */
export function readCgroupStats(of: CgroupOf, cgroupsPath: string, version: 1 | 2, root = cgroupRoot): CgroupStats | undefined {
  const folder = cgroupFolder(cgroupsPath);
  const stats =
    version === 2 ? parseCgroupV2(readV2(root, folder, told[2][of])) : parseCgroupV1(readV1(root, folder, told[1][of]));
  return isThere(stats) ? stats : undefined;
}

/** Reads all that a cgroup tells, some 25 files, as `readCgroupStats` does; undefined when it has vanished. */
export function readCgroupDetail(cgroupsPath: string, version: 1 | 2, root = cgroupRoot): CgroupDetail | undefined {
  const folder = cgroupFolder(cgroupsPath);
  const detail =
    version === 2 ? parseDetailV2(readV2(root, folder, v2DetailFiles)) : parseDetailV1(readV1(root, folder, v1DetailNames));
  if (!isThere(detail.stats)) return undefined;
  return { ...detail, disks: detail.disks.map((disk) => ({ ...disk, device: blockDevice(disk.major, disk.minor) })) };
}

// A cgroup that is removed while it is read loses its files one by one.
function isThere(stats: CgroupStats): boolean {
  return stats.cpu !== undefined || stats.memory !== undefined;
}

type Texts<File extends string> = { [name in File]?: string | undefined };

// memory.stat, the longest of them, has some 2 kB. One buffer for all, as each text is out of it before the next is read:
// with a new one for each cgroup the garbage collector took a sixth of the whole (2026-11).
const buffer = Buffer.allocUnsafe(8192);

function readV2<File extends CgroupV2DetailFile>(root: string, folder: string, files: readonly File[]): Texts<File> {
  const texts: Texts<File> = {};
  for (const file of files) texts[file] = readText(`${root}${folder}/${file}`);
  return texts;
}

function readV1<File extends CgroupV1DetailFile>(root: string, folder: string, files: readonly File[]): Texts<File> {
  const texts: Texts<File> = {};
  for (const file of files) texts[file] = readText(`${root}/${v1DetailFiles[file]}${folder}/${file}`);
  return texts;
}

/**
 * A file's text by one read where that is all of it. The kernel makes the text of a cgroup file as a whole, so what
 * leaves room in the buffer is the end. cgroup.procs is the one that comes in records, of which a read gives some.
 */
function readText(file: string): string | undefined {
  if (file.endsWith('/cgroup.procs')) return readWhole(file);
  const length = readFirst(file, buffer);
  if (length === undefined) return undefined;
  return length < buffer.length ? buffer.toString('latin1', 0, length) : readWhole(file);
}

function readWhole(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
