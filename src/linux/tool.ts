import { execFile, type ExecFileException } from 'node:child_process';
import { abortError } from '../lib/abort.ts';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';

/** Of what a tool wrote, so much comes into a message. */
const mostLines = 10;

/** How a tool of the system ended, and what it wrote to its standard error. */
export interface ToolEnd {
  readonly tool: string;
  readonly exitCode: number;
  readonly complaint: string;
}

export interface ToolOptions {
  /** What it reads from its standard input, which is empty otherwise. */
  readonly input?: string;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** How long it may take: 30 s unless it is said, and `Infinity` where a tree may be however large. */
  readonly timeoutMs?: number;
  /** Its environment, in whose PATH it is looked for: podwright's own unless it is given. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a tool of the system, found on PATH, and waits for its end, whatever the exit code. What it says is English.
 * `internal` where it cannot be run, takes too long or is killed; `canceled` when the signal aborts.
 */
export async function runTool(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolEnd> {
  const { input = '', signal, timeoutMs = 30_000, env = process.env } = options;
  return await new Promise((resolve, reject) => {
    const child = execFile(
      tool,
      args,
      {
        env: { ...env, LC_ALL: 'C' },
        timeout: Number.isFinite(timeoutMs) ? timeoutMs : 0, // to Node, 0 is no limit
        killSignal: 'SIGKILL',
        ...(signal === undefined ? {} : { signal }),
      },
      (error, _stdout, stderr) => {
        const complaint = stderr.trim();
        if (error === null) resolve({ tool, exitCode: 0, complaint });
        else if (typeof error.code === 'number') resolve({ tool, exitCode: error.code, complaint });
        else if (signal?.aborted === true) reject(abortError(signal, tool));
        else reject(new CodedError('internal', withWords(whyNoEnd(tool, error, timeoutMs), complaint), { cause: error }));
      },
    );
    // One that ends before it has read all tells why by its exit.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Whether `runTool` failed because there is no such tool. */
export function isMissingTool(error: unknown): boolean {
  return error instanceof CodedError && errnoOf(error.cause) === 'ENOENT';
}

/** What a tool that failed answered, for a message: `cp: cannot stat 'x'`, or its exit code where it said nothing. */
export function toolWords({ tool, exitCode, complaint }: ToolEnd): string {
  if (complaint === '') return `${tool} ended with ${exitCode}`;
  return complaint.startsWith(`${tool}: `) ? firstLines(complaint) : `${tool}: ${firstLines(complaint)}`;
}

function whyNoEnd(tool: string, error: ExecFileException, timeoutMs: number): string {
  if (error.killed === true) return `${tool}: it did not end within ${timeoutMs / 1000} s and was killed`;
  if (errnoOf(error) === 'ENOENT') return `there is no ${tool} on the PATH`;
  return `${tool}: ${typeof error.signal === 'string' ? `it was ended by ${error.signal}` : messageOf(error)}`;
}

function withWords(why: string, complaint: string): string {
  return complaint === '' ? why : `${why}: ${firstLines(complaint)}`;
}

/** A full disk is told for each file of a tree, and once is enough. */
function firstLines(complaint: string): string {
  const lines = complaint.split('\n');
  const more = lines.length - mostLines;
  return more > 0 ? [...lines.slice(0, mostLines), `and ${more} lines more`].join('\n') : complaint;
}
