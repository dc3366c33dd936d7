import { CodedError } from '../lib/errors.ts';
import type { OciProcess } from './oci.ts';
import { requireNoNul } from './paths.ts';

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
  checkCommand(command);
  const hasTerm = process.env.some((entry) => entry.startsWith('TERM='));
  const env = tty && !hasTerm ? [...process.env, 'TERM=xterm'] : process.env;
  return { ...process, terminal: tty, args: command, env, ...(tty && size && { consoleSize: size }) };
}

/** invalidArgument for what no program can be started with. */
export function checkCommand(command: readonly string[]): void {
  if (command.length === 0) throw new CodedError('invalidArgument', 'cmd is []: exec needs a command');
  for (const [at, text] of command.entries()) requireNoNul(`cmd[${at}]`, text);
}
