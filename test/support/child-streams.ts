import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { eventually } from './eventually.ts';
import type { Output } from './node/run.ts';

/** What a program wrote, byte by byte, and how it ended. */
export interface Bytes {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Gives a program its whole input and waits for its end; it is killed when it takes too long. */
export async function converse(child: ChildProcessWithoutNullStreams, input?: Buffer, timeoutMs = 60_000): Promise<Bytes> {
  const said = new Said(child);
  child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await said.ended;
  clearTimeout(timer);
  return { code, stdout: said.bytes, stderr: said.errors };
}

/** Waits for the end of a program and returns all that it printed, as `tryRun` does; one that a signal ended has the code -1. */
export async function readAll(child: ChildProcessWithoutNullStreams): Promise<Output> {
  const said = new Said(child);
  const code = await said.ended;
  return { code: code ?? -1, stdout: said.text, stderr: said.errors };
}

/** What a program has written so far. */
export class Said {
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];

  /** The exit code, null where a signal ended it, once all output has come. */
  readonly ended: Promise<number | null>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.#err.push(chunk));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#out);
  }

  get text(): string {
    return this.bytes.toString();
  }

  get errors(): string {
    return Buffer.concat(this.#err).toString();
  }

  /** Waits until its stdout matches. */
  async until(pattern: RegExp): Promise<string> {
    return eventually(
      () => `${String(pattern)} comes; this came: ${JSON.stringify(this.text.slice(-500))} ${this.errors.slice(-500)}`,
      () => pattern.test(this.text) && this.text,
    );
  }
}
