import { CodedError, wrapError } from '../lib/errors.ts';
import { runTool, toolWords } from './tool.ts';

/** What systemctl ends with when systemd has no such unit (systemctl(1), "Exit status"). */
const noSuchUnit = 5;

/**
 * Stops a slice of systemd with all that is in it. systemd makes a slice for the first scope that names it, and keeps it
 * when the last one has gone. One that it does not know is fine.
 */
export async function stopSlice(slice: string): Promise<void> {
  try {
    const end = await runTool('systemctl', ['stop', '--', slice]);
    if (end.exitCode !== 0 && end.exitCode !== noSuchUnit) throw new CodedError('internal', toolWords(end));
  } catch (error) {
    throw wrapError(`stop ${slice}`, error);
  }
}
