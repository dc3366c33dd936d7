import type { AnyNode, AnyNodes, Value } from './schema.ts';
import { schema } from './config.ts';
import { tomlName } from './schema.ts';

/** The default configuration as TOML, each key with what it is for. */
export function defaultToml(): string {
  const lines = [
    '# The configuration of podwright. Every key is here with its default, and any of them may be left out.',
    ...renderTable(schema as unknown as AnyNodes, []),
  ];
  return `${lines.join('\n')}\n`;
}

function renderTable(nodes: AnyNodes, path: readonly string[]): string[] {
  const all = Object.entries(nodes);
  // In TOML what follows a table belongs to it, so keys come before tables.
  const keys = all.filter(([, node]) => node.kind === 'key');
  const tables = all.filter(([, node]) => node.kind !== 'key');
  return [
    ...keys.flatMap(([name, node]) => renderKey(tomlName(name), node)),
    ...tables.flatMap(([name, node]) => renderSubtable(name, node, path)),
  ];
}

function renderKey(name: string, node: AnyNode): string[] {
  return node.kind === 'key' ? ['', `# ${node.comment}`, `${name} = ${renderValue(node.default)}`] : [];
}

function renderSubtable(name: string, node: AnyNode, path: readonly string[]): string[] {
  if (node.kind === 'table') {
    const own = [...path, tomlName(name)];
    return ['', `# ${node.comment}`, `[${own.join('.')}]`, ...renderTable(node.nodes, own)];
  }
  if (node.kind === 'entries') {
    return node.names.flatMap((entry) => {
      const own = [...path, entry];
      return ['', `# ${node.comment}`, `[${own.join('.')}]`, ...renderTable(node.entry, own)];
    });
  }
  return [];
}

// A JSON string is a TOML basic string, but for escapes that no default has.
function renderValue(value: Value): string {
  return typeof value === 'object' ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : JSON.stringify(value);
}
