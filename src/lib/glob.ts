/**
 * Globs of one line as Go's path.Match has them, which containerd's users know: `*` is any run of characters but
 * `/`, `?` one of them, `[a-z]` and `[^a-z]` one out of a set, and a backslash takes the next character as it is.
 */
export interface Glob {
  matches(text: string): boolean;
}

/** Whether a text is a glob at all: its sets are closed and its last backslash has something to stand before. */
export function isGlob(pattern: string): boolean {
  return toRegExp(pattern) !== undefined;
}

/** Compiles a glob; one that is none matches nothing. With `acrossSlashes` a slash is a character like any other. */
export function parseGlob(pattern: string, { acrossSlashes = false } = {}): Glob {
  const regExp = toRegExp(pattern, acrossSlashes);
  return { matches: (text) => regExp?.test(text) ?? false };
}

function toRegExp(pattern: string, acrossSlashes = false): RegExp | undefined {
  if (pattern === '') return undefined;
  let source = '';
  let rest = pattern;
  while (rest !== '') {
    const token = /^(?:\*+|\?|\[\^?(?:\\[^]|[^\\\]])+\]|\\[^]|[^[\\])/u.exec(rest)?.[0];
    if (token === undefined) return undefined;
    const piece = translate(token, acrossSlashes ? '[^]' : '[^/]');
    if (piece === undefined) return undefined;
    source += piece;
    rest = rest.slice(token.length);
  }
  return new RegExp(`^${source}$`, 'su');
}

function translate(token: string, any: string): string | undefined {
  if (token.startsWith('*')) return `${any}*`;
  if (token === '?') return any;
  if (token.startsWith('[')) return translateSet(token, any);
  return escape(token.startsWith('\\') ? token.slice(1) : token);
}

function translateSet(token: string, any: string): string | undefined {
  const negated = token.startsWith('[^');
  const body = token.slice(negated ? 2 : 1, -1);
  const ranges = [...body.matchAll(/(\\[^]|[^\\-])(?:-(\\[^]|[^\\-]))?/gu)];
  // What is left over is a lone dash, which Go takes for a mistake.
  if (ranges.map(([all]) => all).join('') !== body) return undefined;
  const set = ranges.map(([, low = '', high]) => {
    const from = unescape(low);
    const to = high === undefined ? from : unescape(high);
    return from > to ? undefined : `${escape(from)}-${escape(to)}`;
  });
  if (set.includes(undefined)) return undefined;
  return `(?=${any})[${negated ? '^' : ''}${set.join('')}]`;
}

function unescape(character: string): string {
  return character.startsWith('\\') ? character.slice(1) : character;
}

function escape(character: string): string {
  return /^[\w\s]$|[^\p{ASCII}]/u.test(character) ? character : `\\u{${character.codePointAt(0)?.toString(16)}}`;
}
