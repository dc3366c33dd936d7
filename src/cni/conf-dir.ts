import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, errnoOf, messageOf, wrapError } from '../lib/errors.ts';
import type { NetworkConf, PluginConf } from './conf.ts';
import { parseConfList, parsePluginConf, parseSingleConf } from './conf.ts';

/** A file that should have configured a network and could not. */
export interface ConfProblem {
  readonly file: string;
  readonly message: string;
}

/** What a configuration folder holds: the network to use, if any, and what was wrong before it was found. */
export interface LoadedConf {
  readonly network: NetworkConf | undefined;
  readonly file: string | undefined;
  readonly problems: readonly ConfProblem[];
}

const maxConfBytes = 1 << 20;

/**
 * Reads the network of a configuration folder: of `*.conflist`, `*.conf` and `*.json` in lexicographic order the
 * first valid one, as every CRI runtime does. A file that is not valid is passed over and reported.
 * Never throws: an unreadable folder is a problem too, a missing one holds nothing.
 */
export async function loadConfDir(confDir: string): Promise<LoadedConf> {
  const problems: ConfProblem[] = [];
  try {
    for (const name of await confFiles(confDir, ['.conflist', '.conf', '.json'])) {
      const file = path.join(confDir, name);
      try {
        return { network: await loadNetwork(file), file, problems };
      } catch (error) {
        problems.push({ file, message: messageOf(error) });
      }
    }
  } catch (error) {
    problems.push({ file: confDir, message: messageOf(error) });
  }
  return { network: undefined, file: undefined, problems };
}

/** Why a folder gave no network, in one sentence. */
export function describeNoNetwork(confDir: string, problems: readonly ConfProblem[]): string {
  if (problems.length === 0) return `no network configuration (*.conflist, *.conf, *.json) in ${confDir}`;
  return `no valid network configuration in ${confDir}: ${problems.map((problem) => `${problem.file}: ${problem.message}`).join('; ')}`;
}

async function loadNetwork(file: string): Promise<NetworkConf> {
  const text = await readConf(file);
  if (!file.endsWith('.conflist')) return parseSingleConf(text);
  const network = parseConfList(text);
  const plugins = network.loadOnlyInlinedPlugins
    ? network.plugins
    : [...network.plugins, ...(await loadPluginFolder(path.join(path.dirname(file), network.name)))];
  if (plugins.length === 0) throw new CodedError('failedPrecondition', 'it has no plugins, nor is there a folder of its name with some');
  return { ...network, plugins };
}

async function loadPluginFolder(folder: string): Promise<PluginConf[]> {
  const names = await confFiles(folder, ['.conf']);
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      try {
        return parsePluginConf(await readConf(file));
      } catch (error) {
        throw wrapError(file, error);
      }
    }),
  );
}

async function confFiles(folder: string, extensions: readonly string[]): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && extensions.includes(path.extname(entry.name)))
      .map((entry) => entry.name)
      .toSorted();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

// Opening a FIFO by mistake would hold a thread of the pool for ever, so look first.
async function readConf(file: string): Promise<string> {
  const found = await stat(file);
  if (!found.isFile()) throw new CodedError('failedPrecondition', 'it is no regular file');
  if (found.size > maxConfBytes) throw new CodedError('failedPrecondition', `it has ${found.size} bytes, more than ${maxConfBytes}`);
  return readFile(file, 'utf8');
}
