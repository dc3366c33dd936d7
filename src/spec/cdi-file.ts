import { isPair, parseDocument, type ScalarTag, visit } from 'yaml';
import { CodedError, messageOf, wrapError } from '../lib/errors.ts';
import { isCdiDeviceName, isCdiKind } from './cdi-names.ts';
import { type HookName, hookNames } from './oci.ts';
import { fieldsOf, flagOf, listOf, numberOf, requiredText, stringsOf, textOf, wrong } from './shape.ts';

/** A CDI spec file (tags.cncf.io container-device-interface, SPEC.md "CDI JSON Specification"). */
export interface CdiFile {
  readonly path: string;
  /** `vendor.com/class` */
  readonly kind: string;
  /** What each device of the file does to a container, by its name. */
  readonly devices: ReadonlyMap<string, CdiEdits>;
  /** What any of the file's devices does besides. */
  readonly edits: CdiEdits;
}

/** SPEC.md "containerEdits". */
export interface CdiEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly netDevices: readonly { readonly hostInterfaceName: string; readonly name: string }[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly intelRdt?: CdiIntelRdt;
  readonly additionalGids: readonly number[];
}

export interface CdiDeviceNode {
  readonly path: string;
  /** Where it is on the host; `path` where the file does not say. */
  readonly hostPath: string;
  /** `u` is an unbuffered character device; empty where the host has to be asked. */
  readonly type: '' | 'b' | 'c' | 'u' | 'p';
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number;
  /** `rwm` in part, `none`, or empty for all. */
  readonly permissions: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options: readonly string[];
  readonly type: string;
}

export interface CdiHook {
  readonly hookName: HookName;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface CdiIntelRdt {
  readonly closID?: string;
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly schemata?: readonly string[];
  readonly enableMonitoring?: boolean;
}

const versions = ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'];

/**
 * Reads a CDI spec: JSON where the name ends so, else YAML. invalidArgument with the file and what is wrong in it,
 * also for fields of a later version than 1.1.0: edits that are not understood must not be left out quietly.
 */
export function parseCdiFile(text: string, path: string): CdiFile {
  try {
    return toFile(path.endsWith('.json') ? JSON.parse(text) : parseYaml(text), path);
  } catch (error) {
    if (error instanceof CodedError) throw wrapError(path, error);
    throw new CodedError('invalidArgument', `${path}: ${messageOf(error).split('\n', 1)[0]}`, { cause: error });
  }
}

// Whoever writes a file mode as 0660 means octal, as every other CDI reader does; YAML 1.2 alone would not.
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Of all fields those that are no text. */
const typedFields = ['major', 'minor', 'fileMode', 'uid', 'gid', 'timeout', 'additionalGids', 'enableMonitoring'];

/**
 * YAML takes `name: 0` for a number and `args: [true]` for a truth value. It is the field that says what it is to every
 * other CDI reader, and so to people who write such files by hand: text is what stands there, quoted or not.
 */
function parseYaml(text: string): unknown {
  const document = parseDocument(text, { schema: 'core', customTags: (tags) => [octal, ...tags], logLevel: 'error' });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  visit(document, {
    Scalar(_, node, ancestors) {
      const field = ancestors.findLast(isPair)?.key;
      if (node.value === null || node.source === undefined || typedFields.includes(String(field))) return;
      node.value = node.source;
    },
  });
  return document.toJS();
}

function toFile(document: unknown, path: string): CdiFile {
  const top = fieldsOf(document, 'the spec', ['cdiVersion', 'kind', 'annotations', 'devices', 'containerEdits']);
  const version = textOf(top['cdiVersion'], 'cdiVersion').replace(/^v/, '');
  if (!versions.includes(version)) throw wrong('cdiVersion', `is ${JSON.stringify(version)}: known are ${versions.join(', ')}`);
  const kind = textOf(top['kind'], 'kind');
  if (!isCdiKind(kind)) throw wrong('kind', `is ${JSON.stringify(kind)}: it must be vendor/class`);
  stringsOf(top['annotations'], 'annotations');
  const devices = new Map<string, CdiEdits>();
  for (const [name, edits] of listOf(top['devices'], 'devices', toDevice)) {
    if (devices.has(name)) throw wrong('devices', `has ${JSON.stringify(name)} twice`);
    devices.set(name, edits);
  }
  if (devices.size === 0) throw wrong('devices', 'is empty');
  return { path, kind, devices, edits: toEdits(top['containerEdits'] ?? {}, 'containerEdits') };
}

function toDevice(value: unknown, where: string): [string, CdiEdits] {
  const device = fieldsOf(value, where, ['name', 'annotations', 'containerEdits']);
  const name = textOf(device['name'], `${where}.name`);
  if (!isCdiDeviceName(name)) throw wrong(`${where}.name`, `is ${JSON.stringify(name)}: not a name of a device`);
  stringsOf(device['annotations'], `${where}.annotations`);
  const edits = device['containerEdits'];
  const isEmpty = typeof edits !== 'object' || edits === null || Object.keys(edits).length === 0;
  if (isEmpty) throw wrong(`${where}.containerEdits`, 'is empty');
  return [name, toEdits(edits, `${where}.containerEdits`)];
}

const editNames = ['env', 'deviceNodes', 'netDevices', 'hooks', 'mounts', 'intelRdt', 'additionalGids'];

function toEdits(value: unknown, where: string): CdiEdits {
  const edits = fieldsOf(value, where, editNames);
  const intelRdt = edits['intelRdt'] ?? undefined;
  return {
    env: listOf(edits['env'], `${where}.env`, toVariable),
    deviceNodes: listOf(edits['deviceNodes'], `${where}.deviceNodes`, toDeviceNode),
    netDevices: toNetDevices(edits['netDevices'], `${where}.netDevices`),
    mounts: listOf(edits['mounts'], `${where}.mounts`, toMount),
    hooks: listOf(edits['hooks'], `${where}.hooks`, toHook),
    additionalGids: listOf(edits['additionalGids'], `${where}.additionalGids`, (gid, at) => numberOf(gid, at) ?? 0),
    ...(intelRdt === undefined ? {} : { intelRdt: toIntelRdt(intelRdt, `${where}.intelRdt`) }),
  };
}

function toVariable(value: unknown, where: string): string {
  const text = textOf(value, where);
  if (text.indexOf('=') <= 0) throw wrong(where, `is ${JSON.stringify(text)}: it must be NAME=value`);
  return text;
}

function toDeviceNode(value: unknown, where: string): CdiDeviceNode {
  const known = ['path', 'hostPath', 'type', 'major', 'minor', 'fileMode', 'permissions', 'uid', 'gid'];
  const node = fieldsOf(value, where, known);
  const path = requiredText(node['path'], `${where}.path`);
  const type = textOf(node['type'], `${where}.type`);
  if (!isNodeType(type)) throw wrong(`${where}.type`, `is ${JSON.stringify(type)}: known are b, c, u and p`);
  const permissions = textOf(node['permissions'], `${where}.permissions`);
  if (permissions !== 'none' && !/^[rwm]*$/.test(permissions)) {
    throw wrong(`${where}.permissions`, `is ${JSON.stringify(permissions)}: only r, w and m, or none`);
  }
  const [fileMode, uid, gid] = ['fileMode', 'uid', 'gid'].map((name) => numberOf(node[name], `${where}.${name}`));
  return {
    path,
    hostPath: textOf(node['hostPath'], `${where}.hostPath`) || path,
    type,
    major: numberOf(node['major'], `${where}.major`) ?? 0,
    minor: numberOf(node['minor'], `${where}.minor`) ?? 0,
    permissions,
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

function isNodeType(type: string): type is CdiDeviceNode['type'] {
  return ['', 'b', 'c', 'u', 'p'].includes(type);
}

/** An interface can go into a container once, and each needs a name of its own there. */
function toNetDevices(value: unknown, where: string): CdiEdits['netDevices'] {
  const devices = listOf(value, where, toNetDevice);
  for (const field of ['hostInterfaceName', 'name'] as const) {
    const twice = devices.find((device, n) => devices.findIndex((other) => other[field] === device[field]) < n);
    if (twice !== undefined) throw wrong(where, `has ${field} ${JSON.stringify(twice[field])} twice`);
  }
  return devices;
}

function toNetDevice(value: unknown, where: string): CdiEdits['netDevices'][number] {
  const device = fieldsOf(value, where, ['hostInterfaceName', 'name']);
  return {
    hostInterfaceName: requiredText(device['hostInterfaceName'], `${where}.hostInterfaceName`),
    name: requiredText(device['name'], `${where}.name`),
  };
}

function toMount(value: unknown, where: string): CdiMount {
  const mount = fieldsOf(value, where, ['hostPath', 'containerPath', 'options', 'type']);
  return {
    hostPath: requiredText(mount['hostPath'], `${where}.hostPath`),
    containerPath: requiredText(mount['containerPath'], `${where}.containerPath`),
    options: listOf(mount['options'], `${where}.options`, requiredText),
    type: textOf(mount['type'], `${where}.type`),
  };
}

function toHook(value: unknown, where: string): CdiHook {
  const hook = fieldsOf(value, where, ['hookName', 'path', 'args', 'env', 'timeout']);
  const hookName = hookNames.find((name) => name === hook['hookName']);
  if (hookName === undefined) throw wrong(`${where}.hookName`, `is ${JSON.stringify(hook['hookName'])}: known are ${hookNames.join(', ')}`);
  const timeout = numberOf(hook['timeout'], `${where}.timeout`);
  return {
    hookName,
    path: requiredText(hook['path'], `${where}.path`),
    args: listOf(hook['args'], `${where}.args`, textOf),
    env: listOf(hook['env'], `${where}.env`, toVariable),
    ...(timeout === undefined ? {} : { timeout }),
  };
}

function toIntelRdt(value: unknown, where: string): CdiIntelRdt {
  const rdt = fieldsOf(value, where, ['closID', 'l3CacheSchema', 'memBwSchema', 'schemata', 'enableMonitoring']);
  const closID = textOf(rdt['closID'], `${where}.closID`);
  if (closID !== '/' && (/[/\n]/.test(closID) || ['.', '..'].includes(closID))) {
    throw wrong(`${where}.closID`, `is ${JSON.stringify(closID)}: it must be the name of a folder`);
  }
  const l3CacheSchema = textOf(rdt['l3CacheSchema'], `${where}.l3CacheSchema`);
  const memBwSchema = textOf(rdt['memBwSchema'], `${where}.memBwSchema`);
  const schemata = listOf(rdt['schemata'], `${where}.schemata`, requiredText);
  const enableMonitoring = flagOf(rdt['enableMonitoring'], `${where}.enableMonitoring`);
  return {
    ...(closID === '' ? {} : { closID }),
    ...(l3CacheSchema === '' ? {} : { l3CacheSchema }),
    ...(memBwSchema === '' ? {} : { memBwSchema }),
    ...(schemata.length === 0 ? {} : { schemata }),
    ...(enableMonitoring === undefined ? {} : { enableMonitoring }),
  };
}
