import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

// Only names temporary files apart; nothing depends on its value.
let serial = 0;

/**
 * Replaces the file at `file` whole: a reader, also one after a crash or a power cut, sees the old content
 * or the new and never a part. The data and then the folder entry are flushed before it returns.
 */
export async function writeFileAtomic(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${file}.${process.pid}.${serial++}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Flushes a folder's entries, so that a rename or an unlink in it survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
