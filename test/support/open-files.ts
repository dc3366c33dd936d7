import { readdirSync, readlinkSync } from 'node:fs';

/** The files below a folder that this process has open. */
export function openFilesBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((file) => file.startsWith(`${folder}/`));
    } catch {
      return []; // the one that listed them
    }
  });
}
