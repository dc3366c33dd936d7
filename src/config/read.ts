import type { AnyEntries, AnyNode, AnyNodes, Value } from './schema.ts';
import { closest } from './hint.ts';
import { tomlName } from './schema.ts';

/** What is wrong with one key. */
export interface Problem {
  /** The key as TOML has it: `['images', 'config_path']`. */
  readonly path: readonly string[];
  /** A sentence that names the key. */
  readonly message: string;
}

/** A read configuration: the defaults with what was given over them, and what of that was refused. */
export interface Reading {
  readonly value: Readonly<Record<string, unknown>>;
  readonly problems: readonly Problem[];
}

/** Reads `given`, a parsed TOML document, after `schema`. What is not there or refused has its default. */
export function readTree(schema: AnyNodes, given: Readonly<Record<string, unknown>>): Reading {
  const problems: Problem[] = [];
  return { value: readTable(schema, given, [], problems, knownPaths(schema)), problems };
}

/** Why `value` cannot stand for `node`'s key, or undefined where it can. */
export function refuse(node: AnyNode, value: unknown): string | undefined {
  if (node.kind !== 'key') return isTable(value) ? undefined : 'must be a table';
  const fallback: Value = node.default;
  if (typeof fallback === 'string') return typeof value === 'string' ? check(node, value) : 'must be a string';
  if (typeof fallback === 'boolean') return typeof value === 'boolean' ? undefined : 'must be true or false';
  if (typeof fallback === 'number') return Number.isSafeInteger(value) ? check(node, value) : 'must be a whole number';
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return isList ? check(node, value) : 'must be a list of strings';
}

function check(node: AnyNode, value: unknown): string | undefined {
  // The caller has seen that the value has the type of the key's default.
  return node.kind === 'key' ? (node.check as (value: unknown) => string | undefined)(value) : undefined;
}

/** How a key is named to a person: `images.config_path`. */
export function display(path: readonly string[]): string {
  return path.map((part) => (/^[\w-]+$/.test(part) ? part : JSON.stringify(part))).join('.');
}

function readTable(
  nodes: AnyNodes,
  given: Readonly<Record<string, unknown>>,
  path: readonly string[],
  problems: Problem[],
  known: readonly (readonly string[])[],
): Record<string, unknown> {
  const rest = new Map(Object.entries(given));
  const value: Record<string, unknown> = {};
  let entries: readonly [string, AnyEntries] | undefined;
  for (const [name, node] of Object.entries(nodes)) {
    if (node.kind === 'entries') {
      entries = [name, node];
      continue;
    }
    const own = tomlName(name);
    value[name] = readNode(node, rest.get(own), rest.has(own), [...path, own], problems, known);
    rest.delete(own);
  }
  if (entries !== undefined) {
    const [name, node] = entries;
    value[name] = readEntries(node, rest, path, problems, known);
  } else {
    for (const name of rest.keys()) problems.push({ path: [...path, name], message: unknownKey(name, path, nodes, known) });
  }
  return value;
}

function readNode(
  node: Exclude<AnyNode, AnyEntries>,
  given: unknown,
  isGiven: boolean,
  path: readonly string[],
  problems: Problem[],
  known: readonly (readonly string[])[],
): unknown {
  const why = isGiven ? refuse(node, given) : undefined;
  if (why !== undefined) problems.push({ path, message: `${display(path)} is ${show(given)}: ${why}` });
  const usable = isGiven && why === undefined;
  if (node.kind === 'key') return usable ? given : node.default;
  return readTable(node.nodes, usable && isTable(given) ? given : {}, path, problems, known);
}

function readEntries(
  node: AnyEntries,
  given: ReadonlyMap<string, unknown>,
  path: readonly string[],
  problems: Problem[],
  known: readonly (readonly string[])[],
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const name of new Set([...node.names, ...given.keys()])) {
    const own = [...path, name];
    const entry = given.get(name) ?? {};
    const why = isTable(entry) ? node.checkName(name) : 'must be a table, as in ' + `[${display(own)}]`;
    if (why !== undefined) {
      const what = isTable(entry) ? `the name ${JSON.stringify(name)} in [${display(path)}]` : `${display(own)} is ${show(entry)}`;
      problems.push({ path: own, message: `${what}: ${why}` });
    } else if (isTable(entry)) {
      value[name] = readTable(node.entry, entry, own, problems, known);
    }
  }
  return value;
}

function unknownKey(name: string, path: readonly string[], nodes: AnyNodes, known: readonly (readonly string[])[]): string {
  const what = `unknown key ${display([...path, name])}`;
  const here = Object.entries(nodes).map(([own]) => tomlName(own));
  const near = closest(name, here);
  if (near !== undefined) return `${what}: did you mean ${near}?`;
  const elsewhere = known.find((other) => other.at(-1) === name);
  if (elsewhere !== undefined) return `${what}: did you mean ${display(elsewhere)}?`;
  return `${what}: there are ${here.join(', ')}`;
}

function knownPaths(nodes: AnyNodes, path: readonly string[] = []): string[][] {
  return Object.entries(nodes).flatMap(([name, node]) => {
    if (node.kind === 'entries') return knownPaths(node.entry, [...path, node.names[0] ?? 'NAME']);
    const own = [...path, tomlName(name)];
    return node.kind === 'key' ? [own] : [own, ...knownPaths(node.nodes, own)];
  });
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function show(value: unknown): string {
  if (isTable(value)) return 'a table';
  const text = value instanceof Date ? value.toISOString() : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
