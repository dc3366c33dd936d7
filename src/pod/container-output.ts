import path from 'node:path';
import { makeFifos } from '../io/fifo.ts';
import type { Container } from './container.ts';
import type { Parts } from './parts.ts';

/** The paths that containerd gets for a container's standard streams; empty where there is none. */
export interface OutputPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Makes the container's FIFOs and has the log pump read them, ahead of the shim's opening them, so that not
 * a byte is written to nobody. A terminal has one output, its stdout.
 */
export async function makeOutput(parts: Pick<Parts, 'folders' | 'logs'>, container: Container): Promise<OutputPaths> {
  const { stdin, tty } = container.record.config;
  makeFifos(parts.folders.containerState(container.id), { stdin, stdout: true, stderr: !tty });
  return await openOutput(parts, container);
}

/** Has the log pump read a container's FIFOs; after a restart it goes on with what they kept. */
export async function openOutput(parts: Pick<Parts, 'folders' | 'logs'>, container: Container): Promise<OutputPaths> {
  const { config, logPath } = container.record;
  const stateDir = parts.folders.containerState(container.id);
  const paths = {
    stdin: config.stdin ? path.join(stateDir, 'stdin') : '',
    stdout: path.join(stateDir, 'stdout'),
    stderr: config.tty ? '' : path.join(stateDir, 'stderr'),
  };
  await parts.logs.open({
    containerId: container.id,
    stdout: paths.stdout,
    ...(paths.stderr !== '' && { stderr: paths.stderr }),
    logPath,
    stateDir,
  });
  return paths;
}
