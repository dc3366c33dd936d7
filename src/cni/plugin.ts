import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted, withGrace } from '../lib/abort.ts';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { JsonObject } from './json.ts';
import type { CniVerb } from './plugin-error.ts';
import { describeCall, pluginError } from './plugin-error.ts';
import type { ProgramEnd } from './program.ts';
import { runProgram } from './program.ts';

/** One run of one plugin. The fields an operation has no use for are empty. */
export interface PluginCall {
  readonly type: string;
  /** The path of its program, as `find` gave it. */
  readonly file: string;
  readonly verb: CniVerb;
  /** What the plugin reads on stdin. */
  readonly conf: JsonObject;
  readonly containerId: string;
  readonly netnsPath: string;
  readonly ifName: string;
  readonly args: readonly (readonly [string, string])[];
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; the runner's own when it is left out. */
  readonly timeoutMs?: number | undefined;
}

/** What runs plugins; the real one starts programs, tests bring their own. */
export interface Plugins {
  /** The path of a plugin's program. `failedPrecondition` when no bin dir has it. */
  find(type: string): Promise<string>;
  /**
   * Runs a plugin and gives what it printed. `deadlineExceeded`, after killing it, when it takes longer than its time;
   * `canceled` when the signal aborts, after it has ended or, where it does not soon, been killed; when it fails, what
   * `pluginError` makes of that.
   */
  run(call: PluginCall, options?: RunOptions): Promise<string>;
}

export interface PluginRunnerOptions {
  readonly binDirs: readonly string[];
  readonly log: Log;
  /** What the plugins inherit of the daemon's environment: they need its PATH for iptables and the like. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds a plugin may take; two minutes when it is left out. */
  readonly timeoutMs?: number;
  /** Milliseconds that a plugin has to end by itself when its caller has gone; two seconds when it is left out. */
  readonly graceMs?: number;
}

const busyRetries = 10;
const busyRetryMs = 200;

/**
 * Runs CNI plugins as the programs they are. Of an ADD's time (2 cores, 2026-11) 1–2 ms a plugin go into starting its
 * process from Node and nearly all the rest into the plugin, so nothing else happens on the way: no VERSION probe and
 * no reading of files.
 */
export class PluginRunner implements Plugins {
  readonly #binDirs: readonly string[];
  readonly #log: Log;
  readonly #timeoutMs: number;
  readonly #graceMs: number;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(options: PluginRunnerOptions) {
    this.#binDirs = options.binDirs;
    this.#log = options.log;
    this.#timeoutMs = options.timeoutMs ?? 120_000;
    this.#graceMs = options.graceMs ?? 2_000;
    // A plugin must not speak to systemd in the daemon's name nor, where it is a Node program, take over its flags.
    const { NOTIFY_SOCKET: _socket, NODE_OPTIONS: _options, ...env } = options.env;
    this.#env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env };
  }

  async find(type: string): Promise<string> {
    for (const dir of this.#binDirs) {
      const file = path.join(dir, type);
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() === true) return file;
    }
    throw new CodedError('failedPrecondition', `cni plugin "${type}" is not in ${this.#binDirs.join(', ')}: install it there`);
  }

  async run(call: PluginCall, options: RunOptions = {}): Promise<string> {
    const what = describeCall(call.type, call.verb, call.containerId);
    throwIfAborted(options.signal, what);
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new CodedError('deadlineExceeded', `it did not end within ${timeoutMs / 1000} s and was killed`));
    }, timeoutMs);
    try {
      // One that is killed at work may leave what no DEL can find: host-local makes a reservation's file first and
      // writes whose it is second. Nearly all end within some hundredth of a second.
      const end = await withGrace(options.signal, this.#graceMs, (gone) => this.#start(call, what, AbortSignal.any([late.signal, gone])));
      throwIfAborted(options.signal, what);
      return this.#judge(call, what, end);
    } finally {
      clearTimeout(timer);
    }
  }

  async #start(call: PluginCall, what: string, signal: AbortSignal): Promise<ProgramEnd> {
    const input = { what, env: this.#environment(call), stdin: JSON.stringify(call.conf), signal };
    for (let attempt = 1; ; attempt++) {
      try {
        return await runProgram(call.file, input);
      } catch (error) {
        if (error instanceof CodedError) throw error;
        // The program is being written right now, as when the plugins are upgraded under us.
        if (errnoOf(error) !== 'ETXTBSY' || attempt === busyRetries) {
          throw new CodedError('failedPrecondition', `${what}: cannot start ${call.file}: ${messageOf(error)}`, { cause: error });
        }
        await sleep(busyRetryMs);
      }
    }
  }

  #judge(call: PluginCall, what: string, end: ProgramEnd): string {
    if (end.tooMuch) throw new CodedError('internal', `${what}: it printed too much and was killed`);
    if (end.exitCode !== 0) throw pluginError(what, end);
    if (end.stderr !== '') this.#log.debug({ plugin: call.type, verb: call.verb, stderr: end.stderr }, 'cni plugin wrote to stderr');
    return end.stdout;
  }

  #environment(call: PluginCall): Record<string, string | undefined> {
    return {
      ...this.#env,
      CNI_COMMAND: call.verb,
      CNI_CONTAINERID: call.containerId,
      CNI_NETNS: call.netnsPath,
      CNI_IFNAME: call.ifName,
      CNI_ARGS: call.args.map(([key, value]) => `${key}=${value}`).join(';'),
      CNI_PATH: this.#binDirs.join(path.delimiter),
    };
  }
}
