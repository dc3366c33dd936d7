/** A value with what its further labels say, in their order. */
export interface MetricValue {
  readonly value: bigint;
  readonly labels: readonly string[];
}

/** One metric: what its descriptor says and how its values come out of what was read. */
export interface MetricRow<Of> {
  readonly name: string;
  readonly help: string;
  readonly type: 'COUNTER' | 'GAUGE';
  /** Keys of the labels that it has beside those of all metrics. */
  readonly labels: readonly string[];
  /** None where the kernel does not tell. */
  values(of: Of): readonly MetricValue[];
}

/** A number that only grows. */
export function counter<Of>(name: string, help: string, value: (of: Of) => bigint | undefined): MetricRow<Of> {
  return { name, help, type: 'COUNTER', labels: [], values: (of) => one(value(of)) };
}

/** A number that goes up and down. */
export function gauge<Of>(name: string, help: string, value: (of: Of) => bigint | undefined): MetricRow<Of> {
  return { name, help, type: 'GAUGE', labels: [], values: (of) => one(value(of)) };
}

/** Numbers that only grow, told apart by labels; those that are undefined are left out. */
export function counters<Of>(
  name: string,
  help: string,
  labels: readonly string[],
  values: (of: Of) => readonly LabelledValue[],
): MetricRow<Of> {
  return { name, help, type: 'COUNTER', labels, values: (of) => told(values(of)) };
}

/** The same for numbers that go up and down. */
export function gauges<Of>(
  name: string,
  help: string,
  labels: readonly string[],
  values: (of: Of) => readonly LabelledValue[],
): MetricRow<Of> {
  return { name, help, type: 'GAUGE', labels, values: (of) => told(values(of)) };
}

/** A number with the values of its labels. */
export type LabelledValue = readonly [value: bigint | undefined, ...labels: string[]];

/** Whole seconds: a metric of the CRI has no fractions. */
export function seconds(ns: bigint | undefined): bigint | undefined {
  return ns === undefined ? undefined : ns / 1_000_000_000n;
}

function one(value: bigint | undefined): MetricValue[] {
  return value === undefined ? [] : [{ value, labels: [] }];
}

function told(values: readonly LabelledValue[]): MetricValue[] {
  return values.flatMap(([value, ...labels]) => (value === undefined ? [] : [{ value, labels }]));
}
