import type { Config } from '../config/config.ts';
import { checkSocketFree } from '../cri/socket.ts';
import { lockFolder } from '../linux/folder-lock.ts';

/**
 * Takes the socket's name, the root and the state folder for this process, before anything in them is touched:
 * the socket file appears only when podwright is ready, too late to keep a second one from recovering the same
 * pods. Returns what gives them back. `alreadyExists` ("already served by pid N") where another has one of them.
 */
export async function claimPlaces(config: Config): Promise<() => void> {
  await checkSocketFree(config.socket);
  const state = await lockFolder(config.state);
  try {
    const root = await lockFolder(config.root);
    return () => {
      root.release();
      state.release();
    };
  } catch (error) {
    state.release();
    throw error;
  }
}
