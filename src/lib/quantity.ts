import { CodedError } from './errors.ts';

// Powers of ten by suffix; the binary suffixes are powers of 1024 (Kubernetes' resource.Quantity).
const decimalSuffixes: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binarySuffixes: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};

/**
 * The value of a Kubernetes quantity such as `10M`, `1.5Gi` or `1e6`, rounded up to a whole number.
 * `invalidArgument` when it is none.
 */
export function parseQuantity(text: string): bigint {
  const match = /^([+-]?)(\d{1,40})?(?:\.(\d{0,40}))?(?:([eE][+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]))?$/.exec(text);
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match ?? [];
  if (match === null || whole + fraction === '') {
    throw new CodedError('invalidArgument', `${JSON.stringify(text)} is no quantity like "10M"`);
  }
  const power = (exponent === undefined ? (decimalSuffixes[suffix] ?? 0) : Number(exponent.slice(1))) - fraction.length;
  const digits = BigInt(whole + fraction) * (binarySuffixes[suffix] ?? 1n) * (sign === '-' ? -1n : 1n);
  return power >= 0 ? digits * 10n ** BigInt(power) : divideUp(digits, 10n ** BigInt(-power));
}

function divideUp(value: bigint, by: bigint): bigint {
  const floor = value / by;
  return value > 0n && value % by !== 0n ? floor + 1n : floor;
}
