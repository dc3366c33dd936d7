import { CodedError, messageOf } from '../lib/errors.ts';

/** A JSON object of which nothing but that is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether `value` is a JSON object: no array, no null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses text that has to be one JSON object; `what` begins the message of the `failedPrecondition` it throws else. */
export function parseJsonObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CodedError('failedPrecondition', `${what} is no JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isJsonObject(value)) throw new CodedError('failedPrecondition', `${what} is ${kindOfJson(value)}, not a JSON object`);
  return value;
}

/** What a JSON value is, in words for an error message: `a list`, `a number`, … */
export function kindOfJson(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** A string field; empty when it is missing. `failedPrecondition` when it is something else. */
export function optionalString(from: JsonObject, key: string): string {
  const value = from[key];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new CodedError('failedPrecondition', `${key} is ${kindOfJson(value)}, not a string`);
  return value;
}

/** A list of strings; empty when it is missing. `failedPrecondition` when it is something else. */
export function optionalStrings(from: JsonObject, key: string): readonly string[] {
  return optionalList(from, key).map((item, index) => {
    if (typeof item !== 'string') throw new CodedError('failedPrecondition', `${key}[${index}] is ${kindOfJson(item)}, not a string`);
    return item;
  });
}

/** A list of anything; empty when it is missing. `failedPrecondition` when it is something else. */
export function optionalList(from: JsonObject, key: string): readonly unknown[] {
  const value = from[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new CodedError('failedPrecondition', `${key} is ${kindOfJson(value)}, not a list`);
  return value as unknown[];
}

/** A list of objects; empty when it is missing. `failedPrecondition` when it is something else. */
export function optionalObjects(from: JsonObject, key: string): readonly JsonObject[] {
  return optionalList(from, key).map((item, index) => {
    if (!isJsonObject(item)) throw new CodedError('failedPrecondition', `${key}[${index}] is ${kindOfJson(item)}, not an object`);
    return item;
  });
}

/** A whole number of zero or more; undefined when it is missing. `failedPrecondition` when it is something else. */
export function optionalCount(from: JsonObject, key: string): number | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new CodedError('failedPrecondition', `${key} is ${JSON.stringify(value)}, not a whole number`);
  }
  return value;
}
