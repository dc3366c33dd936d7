import net from 'node:net';
import path from 'node:path';
import { isGlob } from '../lib/glob.ts';
import { readUlimit } from './ulimits.ts';

/** Says what a value must be, where it is not that. */
export type Check<T> = (value: T) => string | undefined;

export const absolutePath: Check<string> = (value) =>
  path.isAbsolute(value) && !value.includes('\0') ? undefined : 'must be an absolute path';

// 108 bytes with the closing zero (unix(7)), less the dot and pid of the name the socket is bound under.
const maxSocketBytes = 99;

export const socketPath: Check<string> = (value) => {
  if (absolutePath(value) !== undefined || value.endsWith('/')) return 'must be the absolute path of a socket';
  return Buffer.byteLength(value) <= maxSocketBytes ? undefined : `must have at most ${maxSocketBytes} bytes`;
};

export const absolutePaths: Check<readonly string[]> = (values) => {
  if (values.length === 0) return 'must name at least one folder';
  const bad = values.find((value) => absolutePath(value) !== undefined);
  return bad === undefined ? undefined : `must be absolute paths only, and ${JSON.stringify(bad)} is none`;
};

/** Absolute paths, or none at all. */
export const anyPaths: Check<readonly string[]> = (values) => (values.length === 0 ? undefined : absolutePaths(values));

export const variables: Check<readonly string[]> = (values) => {
  const bad = values.find((value) => value.indexOf('=') <= 0 || value.includes('\0'));
  return bad === undefined ? undefined : `must be NAME=value, and ${JSON.stringify(bad)} is not`;
};

export const ulimits: Check<readonly string[]> = (values) =>
  values.map((value) => readUlimit(value)).find((limit) => typeof limit === 'string');

export const timezone: Check<string> = (value) =>
  /^$|^[A-Za-z0-9][\w+-]*(\/[A-Za-z0-9][\w+-]*)*$/.test(value) ? undefined : 'must be a name such as "Europe/Berlin", or "local"';

export const count: Check<number> = (value) => (value >= 0 ? undefined : 'must not be negative');

// containerd refuses a namespace or snapshotter of any other form (its identifiers package).
const identifierForm = /^[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*$/;

export const identifier: Check<string> = (value) =>
  value.length <= 76 && identifierForm.test(value)
    ? undefined
    : 'must be letters and digits, with single ".", "_" or "-" between them, at most 76 of them';

export const handlerName: Check<string> = (value) =>
  value.length <= 63 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value)
    ? undefined
    : 'must be a name as a RuntimeClass takes it: lower-case letters, digits, "-" and "."';

export const runtimeType: Check<string> = (value) =>
  path.isAbsolute(value) || /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(value)
    ? undefined
    : 'must be a containerd runtime such as "io.containerd.runc.v2", or the absolute path of a shim';

export const binary: Check<string> = (value) =>
  value === '' || path.isAbsolute(value) || !value.includes('/')
    ? undefined
    : 'must be an absolute path, a name to be found on PATH, or empty';

export const imageReference: Check<string> = (value) =>
  value !== '' && !/\s/.test(value) && !value.includes('://') ? undefined : 'must be an image reference such as "registry.k8s.io/pause:3.10.2"';

export const ipAddress: Check<string> = (value) => (net.isIP(value) !== 0 ? undefined : 'must be an IP address');

export const port: Check<number> = (value) => (value >= 0 && value <= 65_535 ? undefined : 'must be a port, 0 to 65535');

/** An address to listen on with its port, as containerd's `[metrics] address` has it. */
export const listenAddress: Check<string> = (value) => {
  const [, four, six, port] = /^(?:([\d.]+)|\[([\da-f:.]+)\]):(\d{1,5})$/i.exec(value) ?? [];
  const isAddress = four === undefined ? net.isIPv6(six ?? '') : net.isIPv4(four);
  return isAddress && Number(port) <= 65_535 ? undefined : 'must be an IP address and a port, such as "127.0.0.1:1338" or "[::1]:1338"';
};

export const id: Check<number> = (value) => (value >= 0 && value <= 0xffff_ffff ? undefined : 'must be a user or group id, 0 to 4294967295');

export const globs: Check<readonly string[]> = (values) => {
  const bad = values.find((value) => !isGlob(value));
  return bad === undefined ? undefined : `must be globs ("*", "?", "[a-z]"), and ${JSON.stringify(bad)} is none`;
};

export const imagePatterns: Check<readonly string[]> = (values) => {
  const bad = values.find((value) => !isGlob(value) || /\s/.test(value) || value.includes('://'));
  return bad === undefined ? undefined : `must be image references or globs of them, and ${JSON.stringify(bad)} is none`;
};

/** Empty, or what another check takes. */
export function optional(check: Check<string>): Check<string> {
  return (value) => {
    const why = value === '' ? undefined : check(value);
    return why === undefined ? undefined : `${why}, or empty`;
  };
}

/** Whether nobody but the node itself reaches an address. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (net.isIPv4(address) && address.startsWith('127.'));
}

// setTimeout takes 31 bits of milliseconds.
const maxSeconds = 2_000_000;

export const seconds: Check<number> = (value) =>
  value >= 1 && value <= maxSeconds ? undefined : `must be a number of seconds, 1 to ${maxSeconds}`;

/** One of a few words. */
export function oneOf(...allowed: readonly (string | number)[]): Check<string | number> {
  return (value) => (allowed.includes(value) ? undefined : `must be ${allowed.map((one) => JSON.stringify(one)).join(', ')}`);
}
