const sgr = { bold: [1, 22], dim: [2, 22], green: [32, 39], red: [31, 39] } as const;

/** What a demonstration prints to: a stream, and whether that is a terminal. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Plain text for a person to read. Nothing moves the cursor, so that it reads the same in a terminal, a pipe
 * and a log file; colour is used in a terminal only, and not there where NO_COLOR is set (no-color.org).
 */
export class Screen {
  readonly #out: Output;
  readonly #coloured: boolean;
  #running: { readonly startedMs: number } | undefined;

  constructor(out: Output, env: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.#coloured = out.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  }

  paint(style: keyof typeof sgr, text: string): string {
    const [on, off] = sgr[style];
    return this.#coloured ? `\u001B[${on}m${text}\u001B[${off}m` : text;
  }

  heading(text: string): void {
    this.#breakLine();
    this.#out.write(`\n${this.paint('bold', text)}\n`);
  }

  /** One or more lines, indented. */
  text(text: string): void {
    this.#breakLine();
    for (const line of text.split('\n')) this.#out.write(line === '' ? '\n' : `  ${line}\n`);
  }

  /** Says what is being done now; the next call of any kind ends it, `done` with the time it took. */
  begin(what: string): void {
    this.done();
    this.#out.write(`  ${what} ... `);
    this.#running = { startedMs: performance.now() };
  }

  done(): void {
    if (this.#running === undefined) return;
    const took = seconds(performance.now() - this.#running.startedMs);
    this.#running = undefined;
    this.#out.write(`${this.paint('dim', took)}\n`);
  }

  #breakLine(): void {
    if (this.#running !== undefined) this.#out.write('\n');
    this.#running = undefined;
  }
}

/** `0.42 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Columns wide enough for their longest cell, two blanks apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()).join('\n');
}
