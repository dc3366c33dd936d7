import { CodedError, wrapError } from '../lib/errors.ts';
import { runTool, toolWords } from './tool.ts';

/**
 * Copies what is in the folder `from`, and its own owner and mode, to the folder `to`, which has to exist: owners,
 * modes, times, links and extended attributes as they are. Links are copied and never followed. By cp(1), because
 * Node has no calls for most of it, and so that a large tree is copied beside the event loop.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  const args = ['--archive', '--reflink=auto', '--no-target-directory', '--', `${from}/.`, to];
  try {
    const end = await runTool('cp', args, { timeoutMs: Infinity });
    if (end.exitCode !== 0) throw new CodedError('internal', toolWords(end));
  } catch (error) {
    throw wrapError(`copy ${from} to ${to}`, error);
  }
}
