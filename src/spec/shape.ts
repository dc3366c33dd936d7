import { CodedError } from '../lib/errors.ts';

/**
 * Reads values of a document that somebody else wrote: CDI specs, hook files. A value of another kind than it has
 * to be, and a field that nobody knows, is invalidArgument naming where it stands, since what is not understood
 * cannot be done either.
 */
export type Fields = Readonly<Record<string, unknown>>;

/** An object with no other fields than `known`. */
export function fieldsOf(value: unknown, where: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'must be an object');
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(`${where}.${unknown}`, 'is not known');
  return value as Fields;
}

/** A string; `''` where it is left out. */
export function textOf(value: unknown, where: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw wrong(where, 'must be a string');
  return value;
}

/** A string that is not empty. */
export function requiredText(value: unknown, where: string): string {
  const text = textOf(value, where);
  if (text === '') throw wrong(where, 'must not be empty');
  return text;
}

/** Each member of a list read by `read`; none where the list is left out. */
export function listOf<T>(value: unknown, where: string, read: (item: unknown, where: string) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong(where, 'must be a list');
  return value.map((item, n) => read(item, `${where}[${n}]`));
}

/** A whole number from 0 on that a double holds; undefined where it is left out. */
export function numberOf(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(where, 'must be a whole number');
  return value as number;
}

/** True or false; undefined where it is left out. */
export function flagOf(value: unknown, where: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw wrong(where, 'must be true or false');
  return value;
}

/** A map of strings; empty where it is left out. */
export function stringsOf(value: unknown, where: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  const entries = Object.entries(fieldsOf(value, where, Object.keys(value)));
  return Object.fromEntries(entries.map(([key, item]) => [key, textOf(item, `${where}.${key}`)]));
}

/** The error for a value that cannot be. */
export function wrong(where: string, why: string): CodedError {
  return new CodedError('invalidArgument', `${where} ${why}`);
}
