import net from 'node:net';
import { CodedError } from '../lib/errors.ts';
import type { JsonObject } from './json.ts';
import { isJsonObject, kindOfJson, optionalCount, optionalObjects, optionalString, optionalStrings, parseJsonObject } from './json.ts';
import { compareCniVersions, newestCniVersion } from './version.ts';

/** An interface a plugin made, in the sandbox or on the host (`sandbox` is empty there). */
export interface CniInterface {
  readonly name: string;
  readonly mac: string;
  readonly sandbox: string;
  readonly mtu: number | undefined;
  readonly socketPath: string;
  readonly pciId: string;
}

/** An address a plugin gave, without its prefix; `interfaceIndex` points into the result's interfaces. */
export interface CniIp {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly interfaceIndex: number | undefined;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw: string;
}

export interface CniDns {
  readonly nameservers: readonly string[];
  readonly domain: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** What an ADD gave (CNI 1.1.0 section 5), the same for every spec version, and as the plugin wrote it. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
  /** The plugin's own words: what the next plugin, CHECK and DEL get as prevResult, unknown fields included. */
  readonly raw: JsonObject;
}

/**
 * Reads what a plugin printed on ADD, in any spec version to 1.1.0. A result without a version has that of the
 * configuration, and `null` is a result with nothing in it, as libcni has it. Throws `failedPrecondition`.
 */
export function parseResult(text: string, confVersion: string): CniResult {
  return toResult(text.trim() === 'null' ? {} : parseJsonObject(text, 'the result'), confVersion);
}

/** As `parseResult`, from JSON already parsed. */
export function toResult(json: JsonObject, confVersion: string): CniResult {
  const cniVersion = optionalString(json, 'cniVersion') || confVersion;
  if (compareCniVersions(cniVersion, newestCniVersion) > 0) {
    throw new CodedError('failedPrecondition', `the result has cniVersion ${cniVersion}, newer than ${newestCniVersion}`);
  }
  const interfaces = optionalObjects(json, 'interfaces').map(toInterface);
  const old = compareCniVersions(cniVersion, '0.3.0') < 0 ? [optionalObject(json, 'ip4'), optionalObject(json, 'ip6')] : [];
  const oldIps = old.filter((ip) => ip !== undefined);
  return {
    cniVersion,
    interfaces,
    ips: [
      ...oldIps.map((ip) => toIp({ address: ip['ip'], gateway: ip['gateway'] }, 0)),
      ...optionalObjects(json, 'ips').map((ip) => toIp(ip, interfaces.length)),
    ],
    routes: [...oldIps.flatMap((ip) => optionalObjects(ip, 'routes')), ...optionalObjects(json, 'routes')].map(toRoute),
    dns: toDns(optionalObject(json, 'dns') ?? {}),
    raw: { ...json, cniVersion },
  };
}

function toInterface(json: JsonObject): CniInterface {
  return {
    name: optionalString(json, 'name'),
    mac: optionalString(json, 'mac'),
    sandbox: optionalString(json, 'sandbox'),
    mtu: optionalCount(json, 'mtu'),
    socketPath: optionalString(json, 'socketPath'),
    pciId: optionalString(json, 'pciID'),
  };
}

function toIp(json: JsonObject, interfaceCount: number): CniIp {
  const { address, prefixLength } = parseCidr(json['address'], 'the address of an ip');
  const interfaceIndex = optionalCount(json, 'interface');
  if (interfaceIndex !== undefined && interfaceIndex >= interfaceCount) {
    throw new CodedError('failedPrecondition', `ip ${address} belongs to interface ${interfaceIndex}, of which there are ${interfaceCount}`);
  }
  return { address, prefixLength, gateway: parseOptionalIp(json, 'gateway'), interfaceIndex };
}

function toRoute(json: JsonObject): CniRoute {
  const { address, prefixLength } = parseCidr(json['dst'], 'the dst of a route');
  return { dst: `${address}/${prefixLength}`, gw: parseOptionalIp(json, 'gw') };
}

function toDns(json: JsonObject): CniDns {
  return {
    nameservers: optionalStrings(json, 'nameservers'),
    domain: optionalString(json, 'domain'),
    search: optionalStrings(json, 'search'),
    options: optionalStrings(json, 'options'),
  };
}

function optionalObject(from: JsonObject, key: string): JsonObject | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw new CodedError('failedPrecondition', `${key} is ${kindOfJson(value)}, not an object`);
  return value;
}

function parseOptionalIp(from: JsonObject, key: string): string {
  const text = optionalString(from, key);
  return text === '' ? '' : canonicalIp(text, key);
}

function parseCidr(value: unknown, what: string): { readonly address: string; readonly prefixLength: number } {
  const match = typeof value === 'string' ? /^([^/]+)\/(\d{1,3})$/.exec(value) : null;
  const [, ip, bits] = match ?? [];
  if (ip === undefined || bits === undefined) {
    throw new CodedError('failedPrecondition', `${what} is ${JSON.stringify(value)}, not like "10.1.2.3/24"`);
  }
  const prefixLength = Number(bits);
  if (prefixLength > (net.isIPv4(ip) ? 32 : 128)) {
    throw new CodedError('failedPrecondition', `${what} is ${JSON.stringify(value)}: the prefix is too long`);
  }
  return { address: canonicalIp(ip, what), prefixLength };
}

// The kubelet compares addresses as text, so each gets the one spelling that Go's net package gives it.
function canonicalIp(text: string, what: string): string {
  if (net.isIPv4(text)) return text;
  if (!net.isIPv6(text) || text.includes('%')) {
    throw new CodedError('failedPrecondition', `${what} is ${JSON.stringify(text)}, not an IP address`);
  }
  const { address } = new net.SocketAddress({ address: text, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}
