import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { parseConfList } from '../../../src/cni/conf.ts';
import { schema } from '../../../src/config/config.ts';
import { helpText } from '../../../src/config/flags.ts';
import { tomlName, type AnyNode, type AnyNodes } from '../../../src/config/schema.ts';
import { rpcNames } from '../../../src/cri/rpc-names.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** The cells of a document's table rows whose first cell begins with code. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

/** The words in backticks. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/** The text below a heading, up to the next one of its level. */
function section(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  assert.ok(rest !== undefined, `there is no heading ${heading}`);
  return rest.split('\n## ')[0] ?? '';
}

/** Every key of the configuration with its default, as TOML has them. */
function defaults(nodes: AnyNodes, at: readonly string[] = []): [string, string][] {
  return Object.entries(nodes).flatMap(([name, node]) => defaultsOf(name, node, at));
}

function defaultsOf(name: string, node: AnyNode, at: readonly string[]): [string, string][] {
  if (node.kind === 'key') return [[[...at, tomlName(name)].join('.'), JSON.stringify(node.default)]];
  if (node.kind === 'table') return defaults(node.nodes, [...at, tomlName(name)]);
  return node.names.flatMap((entry) => defaults(node.entry, [...at, entry]));
}

describe('docs/configuration.md', () => {
  const text = read('docs/configuration.md');

  it('has every key with its default and no other', () => {
    const told = rows(section(text, 'Keys')).map(([key = '', value = '']) => [codes(key)[0], codes(value)[0]]);
    assert.deepEqual(told, defaults(schema as unknown as AnyNodes));
  });

  it('has every flag and no other', () => {
    const flags = (of: string): string[] => [...new Set(of.match(/--[a-z][a-z-]+/g) ?? [])].toSorted();
    const told = rows(section(text, 'Command line')).map(([flag = '']) => flag);
    assert.deepEqual(flags(told.join(' ')), flags(helpText));
  });
});

describe('README.md', () => {
  const status = section(read('README.md'), 'What works, and what is not there yet').split('\nBy feature')[0] ?? '';
  const told = rows(status).map(([names = '', state = '']) => ({ names: codes(names), state }));

  it('has every RPC of the CRI once', () => {
    assert.deepEqual(told.flatMap(({ names }) => names).toSorted(), rpcNames.toSorted());
  });

  it('says of those and no others that they work for which there is a handler', () => {
    const handlers = read('src/app/handlers.ts');
    const built = rpcNames.filter((name) => new RegExp(`^ +${name}:`, 'm').test(handlers));
    const working = told.filter(({ state }) => /^works?\b/.test(state)).flatMap(({ names }) => names);
    assert.deepEqual(working.toSorted(), built.toSorted());
  });
});

describe('the documents', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`)];

  it('link to files that are there', () => {
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !target.includes('://') && !existsSync(path.resolve(root, path.dirname(file), target)))
        .map((target) => `${file}: ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it('name source and test files that are there', () => {
    const named = [...read('ARCHITECTURE.md').matchAll(/`((?:[a-z-]+\/)*[a-z-]+(?:\.test)?\.ts)`/g)].map((match) => match[1] ?? '');
    const folders = ['', 'src', ...readdirSync(path.join(root, 'src')).map((name) => `src/${name}`)];
    const missing = named.filter((file) => !folders.some((folder) => existsSync(path.join(root, folder, file))));
    assert.deepEqual(missing, []);
    const paths = [...read('CONTRIBUTING.md').matchAll(/\b(?:src|test|hack|examples|docs)\/[\w./-]*\w/g)].map(([match]) => match);
    assert.deepEqual(paths.filter((file) => !file.includes('NAME') && !existsSync(path.join(root, file))), []);
  });

  it('speak of make targets that are there', () => {
    const targets = new Set([...read('Makefile').matchAll(/^([a-z0-9-]+):.*##/gm)].map((match) => match[1]));
    const code = (text: string): string[] => [...text.matchAll(/```[^]*?```|`[^`\n]+`/g)].map(([match]) => match);
    const spoken = documents.flatMap((file) =>
      code(read(file)).flatMap((text) => [...text.matchAll(/(?:`|^)make ([a-z0-9-]+)/gm)].map((match) => match[1])),
    );
    assert.deepEqual(spoken.filter((target) => !targets.has(target)), []);
  });
});

describe('examples/', () => {
  it('has a network that podwright can read', () => {
    assert.deepEqual(parseConfList(read('examples/10-bridge.conflist')).plugins.map(({ type }) => type), ['bridge', 'portmap', 'firewall']);
  });

  it("switches off containerd's CRI and nothing else", () => {
    const { disabled_plugins: disabled, ...rest } = parse(read('examples/containerd.toml'));
    assert.deepEqual(Object.keys(rest), ['version']);
    assert.deepEqual((disabled as string[]).map((plugin) => plugin.includes('.cri')), [true, true, true]);
  });
});
