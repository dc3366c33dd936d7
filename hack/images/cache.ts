import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

/** Where built tools and images are kept between runs: outside every clone. */
export function cacheFolder(): string {
  const { PODWRIGHT_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own ?? path.join(xdg ?? path.join(homedir(), '.cache'), 'podwright');
}

/**
 * Fills `folder` once: `fill` works in a temporary folder that is renamed when it is whole, so that a
 * killed run leaves nothing half made, and of two runs at once one result wins.
 */
export async function fillOnce(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  const part = await mkdtemp(`${folder}.part-`);
  try {
    await fill(part);
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    if (!isTaken(error)) throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
}
