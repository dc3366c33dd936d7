import { execFile } from 'node:child_process';
import { CodedError, messageOf } from '../lib/errors.ts';

/** How a tool of the system ended, and what it said about it. */
export interface ToolEnd {
  readonly exitCode: number;
  readonly complaint: string;
}

const longestMs = 30_000;

/** Runs a small tool of the system, found on PATH. `internal` where it cannot be run or is not done after 30 s. */
export async function runTool(file: string, args: readonly string[]): Promise<ToolEnd> {
  return await new Promise((resolve, reject) => {
    execFile(file, args, { timeout: longestMs, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, complaint: '' });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, complaint: stderr.trim() });
      else reject(new CodedError('internal', `run ${file}: ${error.killed ? `not done after ${longestMs / 1000} s` : messageOf(error)}`));
    });
  });
}
