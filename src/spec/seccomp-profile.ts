import { CodedError, messageOf } from '../lib/errors.ts';
import { decodeJson } from './json.ts';
import { isKernelAtLeast } from './kernel-version.ts';
import type { Int64, OciSeccomp, OciSyscallArg, OciSyscallRule } from './oci.ts';
import { seccompArchitectures } from './seccomp-syscalls.ts';

type Json = Readonly<Record<string, unknown>>;

interface FilterFacts {
  readonly bounding: readonly string[];
  readonly goArch: string;
  readonly kernelVersion: string;
}

/**
 * A Localhost profile's text as OCI seccomp. Takes the OCI form (`architectures`, `names`) and Docker's
 * (`archMap`, `name`, and `includes`/`excludes` by caps, arches, minKernel, which are resolved here).
 * invalidArgument naming field and file where the text isn't a profile.
 */
export function parseSeccompProfile(
  text: string,
  file: { readonly ref: string; readonly field: string },
  bounding: readonly string[],
  host: { readonly seccompArch: string; readonly kernelVersion: string },
): OciSeccomp {
  const arch = seccompArchitectures.find(({ machine }) => machine === host.seccompArch);
  const facts = { bounding, goArch: arch?.goName ?? host.seccompArch, kernelVersion: host.kernelVersion };
  try {
    return readProfile(readObject('profile', decodeJson(text)), facts, arch?.scmpNames[0]);
  } catch (error) {
    throw new CodedError('invalidArgument', `${file.field} is ${JSON.stringify(file.ref)}: not a seccomp profile: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function readProfile(profile: Json, facts: FilterFacts, nativeArch: string | undefined): OciSeccomp {
  const architectures = [
    ...readStrings('architectures', profile['architectures']),
    ...readList('archMap', profile['archMap']).flatMap((entry) => mappedArchitectures(entry, nativeArch)),
  ];
  const flags = readStrings('flags', profile['flags']);
  const listenerPath = readOptional('listenerPath', profile['listenerPath'], 'string');
  const listenerMetadata = readOptional('listenerMetadata', profile['listenerMetadata'], 'string');
  const defaultErrnoRet = readOptional('defaultErrnoRet', profile['defaultErrnoRet'], 'number');
  return {
    defaultAction: readAction('defaultAction', profile['defaultAction']),
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    ...(architectures.length === 0 ? {} : { architectures }),
    ...(flags.length === 0 ? {} : { flags }),
    ...(listenerPath === undefined ? {} : { listenerPath }),
    ...(listenerMetadata === undefined ? {} : { listenerMetadata }),
    syscalls: readList('syscalls', profile['syscalls'])
      .filter((rule) => applies(rule, facts))
      .map((rule, at) => readRule(`syscalls[${at}]`, rule)),
  };
}

/** Docker maps a native architecture to the ABIs that come with it; only the machine's own entry counts. */
function mappedArchitectures(entry: Json, nativeArch: string | undefined): string[] {
  if (entry['architecture'] !== nativeArch || nativeArch === undefined) return [];
  return [nativeArch, ...readStrings('archMap.subArchitectures', entry['subArchitectures'])];
}

function applies(rule: Json, facts: FilterFacts): boolean {
  const includes = readFilter('includes', rule['includes']);
  const excludes = readFilter('excludes', rule['excludes']);
  if (includes.caps.some((name) => !facts.bounding.includes(name))) return false;
  if (includes.arches.length > 0 && !includes.arches.includes(facts.goArch)) return false;
  if (includes.minKernel !== '' && !isKernelAtLeast(facts.kernelVersion, includes.minKernel)) return false;
  if (excludes.caps.some((name) => facts.bounding.includes(name))) return false;
  if (excludes.arches.includes(facts.goArch)) return false;
  return excludes.minKernel === '' || !isKernelAtLeast(facts.kernelVersion, excludes.minKernel);
}

function readFilter(field: string, value: unknown): { caps: string[]; arches: string[]; minKernel: string } {
  const filter = value === undefined || value === null ? {} : readObject(field, value);
  return {
    caps: readStrings(`${field}.caps`, filter['caps']),
    arches: readStrings(`${field}.arches`, filter['arches']),
    minKernel: readOptional(`${field}.minKernel`, filter['minKernel'], 'string') ?? '',
  };
}

function readRule(field: string, rule: Json): OciSyscallRule {
  const single = readOptional(`${field}.name`, rule['name'], 'string') ?? '';
  const names = [...(single === '' ? [] : [single]), ...readStrings(`${field}.names`, rule['names'])];
  if (names.length === 0) throw new Error(`${field}.names is empty`);
  const errnoRet = readOptional(`${field}.errnoRet`, rule['errnoRet'], 'number');
  const args = readList(`${field}.args`, rule['args']).map((arg, at) => readArg(`${field}.args[${at}]`, arg));
  return {
    names,
    action: readAction(`${field}.action`, rule['action']),
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args.length === 0 ? {} : { args }),
  };
}

function readArg(field: string, arg: Json): OciSyscallArg {
  const op = arg['op'];
  if (typeof op !== 'string' || !op.startsWith('SCMP_CMP_')) throw new Error(`${field}.op is no SCMP_CMP_ operator`);
  return {
    index: Number(readInteger(`${field}.index`, arg['index'])),
    value: readInteger(`${field}.value`, arg['value']),
    valueTwo: readInteger(`${field}.valueTwo`, arg['valueTwo'] ?? 0),
    op,
  };
}

function readAction(field: string, value: unknown): string {
  if (typeof value === 'string' && value.startsWith('SCMP_ACT_')) return value;
  throw new Error(`${field} is ${JSON.stringify(value)}, no SCMP_ACT_ action`);
}

function readInteger(field: string, value: unknown): Int64 {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return value as Int64;
  throw new Error(`${field} is no integer`);
}

function readObject(field: string, value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`${field} is no object`);
}

function readList(field: string, value: unknown): Json[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${field} is no list`);
  return value.map((item, at) => readObject(`${field}[${at}]`, item));
}

function readStrings(field: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error(`${field} is no list of strings`);
}

function readOptional(field: string, value: unknown, type: 'string'): string | undefined;
function readOptional(field: string, value: unknown, type: 'number'): number | undefined;
function readOptional(field: string, value: unknown, type: string): unknown {
  if (value === undefined || value === null || typeof value === type) return value ?? undefined;
  throw new Error(`${field} is no ${type}`);
}
