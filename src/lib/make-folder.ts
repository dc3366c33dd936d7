import { mkdir } from 'node:fs/promises';
import { errnoOf } from './errors.ts';

/** Makes a folder and those above it, unless they are there. Fails with the errno that the kernel gave. */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode });
  } catch (error) {
    // Node says that of a read-only file system too, when it is to make the ones above as well (20.20).
    if (errnoOf(error) === 'ENOENT') await mkdir(folder, { mode });
    throw error;
  }
}
