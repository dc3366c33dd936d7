/** Shortest time a rate is taken over, ns: over less, the counter's own granularity shows. */
const shortestNs = 500_000_000n;
/** Age up to which the first look gives the rate since the start, ns: an average over more says nothing of now. */
const youngNs = 60_000_000_000n;

interface Sample {
  readonly atNs: bigint;
  readonly usageNs: bigint;
}

/**
 * CPU rates from a counter that is looked at now and then: the increase between two looks over the time
 * between them, in billionths of a core (CRI CpuUsage.usage_nano_cores).
 */
export class CpuRates {
  // Weak: a container's figures go with it.
  readonly #last = new WeakMap<object, { readonly base: Sample; readonly rate: bigint | undefined }>();

  /**
   * Takes what a look at `of` (always the same object for one counter) saw; gives the rate since the last look. At
   * the first one, the rate since `sinceNs`, when the counter was 0, for what is young; undefined for what is not.
   */
  take(of: object, sample: Sample, sinceNs: bigint): bigint | undefined {
    let known = this.#last.get(of);
    if (known === undefined || sample.usageNs < known.base.usageNs) {
      const isYoung = known === undefined && sample.atNs - sinceNs < youngNs;
      known = { base: isYoung ? { atNs: sinceNs, usageNs: 0n } : sample, rate: undefined };
      this.#last.set(of, known);
    }
    const tookNs = sample.atNs - known.base.atNs;
    if (tookNs < shortestNs) return known.rate;
    const rate = ((sample.usageNs - known.base.usageNs) * 1_000_000_000n) / tookNs;
    this.#last.set(of, { base: sample, rate });
    return rate;
  }
}
