/** Shortest time a rate is taken over, ns: over less, the counter's own granularity shows. */
const shortestNs = 500_000_000n;

interface Sample {
  readonly atNs: bigint;
  readonly usageNs: bigint;
}

/**
 * CPU rates from a counter that is looked at now and then: the increase between two looks over the time
 * between them, in billionths of a core (CRI CpuUsage.usage_nano_cores).
 */
export class CpuRates {
  readonly #last = new Map<string, { readonly base: Sample; readonly rate: bigint | undefined }>();

  /** Takes a look's figures; the rate since the last, or undefined at the first. */
  take(id: string, sample: Sample): bigint | undefined {
    const known = this.#last.get(id);
    if (known === undefined || sample.usageNs < known.base.usageNs) {
      this.#last.set(id, { base: sample, rate: undefined });
      return undefined;
    }
    const tookNs = sample.atNs - known.base.atNs;
    if (tookNs < shortestNs) return known.rate;
    const rate = ((sample.usageNs - known.base.usageNs) * 1_000_000_000n) / tookNs;
    this.#last.set(id, { base: sample, rate });
    return rate;
  }

  /** Forgets all but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
  }
}
