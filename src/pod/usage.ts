/** Pressure stall information of one resource (kernel Documentation/accounting/psi.rst). */
export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}

export interface PressureLine {
  /** Nanoseconds in which tasks waited. */
  readonly totalNs: bigint;
  /** Shares of the last 10, 60 and 300 seconds, percent. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
}

/** What a cgroup used, as far as its controllers tell; bytes, nanoseconds, counts. */
export interface CgroupUsage {
  readonly cpu: { readonly usageNs: bigint; readonly pressure?: Pressure } | undefined;
  readonly memory:
    | {
        readonly usageBytes: bigint;
        readonly workingSetBytes: bigint;
        /** Undefined where there is no limit. */
        readonly limitBytes: bigint | undefined;
        readonly rssBytes: bigint;
        readonly pageFaults: bigint;
        readonly majorPageFaults: bigint;
        readonly pressure?: Pressure;
      }
    | undefined;
  readonly swap: { readonly usageBytes: bigint; readonly limitBytes: bigint | undefined } | undefined;
  readonly pids: bigint | undefined;
  readonly ioPressure: Pressure | undefined;
}

/** Counters of one network interface. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxErrors: bigint;
  readonly txBytes: bigint;
  readonly txErrors: bigint;
}
