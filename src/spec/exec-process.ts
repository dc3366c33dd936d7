import { CodedError } from '../lib/errors.ts';
import type { OciProcess } from './oci.ts';

/**
 * The process of an exec: the container's own user, groups, capabilities, environment, directory and profiles
 * with another argv. A terminal brings TERM=xterm where the container has no TERM of its own.
 */
export function buildExecProcess(
  process: OciProcess,
  command: readonly string[],
  tty: boolean,
  size?: { readonly width: number; readonly height: number },
): OciProcess {
  if (command.length === 0) throw new CodedError('invalidArgument', 'cmd is []: exec needs a command');
  const hasTerm = process.env.some((entry) => entry.startsWith('TERM='));
  const env = tty && !hasTerm ? [...process.env, 'TERM=xterm'] : process.env;
  return { ...process, terminal: tty, args: command, env, ...(tty && size && { consoleSize: size }) };
}
