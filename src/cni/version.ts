import { CodedError } from '../lib/errors.ts';

/** The newest CNI spec version podwright speaks. */
export const newestCniVersion = '1.1.0';

/** Compares two CNI spec versions by number: below, at or above zero as `a` is older, equal or newer than `b`. */
export function compareCniVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (const index of [0, 1, 2] as const) {
    if (left[index] !== right[index]) return left[index] - right[index];
  }
  return 0;
}

/** Whether spec version `version` is `minimum` or newer. */
export function isCniVersionAtLeast(version: string, minimum: string): boolean {
  return compareCniVersions(version, minimum) >= 0;
}

/**
 * The version to speak for a network: the highest of `cniVersion` and `cniVersions` that podwright knows
 * (CNI 1.1.0 section 1, "Version considerations"); none given means 0.1.0. `failedPrecondition` when all are too new.
 */
export function selectCniVersion(cniVersion: string, cniVersions: readonly string[]): string {
  const offered = [cniVersion, ...cniVersions].filter((version) => version !== '');
  if (offered.length === 0) return '0.1.0';
  const known = offered.filter((version) => compareCniVersions(version, newestCniVersion) <= 0);
  known.sort(compareCniVersions);
  const best = known.at(-1);
  if (best === undefined) {
    throw new CodedError(
      'failedPrecondition',
      `cniVersion ${offered.join(', ')} is newer than ${newestCniVersion}, the newest known here: add an older one to cniVersions`,
    );
  }
  return best;
}

function numbersOf(version: string): readonly [number, number, number] {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/.exec(version);
  if (match === null) {
    throw new CodedError('failedPrecondition', `cniVersion ${JSON.stringify(version)} is no version like "${newestCniVersion}"`);
  }
  return [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
}
