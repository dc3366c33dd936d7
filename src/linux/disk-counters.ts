/** What went from and to one block device for one cgroup and those below it. */
export interface DiskCounters {
  /** Its path, `/dev/sda`, or its numbers where that is not known. */
  readonly device: string;
  readonly major: number;
  readonly minor: number;
  /** Bytes by operation: Read and Write, and on v1 also Sync, Async, Discard and Total. */
  readonly bytes: ReadonlyMap<string, bigint>;
  /** Operations, likewise. */
  readonly operations: ReadonlyMap<string, bigint>;
  /** Microseconds by the counters of the io.cost controller (usage, wait, indebt, indelay); empty where it is off. */
  readonly costUs: ReadonlyMap<string, bigint>;
}

interface Gathered {
  readonly bytes: Map<string, bigint>;
  readonly operations: Map<string, bigint>;
  readonly costUs: Map<string, bigint>;
}

/** Parses io.stat of v2: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=5`. */
export function parseIoStat(text: string): DiskCounters[] {
  const disks = new Map<string, Gathered>();
  for (const line of text.split('\n')) {
    const [device, ...items] = line.trim().split(' ');
    for (const item of items) {
      const found = /^([\w.]+)=(\d+)$/.exec(item);
      const [key, value] = [found?.[1], found?.[2]];
      if (device === undefined || key === undefined || value === undefined) continue;
      const place = placeOf(key);
      if (place !== undefined) gather(disks, device)[place.in].set(place.as, BigInt(value));
    }
  }
  return toCounters(disks);
}

/** Parses v1's blkio.throttle.io_service_bytes_recursive and io_serviced_recursive: `8:0 Read 4096`. */
export function parseBlkio(bytesText: string, operationsText: string): DiskCounters[] {
  const disks = new Map<string, Gathered>();
  const add = (text: string, into: 'bytes' | 'operations'): void => {
    for (const [, device, operation, value] of text.matchAll(/^(\d+:\d+) (\w+) (\d+)$/gm)) {
      if (device !== undefined && operation !== undefined) gather(disks, device)[into].set(operation, BigInt(value ?? 0));
    }
  };
  add(bytesText, 'bytes');
  add(operationsText, 'operations');
  return toCounters(disks);
}

function placeOf(key: string): { readonly in: keyof Gathered; readonly as: string } | undefined {
  switch (key) {
    case 'rbytes':
      return { in: 'bytes', as: 'Read' };
    case 'wbytes':
      return { in: 'bytes', as: 'Write' };
    case 'rios':
      return { in: 'operations', as: 'Read' };
    case 'wios':
      return { in: 'operations', as: 'Write' };
    default:
      return key.startsWith('cost.') ? { in: 'costUs', as: key.slice('cost.'.length) } : undefined;
  }
}

function gather(disks: Map<string, Gathered>, device: string): Gathered {
  const known = disks.get(device);
  if (known !== undefined) return known;
  const made: Gathered = { bytes: new Map(), operations: new Map(), costUs: new Map() };
  disks.set(device, made);
  return made;
}

function toCounters(disks: ReadonlyMap<string, Gathered>): DiskCounters[] {
  return [...disks].flatMap(([device, counters]) => {
    const [major, minor] = device.split(':').map(Number);
    return major === undefined || minor === undefined || Number.isNaN(major + minor) ? [] : [{ device, major, minor, ...counters }];
  });
}
