import { CodedError } from '../lib/errors.ts';
import { runTool } from './tool.ts';

/** What systemctl ends with when systemd has no such unit (systemctl(1), "Exit status"). */
const noSuchUnit = 5;

/**
 * Stops a slice of systemd with all that is in it. systemd makes a slice for the first scope that names it, and keeps it
 * when the last one has gone. One that it does not know is fine.
 */
export async function stopSlice(slice: string): Promise<void> {
  const { exitCode, complaint } = await runTool('systemctl', ['stop', '--', slice]);
  if (exitCode === 0 || exitCode === noSuchUnit) return;
  throw new CodedError('internal', `stop ${slice}: systemctl ended with ${exitCode}: ${complaint}`);
}
