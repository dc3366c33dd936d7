/** The values of one metric's labels, in the order of their names. */
export type LabelValues = readonly string[];

/** One line of a metric: what is behind its name, its labels' values and the number. */
interface Line {
  readonly suffix: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** One metric as Prometheus reads it. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): Iterable<Line>;
}

/** A number that only grows, for each value of its labels. */
export class Counter implements Metric {
  readonly type = 'counter';
  readonly name: string;
  readonly help: string;
  readonly #labelNames: readonly string[];
  readonly #values = new Map<string, { readonly labels: LabelValues; value: number }>();

  constructor(name: string, help: string, labelNames: readonly string[] = []) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    // Without labels it is there from the start: a counter that appears with its first event hides it from rate().
    if (labelNames.length === 0) this.add(0);
  }

  add(amount: number, ...labels: string[]): void {
    const key = labels.join('\0');
    const known = this.#values.get(key);
    if (known === undefined) this.#values.set(key, { labels, value: amount });
    else known.value += amount;
  }

  *lines(): Iterable<Line> {
    for (const { labels, value } of this.#values.values()) yield { suffix: '', labels: named(this.#labelNames, labels), value };
  }
}

/** How often something took how long, for each value of its labels. */
export class Histogram implements Metric {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #values = new Map<string, { readonly labels: LabelValues; readonly counts: number[]; sum: number; count: number }>();

  /** @param bounds upper bounds of the buckets, growing; the one without a bound is added */
  constructor(name: string, help: string, bounds: readonly number[], labelNames: readonly string[] = []) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#labelNames = labelNames;
  }

  observe(value: number, ...labels: string[]): void {
    const key = labels.join('\0');
    const of = this.#values.get(key) ?? { labels, counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
    this.#values.set(key, of);
    of.sum += value;
    of.count += 1;
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket !== -1) of.counts[bucket] = (of.counts[bucket] ?? 0) + 1;
  }

  *lines(): Iterable<Line> {
    for (const { labels, counts, sum, count } of this.#values.values()) {
      const own = named(this.#labelNames, labels);
      let below = 0;
      for (const [at, bound] of this.#bounds.entries()) {
        below += counts[at] ?? 0;
        yield { suffix: '_bucket', labels: [...own, ['le', number(bound)]], value: below };
      }
      yield { suffix: '_bucket', labels: [...own, ['le', '+Inf']], value: count };
      yield { suffix: '_sum', labels: own, value: sum };
      yield { suffix: '_count', labels: own, value: count };
    }
  }
}

/** A metric that is kept elsewhere, read when somebody asks; one line for each of the values. */
export function read(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  values: () => number | Iterable<readonly [value: number, ...labels: string[]]>,
  labelNames: readonly string[] = [],
): Metric {
  return {
    type,
    name,
    help,
    *lines() {
      const now = values();
      if (typeof now === 'number') yield { suffix: '', labels: [], value: now };
      else for (const [value, ...labels] of now) yield { suffix: '', labels: named(labelNames, labels), value };
    },
  };
}

/** The content type of `exposition`. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** Metrics in Prometheus' text format, version 0.0.4. */
export function exposition(metrics: Iterable<Metric>): string {
  const out: string[] = [];
  for (const metric of metrics) {
    const { name } = metric;
    out.push(`# HELP ${name} ${escaped(metric.help)}`, `# TYPE ${name} ${metric.type}`);
    for (const { suffix, labels, value } of metric.lines()) {
      const pairs = labels.map(([label, text]) => `${label}="${escaped(text).replaceAll('"', String.raw`\"`)}"`);
      out.push(`${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}`);
    }
  }
  return `${out.join('\n')}\n`;
}

function named(names: readonly string[], values: LabelValues): [string, string][] {
  return names.map((name, at) => [name, values[at] ?? '']);
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function escaped(text: string): string {
  return text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`);
}
