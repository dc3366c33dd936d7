import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a daemon of a test node is run. */
export interface DaemonOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The `cgroup.procs` files that the daemon is put into before it runs. */
  readonly cgroupProcs?: readonly string[];
  /** The pinned network namespace to run it in. */
  readonly netns?: string | undefined;
}

/** A child process that outlives its caller's terminal, logs to a file, and can be killed and started again. */
export class Daemon {
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  get logPath(): string {
    return this.#options.logPath;
  }

  /** The process id, while it runs. */
  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended: an exit code or a signal's name; undefined while it runs. */
  get ending(): number | string | undefined {
    return this.#child?.exitCode ?? this.#child?.signalCode ?? undefined;
  }

  /** Starts it; the log file is appended to. A session of its own keeps a terminal's Ctrl-C from it. */
  start(): void {
    const { command, args, env, cgroupProcs = [], netns } = this.#options;
    const log = openSync(this.#options.logPath, 'a');
    // The shell moves itself, then becomes the daemon: so nothing of the daemon ever runs outside.
    const join = cgroupProcs.map((file) => `echo $$ > '${file}' && `).join('');
    const enter = netns === undefined ? '' : `nsenter --net='${netns}' `;
    this.#child = spawn('/bin/sh', ['-c', `${join}exec ${enter}"$0" "$@"`, command, ...args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const child = this.#child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    // A test that forgets to stop its node must end all the same; the node is then swept.
    child.unref();
  }

  /** Sends a signal and waits for the end; SIGKILL after `graceMs`. Does nothing when it does not run. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 10_000): Promise<void> {
    if (!this.isRunning) return;
    this.#child?.kill(signal);
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs);
    await this.ended();
    clearTimeout(timer);
  }

  /** Resolves when it has ended, at once where it does not run. */
  async ended(): Promise<void> {
    this.#child?.ref();
    await this.#ended;
  }

  /** Polls `ready` until it is true. Fails when the daemon ends first or `timeoutMs` pass, with its log's end. */
  async until(what: string, ready: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await ready())) {
      const why = !this.isRunning ? `it ended with ${this.ending}` : Date.now() > deadline ? 'time is up' : undefined;
      if (why !== undefined) {
        throw new Error(`${this.#options.name}: waiting until ${what}: ${why}\n${await this.logTail()}`);
      }
      await sleep(20);
    }
  }

  /** The last lines of its log. */
  async logTail(lines = 30): Promise<string> {
    const log = await readFile(this.#options.logPath, 'utf8').catch(() => '');
    return log.split('\n').slice(-lines).join('\n');
  }
}
