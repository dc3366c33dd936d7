import type { Config } from './config.ts';
import type { Setting } from './flags.ts';
import type { AnyNode, AnyNodes } from './schema.ts';
import { readFile } from 'node:fs/promises';
import { CodedError, errnoOf, messageOf } from '../lib/errors.ts';
import { parseConfig, togetherProblems } from './toml.ts';
import { refuse } from './read.ts';
import { schema } from './config.ts';

/** Where the configuration is read from when no flag says otherwise. */
export const usualConfigFile = '/etc/podwright/config.toml';

/**
 * The defaults, then the file, then the flags. A file that was asked for must be there, the usual one need
 * not. `invalidArgument` with file, line and hint for whatever is wrong.
 */
export async function loadConfig(configFile: string | undefined, settings: readonly Setting[]): Promise<Config> {
  const text = configFile === undefined ? await readUsual() : await readConfigFile(configFile);
  const config = parseConfig(text, configFile ?? usualConfigFile);
  return applySettings(config, settings);
}

/** Reads and checks one file as `podwright config check` does. */
export async function checkConfigFile(file: string): Promise<Config> {
  return parseConfig(await readConfigFile(file), file);
}

/** Lays flags over a configuration. `invalidArgument` that names the flag. */
export function applySettings(config: Config, settings: readonly Setting[]): Config {
  let value: object = config;
  for (const setting of settings) {
    const why = refuse(nodeAt(setting.path), setting.value);
    if (why !== undefined) {
      throw new CodedError('invalidArgument', `--${setting.flag} is ${JSON.stringify(setting.value)}: ${why}`);
    }
    value = withValueAt(value, setting.path, setting.value);
  }
  const set = value as Config;
  const problems = settings.length === 0 ? [] : togetherProblems(set);
  if (problems.length > 0) {
    throw new CodedError('invalidArgument', `with the flags given, ${problems.map(({ message }) => message).join('\n')}`);
  }
  return set;
}

async function readUsual(): Promise<string> {
  try {
    return await readFile(usualConfigFile, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw unreadable(usualConfigFile, error);
  }
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): CodedError {
  return new CodedError('invalidArgument', `${file}: the configuration cannot be read: ${messageOf(error)}`, {
    cause: error,
  });
}

function nodeAt(path: readonly string[]): AnyNode {
  let nodes = schema as unknown as AnyNodes;
  let found: AnyNode | undefined;
  for (const part of path) {
    found = nodes[part];
    if (found?.kind === 'table') nodes = found.nodes;
  }
  if (found === undefined) throw new Error(`no key ${path.join('.')} in the configuration`);
  return found;
}

function withValueAt(at: object, path: readonly string[], value: string): object {
  const [part, ...rest] = path;
  if (part === undefined) return at;
  const below = (at as Readonly<Record<string, unknown>>)[part];
  return { ...at, [part]: rest.length === 0 ? value : withValueAt(below as object, rest, value) };
}
