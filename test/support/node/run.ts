import { execFile } from 'node:child_process';

/** What a program said and how it ended. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly cwd?: string;
}

/** Runs a program to its end, whatever that is. A program that is not there is 127, one that took too long 124. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<Output> {
  const { env, timeoutMs = 120_000, input, cwd } = options;
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
        else if (error.killed === true) resolve({ code: 124, stdout, stderr: `${stderr}killed after ${timeoutMs} ms` });
        else resolve({ code: 127, stdout, stderr: `${stderr}${error.message}` });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Runs a program that has to succeed and returns what it printed. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryRun(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}
