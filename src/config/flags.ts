import { parseArgs } from 'node:util';
import { CodedError } from '../lib/errors.ts';
import { closest } from './hint.ts';

/** What the command line asks for. */
export type CommandLine =
  | {
      readonly command: 'serve';
      /** The file of --config, which must be there; without the flag the usual one is read where it exists. */
      readonly configFile: string | undefined;
      /** How long containerd may take to answer at start, ms. */
      readonly waitMs: number;
      readonly settings: readonly Setting[];
    }
  | { readonly command: 'check'; readonly configFile: string | undefined; readonly settings: readonly Setting[] }
  | { readonly command: 'configDefault' }
  | { readonly command: 'configCheck'; readonly file: string }
  | { readonly command: 'version' }
  | { readonly command: 'help' };

/** A flag that stands for a key of the configuration. */
export interface Setting {
  readonly flag: string;
  readonly path: readonly string[];
  readonly value: string;
}

const settingOfFlag: Readonly<Record<string, readonly string[]>> = {
  socket: ['socket'],
  containerd: ['containerd', 'address'],
  namespace: ['containerd', 'namespace'],
  root: ['root'],
  state: ['state'],
  'log-level': ['log', 'level'],
};

const defaultWaitS = 60;

/** What --help prints. */
export const helpText = `podwright serves the Kubernetes CRI on top of containerd 2.x.

  podwright [flags]              serve
  podwright check [flags]        look at the node: say what is wrong, and what to do about it
  podwright config default       print the default configuration, commented
  podwright config check FILE    say whether FILE is a configuration, and what is wrong with it

  --config FILE        configuration (default: /etc/podwright/config.toml where it exists)
  --socket PATH        where the CRI is served
  --containerd PATH    containerd's socket
  --namespace NS       containerd's namespace with our containers and images
  --root DIR           what survives a reboot
  --state DIR          what does not
  --log-level LEVEL    error, warn, info or debug
  --wait SECONDS       how long to wait for containerd at start (default: ${defaultWaitS})
  --version            print the version
  --help               print this

A flag overrides the configuration file. Exit codes: 0 after SIGTERM or SIGINT, 64 for a wrong
command line or configuration, 69 when containerd cannot be reached at start, 1 for anything else,
and for a check that found something wrong.
`;

const withValue = [...Object.keys(settingOfFlag), 'config', 'wait'];
const withoutValue = ['version', 'help'];

/** Reads the command line (without node and script). `invalidArgument` with a hint where it is wrong. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { flags, words } = split(args);
  if (flags.has('help')) return { command: 'help' };
  if (flags.has('version')) return { command: 'version' };
  if (words.length > 0 && words[0] !== 'check') return readSubcommand(words, flags);
  const settings = Object.entries(settingOfFlag).flatMap(([flag, path]) => {
    const value = flags.get(flag);
    return value === undefined ? [] : [{ flag, path, value }];
  });
  const configFile = flags.get('config');
  if (words.length === 0) return { command: 'serve', configFile, waitMs: readWaitMs(flags.get('wait')), settings };
  if (words.length > 1 || flags.has('wait')) throw wrong('it is podwright check, with flags for the configuration and no more');
  return { command: 'check', configFile, settings };
}

function split(args: readonly string[]): { readonly flags: ReadonlyMap<string, string>; readonly words: readonly string[] } {
  const options = Object.fromEntries([
    ...withValue.map((name) => [name, { type: 'string' }] as const),
    ...withoutValue.map((name) => [name, { type: 'boolean', short: name.charAt(0) }] as const),
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind === 'option') flags.set(token.name, readFlag(token.name, token.rawName, token.value, flags));
  }
  return { flags, words };
}

function readFlag(name: string, raw: string, value: string | undefined, before: ReadonlyMap<string, string>): string {
  if (withoutValue.includes(name)) {
    if (value !== undefined) throw wrong(`${raw} takes no value`);
    return '';
  }
  if (!withValue.includes(name)) {
    const near = closest(name, [...withValue, ...withoutValue]);
    throw wrong(`unknown flag ${raw}${near === undefined ? '' : `: did you mean --${near}?`}`);
  }
  if (value === undefined || value === '') throw wrong(`${raw} needs a value`);
  // parseArgs takes the next flag for the value where that was forgotten.
  if (value.startsWith('--')) throw wrong(`${raw} needs a value, and got the flag ${value}`);
  if (before.has(name)) throw wrong(`${raw} is given twice`);
  return value;
}

function readSubcommand(words: readonly string[], flags: ReadonlyMap<string, string>): CommandLine {
  const [first, second, file, ...rest] = words;
  const [flag] = flags.keys();
  if (first !== 'config') throw wrong(`unknown command ${JSON.stringify(first)}: there is check, config default and config check`);
  if (flag !== undefined) throw wrong(`podwright config takes no flag, and --${flag} is one`);
  if (second === 'default' && file === undefined) return { command: 'configDefault' };
  if (second === 'check' && file !== undefined && rest.length === 0) return { command: 'configCheck', file };
  throw wrong('it is podwright config default, or podwright config check FILE');
}

function readWaitMs(text: string | undefined): number {
  const seconds = text === undefined ? defaultWaitS : Number(text);
  // A day is more than anybody waits, and keeps the number fit for a timer.
  if (!/^\d+(\.\d+)?$/.test(text ?? '0') || seconds > 86_400) {
    throw wrong(`--wait is ${JSON.stringify(text)}: must be seconds, 0 to 86400`);
  }
  return Math.round(seconds * 1000);
}

function wrong(what: string): CodedError {
  return new CodedError('invalidArgument', `${what}; podwright --help says what there is`);
}
