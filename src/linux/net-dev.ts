import { readFileSync } from 'node:fs';
import { withNetns } from './namespaces.ts';

/** What went through one network interface. */
export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
}

/** Parses /proc/net/dev. */
export function parseNetDev(text: string): InterfaceCounters[] {
  const counters: InterfaceCounters[] = [];
  for (const line of text.split('\n')) {
    const found = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    const [name, fields] = [found?.[1], found?.[2]?.trim().split(/\s+/)];
    if (name === undefined || fields === undefined || fields.length < 16) continue;
    const at = (i: number): bigint => BigInt(fields[i] ?? 0);
    counters.push({
      name,
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    });
  }
  return counters;
}

/** The counters of a pinned network namespace, `lo` included; undefined when it has vanished. Takes some 40 µs. */
export function readNetnsCounters(netnsPath: string): InterfaceCounters[] | undefined {
  try {
    return parseNetDev(withNetns(netnsPath, () => readFileSync('/proc/thread-self/net/dev', 'utf8')));
  } catch {
    return undefined;
  }
}
