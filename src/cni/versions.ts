import { stat } from 'node:fs/promises';
import { CodedError, messageOf } from '../lib/errors.ts';
import { optionalString, optionalStrings, parseJsonObject } from './json.ts';
import type { Plugins, RunOptions } from './plugin.ts';
import { complaintOf, describeCall, quote } from './plugin-error.ts';
import { newestCniVersion } from './version.ts';

/**
 * Which spec versions plugins speak, asked by VERSION and remembered as long as the program is the same file. A failed
 * probe is not remembered. Nothing on the way of a Pod waits for this: it serves NetworkReady alone.
 */
export class PluginVersions {
  readonly #plugins: Plugins;
  readonly #known = new Map<string, { readonly stamp: string; readonly versions: readonly string[] }>();

  constructor(plugins: Plugins) {
    this.#plugins = plugins;
  }

  /** The versions a plugin speaks. Throws what finding and running it throws, and `internal` for an answer that is none. */
  async of(type: string, options: RunOptions): Promise<readonly string[]> {
    const file = await this.#plugins.find(type);
    const stamp = await stampOf(file);
    const known = this.#known.get(file);
    if (known !== undefined && known.stamp === stamp) return known.versions;
    const versions = await this.#probe(type, file, options);
    this.#known.set(file, { stamp, versions });
    return versions;
  }

  async #probe(type: string, file: string, options: RunOptions): Promise<readonly string[]> {
    // Plugins built with old versions of CNI's own library ask for these even on VERSION.
    const placeholder = { containerId: '', netnsPath: 'none', ifName: 'none', args: [] };
    const conf = { cniVersion: newestCniVersion };
    let printed: string;
    try {
      printed = await this.#plugins.run({ type, file, verb: 'VERSION', conf, ...placeholder }, options);
    } catch (error) {
      // What came before 0.2.0 does not know the verb.
      if (complaintOf(error)?.msg === 'unknown CNI_COMMAND: VERSION') return ['0.1.0'];
      throw error;
    }
    return readVersions(printed, describeCall(type, 'VERSION', ''));
  }
}

function readVersions(printed: string, what: string): readonly string[] {
  try {
    const json = parseJsonObject(printed, 'the answer');
    const versions = optionalStrings(json, 'supportedVersions');
    if (versions.length > 0) return versions;
    if (optionalString(json, 'cniVersion') === '0.2.0') return ['0.1.0', '0.2.0'];
    throw new CodedError('internal', 'the answer has no supportedVersions');
  } catch (error) {
    throw new CodedError('internal', `${what}: ${messageOf(error)}; it printed ${quote('stdout', printed) || 'nothing'}`, { cause: error });
  }
}

async function stampOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeNs}`;
}
