import type { Config } from './config.ts';
import type { AnyNodes } from './schema.ts';
import type { Problem } from './read.ts';
import { parse, TomlError } from 'smol-toml';
import { checkTogether, schema } from './config.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import { display, readTree } from './read.ts';
import { tomlName } from './schema.ts';
import { TomlLines } from './toml-lines.ts';

/**
 * Reads a configuration from TOML. `invalidArgument` where it is refused, with one line for each fault:
 * `FILE:LINE: what is wrong, and what would be right`.
 */
export function parseConfig(text: string, file: string): Config {
  const document = parseToml(text, file);
  const { value, problems } = readTree(schema as unknown as AnyNodes, document);
  const config = value as unknown as Config;
  const all = problems.length > 0 ? problems : togetherProblems(config);
  if (all.length > 0) {
    const lines = new TomlLines(text);
    throw new CodedError('invalidArgument', problemLines(all, file, lines).join('\n'));
  }
  return config;
}

/** The faults that show only between keys, as sentences. */
export function togetherProblems(config: Config): Problem[] {
  return checkTogether(config).map(({ path, why }) => {
    const value: unknown = path.reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], config);
    const shown = typeof value === 'object' ? '' : ` is ${JSON.stringify(value)}`;
    const own = tomlPath(path);
    return { path: own, message: `${display(own)}${shown}: ${why}` };
  });
}

/** Where a property is in TOML: entries stand in the place of the table around them, under the names that they were given. */
function tomlPath(path: readonly string[]): string[] {
  let nodes: AnyNodes = schema as unknown as AnyNodes;
  let named: AnyNodes | undefined;
  return path.flatMap((part) => {
    if (named !== undefined) {
      nodes = named;
      named = undefined;
      return [part];
    }
    const node = nodes[part];
    if (node?.kind === 'entries') named = node.entry;
    else if (node?.kind === 'table') nodes = node.nodes;
    return node?.kind === 'entries' ? [] : [tomlName(part)];
  });
}

function parseToml(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 100 });
  } catch (error) {
    // The first line of a TomlError says what; the rest is the text around it, which the line number finds too.
    const what = messageOf(error).split('\n')[0] ?? '';
    const place = error instanceof TomlError ? `${file}:${error.line}:${error.column}` : file;
    throw new CodedError('invalidArgument', `${place}: ${what}`, { cause: error });
  }
}

function problemLines(problems: readonly Problem[], file: string, lines: TomlLines): string[] {
  return problems
    .map(({ path, message }) => ({ line: lines.lineOf(path), message }))
    .toSorted((a, b) => a.line - b.line)
    .map(({ line, message }) => `${file}:${line}: ${message}`);
}
