import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CodedError, messageOf } from '../lib/errors.ts';

const run = promisify(execFile);

/**
 * Copies what is in the folder `from`, and its own owner and mode, to the folder `to`, which has to exist: owners,
 * modes, times, links and extended attributes as they are. Links are copied and never followed. By cp(1), because
 * Node has no calls for most of it, and so that a large tree is copied beside the event loop.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  try {
    await run('cp', ['--archive', '--reflink=auto', '--no-target-directory', '--', `${from}/.`, to]);
  } catch (error) {
    throw new CodedError('internal', `copy ${from} to ${to}: ${messageOf(error)}`, { cause: error });
  }
}
