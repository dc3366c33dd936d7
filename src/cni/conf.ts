import { CodedError } from '../lib/errors.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, kindOfJson, optionalObjects, optionalString, optionalStrings, parseJsonObject } from './json.ts';
import { selectCniVersion } from './version.ts';

/** One plugin of a network: its program, the capabilities it asks for, and its configuration as written. */
export interface PluginConf {
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly raw: JsonObject;
}

/** A network configuration (CNI 1.1.0 section 1), whatever kind of file it came from. */
export interface NetworkConf {
  readonly name: string;
  /** The version spoken with the plugins, already chosen from what the file offers. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  /** False lets plugins in `<conf_dir>/<name>/*.conf` be appended. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly PluginConf[];
}

/**
 * Reads a network list (`*.conflist`). Its plugins may be missing where they may come from a folder beside the file.
 * Throws `failedPrecondition` that says what is wrong with it.
 */
export function parseConfList(text: string): NetworkConf {
  return toNetworkConf(parseJsonObject(text, 'the file'));
}

/** As `parseConfList`, from a list already parsed; also how a list stored with an attachment is read back. */
export function toNetworkConf(raw: JsonObject): NetworkConf {
  const name = checkNetworkName(raw['name']);
  const loadOnlyInlinedPlugins = readFlag(raw, 'loadOnlyInlinedPlugins');
  const listed = raw['plugins'] !== undefined;
  if (!listed && loadOnlyInlinedPlugins) {
    throw new CodedError('failedPrecondition', 'loadOnlyInlinedPlugins is true, but there are no plugins');
  }
  const plugins = optionalObjects(raw, 'plugins');
  if (listed && plugins.length === 0) throw new CodedError('failedPrecondition', 'plugins is empty');
  return {
    name,
    cniVersion: selectCniVersion(optionalString(raw, 'cniVersion'), optionalStrings(raw, 'cniVersions')),
    disableCheck: readFlag(raw, 'disableCheck'),
    disableGc: readFlag(raw, 'disableGC'),
    loadOnlyInlinedPlugins,
    plugins: plugins.map((plugin, index) => toPluginConf(plugin, `plugins[${index}]`)),
  };
}

/** Reads a file with a single plugin (`*.conf`, `*.json`: the form before spec 1.0.0) as a list of one. */
export function parseSingleConf(text: string): NetworkConf {
  const raw = parseJsonObject(text, 'the file');
  if (raw['type'] === undefined && raw['plugins'] !== undefined) {
    throw new CodedError('failedPrecondition', 'it holds a list of plugins: rename it to end in .conflist');
  }
  return {
    name: checkNetworkName(raw['name']),
    cniVersion: selectCniVersion(optionalString(raw, 'cniVersion'), optionalStrings(raw, 'cniVersions')),
    disableCheck: false,
    disableGc: false,
    loadOnlyInlinedPlugins: true,
    plugins: [toPluginConf(raw, 'the file')],
  };
}

/** Reads the configuration of one plugin out of `<conf_dir>/<network>/*.conf`. */
export function parsePluginConf(text: string): PluginConf {
  return toPluginConf(parseJsonObject(text, 'the file'), 'the file');
}

/** The list in the form `toNetworkConf` reads, to be stored with an attachment. */
export function fromNetworkConf(network: NetworkConf): JsonObject {
  return {
    name: network.name,
    cniVersion: network.cniVersion,
    disableCheck: network.disableCheck,
    disableGC: network.disableGc,
    loadOnlyInlinedPlugins: true,
    plugins: network.plugins.map((plugin) => plugin.raw),
  };
}

function toPluginConf(raw: JsonObject, where: string): PluginConf {
  const type = raw['type'];
  if (typeof type !== 'string' || type === '') {
    throw new CodedError('failedPrecondition', `${where} has no type: ${kindOfJson(type)} where the name of a plugin should be`);
  }
  // The type becomes a path below a bin dir, so it must not leave it.
  if (/[/\\\0]/.test(type) || type === '.' || type === '..') {
    throw new CodedError('failedPrecondition', `type ${JSON.stringify(type)} of ${where} is no name of a plugin`);
  }
  const capabilities = raw['capabilities'] ?? {};
  if (!isJsonObject(capabilities)) {
    throw new CodedError('failedPrecondition', `capabilities of ${where} is ${kindOfJson(capabilities)}, not an object`);
  }
  return { type, raw, capabilities: Object.keys(capabilities).filter((key) => capabilities[key] === true) };
}

function checkNetworkName(name: unknown): string {
  if (typeof name !== 'string' || name === '') {
    throw new CodedError('failedPrecondition', `name is ${name === '' ? 'empty' : kindOfJson(name)}: a network needs one`);
  }
  if (!isCniName(name)) {
    throw new CodedError('failedPrecondition', `name ${JSON.stringify(name)} is not letters, digits, "_", "." and "-" after a letter or digit`);
  }
  return name;
}

/** Whether `text` may name a network or a container (CNI 1.1.0 sections 1 and 2). */
export function isCniName(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text);
}

// libcni takes the words too, and people write them.
function readFlag(raw: JsonObject, key: string): boolean {
  const value = raw[key];
  if (value === undefined) return false;
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === true || word === 'true') return true;
  if (word === false || word === 'false') return false;
  throw new CodedError('failedPrecondition', `${key} is ${JSON.stringify(value)}, not true or false`);
}
