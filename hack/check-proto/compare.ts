import type { Contract, Facts } from './contract.ts';

/** How much of upstream's contract ours has to hold. */
export type Extent =
  /** All of it: every message, enum, service and RPC. */
  | 'whole'
  /**
   * What is used of it. A message or an enum that is there is there whole, since a field left out is one that
   * is silently dropped; a service may have fewer RPCs, since one left out can only fail to compile.
   */
  | 'used';

/** Every difference as a line of its own; none when ours says what upstream says. */
export function compareContracts(ours: Contract, upstream: Contract, extent: Extent): string[] {
  const names = new Set([...ours.keys(), ...(extent === 'whole' ? upstream.keys() : [])]);
  return [...names].toSorted().flatMap((name) => compareFacts(ours.get(name), upstream.get(name), name, extent));
}

function compareFacts(ours: Facts | undefined, upstream: Facts | undefined, name: string, extent: Extent): string[] {
  if (ours === undefined) return [`${name}: missing here`];
  if (upstream === undefined) return [`${name}: not in upstream`];
  const differences: string[] = [];
  for (const [fact, theirs] of upstream) {
    const own = ours.get(fact);
    const mayBeMissing = extent === 'used' && fact.startsWith('rpc ');
    if (own === undefined && !mayBeMissing) differences.push(`${fact}: missing here; upstream ${theirs}`);
    if (own !== undefined && own !== theirs) differences.push(`${fact}: here ${own}; upstream ${theirs}`);
  }
  for (const [fact, own] of ours) {
    if (!upstream.has(fact)) differences.push(`${fact}: not in upstream; here ${own}`);
  }
  return differences;
}
