import { CodedError } from '../lib/errors.ts';
import type { CdiEdits, CdiFile } from './cdi-file.ts';

/** The CDI specs of a node, as they were found. */
export interface CdiRegistry {
  /** One list for each folder, in the order of the configuration: a later folder goes before an earlier one. */
  readonly folders: readonly { readonly path: string; readonly files: readonly CdiFile[] }[];
  /** Why files could not be read. */
  readonly problems: readonly string[];
}

/**
 * All that the named devices do to a container, in the order they are named, with what their files do for any of
 * their devices before, once. invalidArgument naming every device that is nowhere, or in two files of one folder.
 */
export function findCdiEdits(registry: CdiRegistry, names: readonly string[]): CdiEdits[] {
  const found: CdiEdits[] = [];
  const used = new Set<CdiFile>();
  const unresolved: string[] = [];
  for (const name of names) {
    const at = name.indexOf('=');
    const [kind, device] = [name.slice(0, at), name.slice(at + 1)];
    const files = filesWith(registry, kind, device);
    const [file, other] = files;
    const edits = file?.devices.get(device);
    if (file === undefined || edits === undefined) {
      unresolved.push(`"${name}" is in no CDI spec${offered(registry, kind)}`);
    } else if (other !== undefined) {
      unresolved.push(`"${name}" is in several CDI specs of one folder: ${files.map(({ path }) => path).join(', ')}`);
    } else {
      if (!used.has(file)) found.push(file.edits);
      used.add(file);
      found.push(edits);
    }
  }
  if (unresolved.length > 0) throw unresolvable(registry, unresolved);
  return found;
}

/** The files that have a device, of the one folder that is to be believed. */
function filesWith(registry: CdiRegistry, kind: string, device: string): CdiFile[] {
  for (const { files } of registry.folders.toReversed()) {
    const having = files.filter((file) => file.kind === kind && file.devices.has(device));
    if (having.length > 0) return having;
  }
  return [];
}

function offered(registry: CdiRegistry, kind: string): string {
  const names = registry.folders.flatMap(({ files }) =>
    files.filter((file) => file.kind === kind).flatMap((file) => [...file.devices.keys()]),
  );
  const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
  return names.length === 0 ? '' : ` (of ${kind} there are ${shown})`;
}

function unresolvable(registry: CdiRegistry, unresolved: readonly string[]): CodedError {
  const where = `looked in ${registry.folders.map(({ path }) => path).join(' and ')}`;
  const problems = registry.problems.length === 0 ? '' : `; passed over ${registry.problems.join('; ')}`;
  return new CodedError('invalidArgument', `config.CDI_devices: CDI device ${unresolved.join('; ')}: ${where}${problems}`);
}
