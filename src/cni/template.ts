import { CodedError } from '../lib/errors.ts';

/** What a template can name. */
export type TemplateValues = Readonly<Record<string, string | readonly string[]>>;

type Value = string | number | readonly string[];
type Scope = ReadonlyMap<string, Value>;

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly name: string }
  | { readonly kind: 'if'; readonly name: string; readonly body: readonly Node[]; readonly other: readonly Node[] }
  | {
      readonly kind: 'range';
      readonly name: string;
      /** The variables for an item's number and for the item itself. */
      readonly variables: readonly [string | undefined, string | undefined];
      readonly body: readonly Node[];
      readonly other: readonly Node[];
    };

/**
 * Fills in a template. It is Go's text/template as far as network templates written for containerd use it:
 * `{{.Field}}`, `{{.}}`, `{{$variable}}`, `{{range .List}}`, `{{range $i, $x := .List}}`, `{{if}}`, `{{else}}`,
 * `{{end}}`, comments, and the dashes that take blanks away. invalidArgument that quotes what is anything else.
 */
export function renderTemplate(template: string, values: TemplateValues): string {
  const tokens = tokenize(template);
  const { nodes, end } = parseNodes(tokens, 0);
  if (end < tokens.length) throw wrong(`{{${tokens[end]?.text}}} has nothing to end`);
  return render(nodes, new Map(Object.entries(values).map(([name, value]) => [`.${name}`, value])));
}

interface Token {
  readonly isAction: boolean;
  readonly text: string;
}

function tokenize(template: string): Token[] {
  const tokens: Token[] = [];
  let rest = template;
  let trimNext = false;
  for (;;) {
    const action = /\{\{(- )?\s*(\/\*[^]*?\*\/|[^{}]*?)\s*( -)?\}\}/.exec(rest);
    let text = action === null ? rest : rest.slice(0, action.index);
    if (text.includes('{{')) throw wrong(`${JSON.stringify(text.slice(text.indexOf('{{'), text.indexOf('{{') + 20))} is not closed`);
    if (trimNext) text = text.trimStart();
    if (action?.[1] !== undefined) text = text.trimEnd();
    if (text !== '') tokens.push({ isAction: false, text });
    if (action === null) return tokens;
    const word = action[2] ?? '';
    if (!word.startsWith('/*')) tokens.push({ isAction: true, text: word });
    trimNext = action[3] !== undefined;
    rest = rest.slice(action.index + action[0].length);
  }
}

/** Reads up to an `else` or `end` that belongs to whoever called, or to the end of all. */
function parseNodes(tokens: readonly Token[], start: number): { readonly nodes: readonly Node[]; readonly end: number } {
  const nodes: Node[] = [];
  let position = start;
  for (let token = tokens[position]; token !== undefined; token = tokens[position]) {
    if (!token.isAction) {
      nodes.push({ kind: 'text', text: token.text });
      position += 1;
      continue;
    }
    if (/^(?:end|else)(?:\s|$)/.test(token.text)) break;
    if (/^(?:if|range)\s/.test(token.text)) {
      const block = parseBlock(tokens, position, token.text);
      nodes.push(block.node);
      position = block.end;
      continue;
    }
    nodes.push({ kind: 'value', name: checkName(token.text) });
    position += 1;
  }
  return { nodes, end: position };
}

function parseBlock(tokens: readonly Token[], start: number, head: string): { readonly node: Node; readonly end: number } {
  const { nodes: body, end } = parseNodes(tokens, start + 1);
  let other: readonly Node[] = [];
  let position = end;
  const elseIf = /^else\s+(if\s.*)$/s.exec(tokens[position]?.text ?? '');
  if (elseIf !== null) {
    // `else if` is an `if` within the `else`, which ends with it.
    const inner = parseBlock(tokens, position, elseIf[1] ?? '');
    return { node: blockNode(head, body, [inner.node]), end: inner.end };
  }
  if (tokens[position]?.text === 'else') {
    const rest = parseNodes(tokens, position + 1);
    other = rest.nodes;
    position = rest.end;
  }
  if (tokens[position]?.text !== 'end') throw wrong(`{{${head}}} has no {{end}}`);
  return { node: blockNode(head, body, other), end: position + 1 };
}

function blockNode(head: string, body: readonly Node[], other: readonly Node[]): Node {
  const condition = /^if\s+(\S+)$/.exec(head);
  if (condition !== null) return { kind: 'if', name: checkName(condition[1] ?? ''), body, other };
  const range = /^range\s+(?:(\$\w+)\s*(?:,\s*(\$\w+)\s*)?:=\s*)?(\S+)$/.exec(head);
  if (range === null) throw wrong(`{{${head}}} is not understood`);
  const [, first, second, name = ''] = range;
  // With one variable it is the item, with two the first is its number.
  const variables = second === undefined ? ([undefined, first] as const) : ([first, second] as const);
  return { kind: 'range', name: checkName(name), variables, body, other };
}

function checkName(text: string): string {
  if (/^(?:\.\w*|\$\w+)$/.test(text)) return text;
  throw wrong(`{{${text}}} is not understood: there are fields, variables, range, if, else and end`);
}

function render(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => renderNode(node, scope)).join('');
}

function renderNode(node: Node, scope: Scope): string {
  if (node.kind === 'text') return node.text;
  const value = lookUp(node.name, scope);
  if (node.kind === 'value') return typeof value === 'object' ? `[${value.join(' ')}]` : String(value);
  if (node.kind === 'if') return render(isTrue(value) ? node.body : node.other, scope);
  if (typeof value !== 'object') throw wrong(`{{range ${node.name}}}: it is no list`);
  if (value.length === 0) return render(node.other, scope);
  const [number, item] = node.variables;
  return value
    .map((each, position) => {
      const inner = new Map<string, Value>([...scope].filter(([name]) => name.startsWith('$')));
      inner.set('.', each);
      if (number !== undefined) inner.set(number, position);
      if (item !== undefined) inner.set(item, each);
      return render(node.body, inner);
    })
    .join('');
}

function lookUp(name: string, scope: Scope): Value {
  const value = scope.get(name);
  if (value !== undefined) return value;
  throw wrong(`{{${name}}} is unknown: there are ${[...scope.keys()].join(', ')}`);
}

function isTrue(value: Value): boolean {
  return typeof value === 'number' ? value !== 0 : value.length > 0;
}

function wrong(why: string): CodedError {
  return new CodedError('invalidArgument', `network template: ${why}`);
}
