import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Output } from '../../support/node/run.ts';

/** Waits for the end of a program and returns all that it printed; one that a signal ended has the code -1. */
export function readAll(child: ChildProcessWithoutNullStreams): Promise<Output> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => stdout.push(data));
  child.stderr.on('data', (data: Buffer) => stderr.push(data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
  });
}
