import type { Int64 } from './oci.ts';

/**
 * JSON with whole 64-bit integers. A spec carries memory limits and seccomp arguments past 2^53, which
 * JSON.stringify would round up past the int64 range, and then runc refuses the whole spec.
 */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // It refuses bigints, which are rare; without one it is ten times as fast as what follows.
    if (error instanceof TypeError) return encodeWithBigints(value);
    throw error;
  }
}

function encodeWithBigints(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => encodeWithBigints(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => `${JSON.stringify(name)}:${encodeWithBigints(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

// Whole strings and whole numbers, so that digits inside a string or a fraction are not taken for an integer.
const literal = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gu;
const longInteger = /^-?\d{16,}$/u;
const mark = '\u0000int:';

/** Parses JSON; integers that a double can't hold come out as bigints. Throws SyntaxError as JSON.parse does. */
export function decodeJson(text: string): unknown {
  const marked = text.replace(literal, (token) =>
    longInteger.test(token) ? JSON.stringify(mark + token) : token,
  );
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? toInt64(value.slice(mark.length)) : value,
  );
}

/** An int64 as gRPC gives it (a decimal string) as a number, or as a bigint where a double can't hold it. */
export function toInt64(decimal: string): Int64 {
  const number = Number(decimal);
  return Number.isSafeInteger(number) ? number : BigInt(decimal);
}
