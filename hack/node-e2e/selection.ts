import type { Spec } from '../critest/report.ts';

/** Whether a spec is one of those that promise what every node does, and may run beside others. */
export function isOurs(name: string): boolean {
  return name.includes('[NodeConformance]') && !/\[(Serial|Slow|Flaky)\]/.test(name);
}

/**
 * Part `I/N` of the specs, the first being `1/N`. Groups stay whole: in some the later specs look at what the first
 * one did. Groups whose names are alike take alike long, so they are dealt out in turn.
 */
export function choosePart(specs: readonly Pick<Spec, 'name' | 'group'>[], part: string): string[] {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(part) ?? [];
  const [i, n] = [Number(index), Number(count)];
  if (!(i >= 1 && i <= n)) throw new Error(`"${part}" is no part of the suite; 2/3 would be the second of three`);
  const groups = [...new Set(specs.map(({ group }) => group))].sort();
  const chosen = new Set(groups.filter((_, at) => at % n === i - 1));
  return [...new Set(specs.filter(({ group }) => chosen.has(group)).map(({ name }) => name))].sort();
}
