/** A limit of getrlimit(2), as the configuration has it: `nofile=1024:2048`. */
export interface Ulimit {
  /** The kernel's name: `RLIMIT_NOFILE`. */
  readonly type: string;
  readonly soft: bigint;
  readonly hard: bigint;
}

const names: readonly string[] = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

const infinity = 2n ** 64n - 1n;

/** Reads `NAME=SOFT:HARD` or `NAME=BOTH`, where -1 and `unlimited` are no limit; or says what it must be. */
export function readUlimit(text: string): Ulimit | string {
  const [, name = '', first = '', second = first] = /^([a-z]+)=([^:]*)(?::([^:]*))?$/.exec(text) ?? [];
  if (!names.includes(name)) return `${JSON.stringify(text)} must be NAME=SOFT:HARD with a NAME of ${names.join(', ')}`;
  const [soft, hard] = [readLimit(first), readLimit(second)];
  if (soft === undefined || hard === undefined) return `${JSON.stringify(text)} must have whole numbers or "unlimited"`;
  if (soft > hard) return `${JSON.stringify(text)} must not have a soft limit above the hard one`;
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

function readLimit(text: string): bigint | undefined {
  if (text === '-1' || text === 'unlimited') return infinity;
  return /^\d{1,20}$/.test(text) && BigInt(text) <= infinity ? BigInt(text) : undefined;
}
