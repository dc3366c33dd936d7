/**
 * Where each key of a TOML text stands, by its path, counted from 1. The parser gives values without places;
 * this gives places without values, and may take for granted that the text has been parsed.
 */
export class TomlLines {
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    let table: readonly string[] = [];
    const scanner = new Scanner(text);
    for (scanner.skipBlank(); !scanner.atEnd; scanner.skipBlank()) {
      const { line } = scanner;
      if (scanner.peek() === '[') {
        while (scanner.peek() === '[') scanner.next();
        table = scanner.key();
        scanner.skipLine();
        this.#put(table, line);
      } else {
        this.#put([...table, ...scanner.key()], line);
        scanner.next(); // the "="
        scanner.skipValue();
      }
    }
  }

  /** The line of the key at `path`, or of the nearest thing around it that has one. */
  lineOf(path: readonly string[]): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(toMapKey(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }

  #put(path: readonly string[], line: number): void {
    for (let length = path.length; length > 0; length--) {
      const mapKey = toMapKey(path.slice(0, length));
      if (!this.#lines.has(mapKey)) this.#lines.set(mapKey, line);
    }
  }
}

function toMapKey(path: readonly string[]): string {
  return JSON.stringify(path);
}

class Scanner {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get line(): number {
    return this.#line;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string {
    return this.#text.charAt(this.#at);
  }

  next(): string {
    const char = this.#text.charAt(this.#at++);
    if (char === '\n') this.#line++;
    return char;
  }

  /** Past spaces, line ends and comments. */
  skipBlank(): void {
    while (!this.atEnd && /[\s#]/.test(this.peek())) {
      if (this.peek() === '#') this.skipLine();
      else this.next();
    }
  }

  skipLine(): void {
    while (!this.atEnd && this.next() !== '\n');
  }

  /** A key, dotted or not, up to what ends it: "=" or "]". */
  key(): string[] {
    const parts: string[] = [];
    while (!this.atEnd && !/[=\]]/.test(this.peek())) {
      const char = this.peek();
      if (char === '"' || char === "'") parts.push(this.#string());
      else if (/[\s.]/.test(char)) this.next();
      else parts.push(this.#bare());
    }
    return parts;
  }

  /** A value: to the end of its line, or of the brackets and strings it opens. */
  skipValue(): void {
    for (let depth = 0; !this.atEnd; ) {
      const char = this.peek();
      if (char === '\n' && depth === 0) return;
      if (char === '#') {
        while (!this.atEnd && this.peek() !== '\n') this.next();
      } else if (char === '"' || char === "'") {
        this.#string();
      } else {
        if (char === '[' || char === '{') depth++;
        if (char === ']' || char === '}') depth--;
        this.next();
      }
    }
  }

  #bare(): string {
    let word = '';
    while (!this.atEnd && !/[\s.=\]]/.test(this.peek())) word += this.next();
    return word;
  }

  #string(): string {
    const quote = this.peek();
    const end = this.#text.startsWith(quote.repeat(3), this.#at) ? quote.repeat(3) : quote;
    for (let n = 0; n < end.length; n++) this.next();
    let content = '';
    while (!this.atEnd && !this.#text.startsWith(end, this.#at)) {
      // Only a basic string has escapes; what they stand for does not matter for a place.
      if (quote === '"' && this.peek() === '\\') content += this.next();
      content += this.next();
    }
    for (let n = 0; n < end.length; n++) this.next();
    // Up to two quotes may stand directly before the three that end a string.
    while (end.length === 3 && this.peek() === quote) this.next();
    return content;
  }
}
