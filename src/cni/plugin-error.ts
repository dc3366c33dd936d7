import type { ErrorKind } from '../lib/errors.ts';
import { CodedError } from '../lib/errors.ts';
import { isJsonObject } from './json.ts';

/** The operations of CNI 1.1.0 section 2. */
export type CniVerb = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION';

/** How a plugin's run ended, when it did not end well. */
export interface PluginExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a plugin said of its failure (CNI 1.1.0 section 5, "Error"): the `cause` of the CodedError about it. */
export interface PluginComplaint {
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

const excerptChars = 512;

/** The start of every message about a plugin: `cni plugin "bridge" ADD for "abc"`. */
export function describeCall(type: string, verb: CniVerb, containerId: string): string {
  return `cni plugin "${type}" ${verb}${containerId === '' ? '' : ` for "${containerId}"`}`;
}

/** The error for a plugin that ended badly. Its cause is a PluginComplaint where the plugin gave one. */
export function pluginError(call: string, exit: PluginExit): CodedError {
  const complaint = exit.signal === null ? parseComplaint(exit.stdout) : undefined;
  if (complaint !== undefined) {
    const { code, msg, details } = complaint;
    const text = [msg || 'it gave no reason', details].filter((part) => part !== '').join(': ');
    return new CodedError(kindOfCode(code), `${call}: ${text} (CNI error ${code})`, { cause: complaint });
  }
  const end = exit.signal === null ? `exited with ${exit.exitCode}` : `was killed by ${exit.signal}`;
  const said = [quote('stdout', exit.stdout), quote('stderr', exit.stderr)].filter((part) => part !== '').join(', ');
  return new CodedError('internal', `${call}: it ${end} and printed ${said === '' ? 'nothing' : `no CNI error: ${said}`}`);
}

/** The plugin's own complaint behind an error, or undefined when it did not come to say one. */
export function complaintOf(error: unknown): PluginComplaint | undefined {
  const cause: unknown = error instanceof CodedError ? error.cause : undefined;
  return isJsonObject(cause) && 'code' in cause && 'msg' in cause ? (cause as unknown as PluginComplaint) : undefined;
}

/** A start of what a plugin printed, fit for a message. Empty when it printed nothing. */
export function quote(stream: string, text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  return `${stream} ${JSON.stringify(trimmed.slice(0, excerptChars))}${trimmed.length > excerptChars ? '…' : ''}`;
}

function parseComplaint(stdout: string): PluginComplaint | undefined {
  try {
    const json: unknown = JSON.parse(stdout);
    if (!isJsonObject(json)) return undefined;
    const { code, msg, details } = json;
    if (typeof code !== 'number' && typeof msg !== 'string') return undefined;
    return {
      code: typeof code === 'number' ? code : 0,
      msg: typeof msg === 'string' ? msg : '',
      details: typeof details === 'string' ? details : '',
    };
  } catch {
    return undefined;
  }
}

// The reserved codes of the spec. What is wrong with the node's network is not the caller's invalid argument.
function kindOfCode(code: number): ErrorKind {
  switch (code) {
    case 1:
    case 2:
    case 7:
      return 'failedPrecondition';
    case 3:
      return 'notFound';
    case 11:
    case 50:
    case 51:
      return 'unavailable';
    default:
      return 'internal';
  }
}
