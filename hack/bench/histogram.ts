/** A Prometheus histogram: how many observations were no more than each bound, the bounds rising, the last one infinite. */
export type Histogram = readonly { readonly le: number; readonly count: number }[];

/** Reads a histogram out of the text format, once for each value of one of its labels. */
export function readHistograms(text: string, name: string, label: string): Map<string, Histogram> {
  const found = new Map<string, { le: number; count: number }[]>();
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}_bucket{`)) continue;
    const value = new RegExp(`[{,]${label}="([^"]*)"`, 'u').exec(line)?.[1];
    const le = /[{,]le="([^"]*)"/u.exec(line)?.[1];
    if (value === undefined || le === undefined) continue;
    const bucket = { le: le === '+Inf' ? Infinity : Number(le), count: Number(line.slice(line.lastIndexOf(' ') + 1)) };
    const all = found.get(value);
    if (all === undefined) found.set(value, [bucket]);
    else all.push(bucket);
  }
  return found;
}

/** How many observations there are. */
export function total(histogram: Histogram): number {
  return histogram.at(-1)?.count ?? 0;
}

/** What was observed between two looks at the same histogram; the earlier one may not have had it. */
export function since(now: Histogram, before: Histogram | undefined): Histogram {
  return now.map(({ le, count }, i) => ({ le, count: count - (before?.[i]?.count ?? 0) }));
}

/**
 * The value below which a share of all lies, as Prometheus' histogram_quantile has it: evenly spread within its
 * bucket, and the last finite bound for what is beyond it. NaN without observations.
 */
export function quantile(histogram: Histogram, share: number): number {
  const rank = total(histogram) * share;
  if (total(histogram) === 0) return Number.NaN;
  const index = histogram.findIndex(({ count }) => count >= rank);
  const bucket = histogram[index];
  const below = histogram[index - 1] ?? { le: 0, count: 0 };
  if (bucket === undefined || bucket.le === Infinity) return below.le;
  if (bucket.count === below.count) return bucket.le;
  return below.le + ((bucket.le - below.le) * (rank - below.count)) / (bucket.count - below.count);
}
