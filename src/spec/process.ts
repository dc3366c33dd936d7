import path from 'node:path';

import { CodedError, invalidField } from '../lib/errors.ts';
import type { KeyValue__Output } from '../types/cri/runtime/v1/KeyValue.ts';

/** The parts of an OCI image config that shape a process (image-spec config.md). */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** USER: `name|uid[:group|gid]`, or empty. */
  readonly user: string;
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * A container's argv in the Kubernetes way: `command` replaces ENTRYPOINT and drops CMD too, `args` replaces
 * CMD only. invalidArgument where neither the config nor the image names a program.
 */
export function processArgs(
  config: { readonly command: readonly string[]; readonly args: readonly string[] },
  image: Pick<ImageSettings, 'entrypoint' | 'cmd'>,
): string[] {
  const command = config.command.length > 0 ? config.command : image.entrypoint;
  const keepsCmd = config.command.length === 0 && config.args.length === 0;
  const argv = [...command, ...(keepsCmd ? image.cmd : config.args)];
  if (argv.length === 0) {
    throw new CodedError('invalidArgument', 'no command specified: config.command and config.args are empty, and the image has neither ENTRYPOINT nor CMD');
  }
  if (argv[0] === '') {
    const field = ["config.command[0]", "the image's ENTRYPOINT", 'config.args[0]', "the image's CMD"];
    const from = [config.command, image.entrypoint, config.args].findIndex((list) => list.length > 0);
    throw invalidField(field.at(from) ?? '', '', 'an empty program name cannot be run');
  }
  return argv;
}

/**
 * A container's environment: defaults, the node's own among them, then the image's, then the config's, where a
 * later value takes the place of an earlier one. Config values are bytes on the wire, yet the spec is JSON: what isn't UTF-8 becomes U+FFFD,
 * as Go's encoder makes it in every other runtime.
 */
export function processEnv(options: {
  readonly hostname: string;
  readonly tty: boolean;
  readonly defaultEnv?: readonly string[];
  readonly imageEnv: readonly string[];
  readonly envs: readonly KeyValue__Output[];
}): string[] {
  const defaults = [defaultPath, `HOSTNAME=${options.hostname}`];
  if (options.tty) defaults.push('TERM=xterm');
  const configured = options.envs.map(({ key, value }) => `${key}=${value.toString('utf8')}`);
  return mergeEnv([...defaults, ...(options.defaultEnv ?? []), ...options.imageEnv, ...configured]);
}

/** Keeps one entry a name: the place of its first, the value of its last. A bare `NAME` takes the name out. */
export function mergeEnv(entries: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at === -1) byName.delete(entry);
    else byName.set(entry.slice(0, at), entry);
  }
  return [...byName.values()];
}

/** The working directory: the config's, the image's, or `/`; OCI demands an absolute path (config.md "cwd"). */
export function processCwd(workingDir: string, imageWorkingDir: string): string {
  return path.posix.resolve('/', workingDir !== '' ? workingDir : imageWorkingDir);
}
