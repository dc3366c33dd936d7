import type { OciSpec } from './oci.ts';

type Json = unknown;
type JsonObject = Readonly<Record<string, Json>>;

/** An OCI spec from a file: any part of one, with parts that podwright itself never writes. */
export type BaseSpec = JsonObject;

/**
 * Lays a spec over a base one (`base_runtime_spec` of a handler). What podwright writes wins; of the base stays what
 * podwright says nothing of: rlimits, hooks, sysctls, devices, mounts of other places, resources nobody asked for,
 * fields of newer OCI versions. Security is never the base's: its capabilities, seccomp, AppArmor and SELinux labels,
 * masked paths, namespaces and host name are left out, because the CRI says what holds there when a Pod says nothing.
 */
export function layOverBase(base: BaseSpec | undefined, spec: OciSpec): OciSpec {
  if (base === undefined) return spec;
  const merged = mergeObjects(withoutOwned(base), spec as unknown as JsonObject, []);
  return merged as unknown as OciSpec;
}

const owned: readonly (readonly [string, readonly string[]])[] = [
  ['process', ['capabilities', 'apparmorProfile', 'selinuxLabel', 'noNewPrivileges', 'args', 'user', 'cwd', 'terminal', 'commandLine']],
  ['linux', ['seccomp', 'namespaces', 'uidMappings', 'gidMappings', 'maskedPaths', 'readonlyPaths', 'mountLabel', 'cgroupsPath']],
];

function withoutOwned(base: BaseSpec): JsonObject {
  // A name would be written into the UTS namespace of the whole Pod; `runc spec` gives one.
  const { hostname: _, ...kept }: Record<string, Json> = { ...base };
  for (const [part, names] of owned) {
    const object = kept[part];
    if (!isObject(object)) continue;
    kept[part] = Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
  }
  return kept;
}

/** How lists of the same name come together; any other list is the upper one's alone. */
const listMerges: Readonly<Record<string, (under: readonly Json[], over: readonly Json[]) => readonly Json[]>> = {
  mounts: mergeMounts,
  'process.env': (under, over) => mergeBy(under, over, (entry) => String(entry).split('=', 1)[0] ?? ''),
  'process.rlimits': (under, over) => mergeBy(under, over, (limit) => fieldOf(limit, 'type')),
  'linux.devices': (under, over) => mergeBy(under, over, (device) => fieldOf(device, 'path')),
  'linux.resources.devices': mergeDeviceRules,
  'linux.resources.hugepageLimits': (under, over) => mergeBy(under, over, (limit) => fieldOf(limit, 'pageSize')),
};

function mergeObjects(under: JsonObject, over: JsonObject, path: readonly string[]): JsonObject {
  const merged: Record<string, Json> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const own = [...path, name];
    const below = Object.hasOwn(under, name) ? under[name] : undefined;
    if (isObject(below) && isObject(value)) merged[name] = mergeObjects(below, value, own);
    else if (Array.isArray(below) && Array.isArray(value)) merged[name] = mergeLists(below, value, own);
    else merged[name] = value;
  }
  return merged;
}

function mergeLists(under: readonly Json[], over: readonly Json[], path: readonly string[]): readonly Json[] {
  const [first] = path;
  // Hooks run one after the other: the base's first.
  if (first === 'hooks') return [...under, ...over];
  const merge = listMerges[path.join('.')];
  return merge === undefined ? over : merge(under, over);
}

function mergeBy(under: readonly Json[], over: readonly Json[], key: (item: Json) => string): Json[] {
  const merged = new Map(under.map((item) => [key(item), item]));
  for (const item of over) merged.set(key(item), item);
  return [...merged.values()];
}

/** The base's mounts of places that nothing else is mounted at, each right behind what it lies in. */
function mergeMounts(under: readonly Json[], over: readonly Json[]): Json[] {
  const merged = [...over];
  const taken = new Set(over.map((mount) => fieldOf(mount, 'destination')));
  for (const mount of under) {
    const place = fieldOf(mount, 'destination');
    if (taken.has(place)) continue;
    taken.add(place);
    merged.splice(merged.findLastIndex((other) => isWithin(place, fieldOf(other, 'destination'))) + 1, 0, mount);
  }
  return merged;
}

function isWithin(place: string, folder: string): boolean {
  return place.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Rules hold in their order: ours begin by closing everything, and what the base opens has to come behind that. */
function mergeDeviceRules(under: readonly Json[], over: readonly Json[]): Json[] {
  const [first, ...rest] = over;
  const opened = under.filter((rule) => !(isObject(rule) && rule['allow'] === false && rule['type'] === undefined));
  return first === undefined ? [...opened] : [first, ...opened, ...rest];
}

function fieldOf(item: Json, name: string): string {
  const value = isObject(item) ? item[name] : undefined;
  return typeof value === 'string' ? value : '';
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
