import {
  MS_BIND,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_STRICTATIME,
} from './libc.ts';

/** fstab-style options, taken apart as mount(2) wants them. */
export interface MountFlags {
  readonly flags: number;
  /** Changes of propagation need a call of their own each, after the mount. */
  readonly propagation: readonly number[];
  /** What is for the file system itself. */
  readonly data: readonly string[];
}

const setters: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  remount: MS_REMOUNT,
  noatime: MS_NOATIME,
  nodiratime: MS_NODIRATIME,
  bind: MS_BIND,
  rbind: MS_BIND | MS_REC,
  relatime: MS_RELATIME,
  strictatime: MS_STRICTATIME,
};

const clearers: Readonly<Record<string, number>> = {
  rw: MS_RDONLY,
  suid: MS_NOSUID,
  dev: MS_NODEV,
  exec: MS_NOEXEC,
  atime: MS_NOATIME,
  diratime: MS_NODIRATIME,
  norelatime: MS_RELATIME,
  nostrictatime: MS_STRICTATIME,
};

const propagations: Readonly<Record<string, number>> = {
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
};

/** Sorts options into flags, propagation and data; a later option wins over an earlier one. */
export function parseMountOptions(options: readonly string[]): MountFlags {
  let flags = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  for (const option of options) {
    const set = setters[option];
    const clear = clearers[option];
    const spread = propagations[option];
    if (set !== undefined) flags |= set;
    else if (clear !== undefined) flags &= ~clear;
    else if (spread !== undefined) propagation.push(spread);
    else if (option !== 'defaults' && option !== '' && !option.startsWith('X-')) data.push(option);
  }
  return { flags, propagation, data };
}
