import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import protobuf from 'protobufjs';

/** One thing a contract fixes, as a line of text: what stands under a name such as `field runtime.v1.Mount.image`. */
export type Facts = ReadonlyMap<string, string>;

/** A contract: the facts of each message, enum and service, by the full name of the outermost. */
export type Contract = ReadonlyMap<string, Facts>;

/** Reads .proto files, they and their imports being looked for below each of `folders`, and takes down what they fix. */
export function readContract(folders: readonly string[], files: readonly string[]): Contract {
  const root = new protobuf.Root();
  // google/protobuf/* comes with the parser, some of it built in and the rest as files.
  const parser = path.dirname(createRequire(import.meta.url).resolve('protobufjs/package.json'));
  root.resolvePath = (_origin, target) =>
    [...folders, parser].map((folder) => path.join(folder, target)).find((file) => existsSync(file)) ?? target;
  root.loadSync([...files], { keepCase: true });
  return contractOf(root);
}

/** The same for a text without imports. */
export function parseContract(text: string): Contract {
  return contractOf(protobuf.parse(text, new protobuf.Root(), { keepCase: true }).root);
}

function contractOf(root: protobuf.Root): Contract {
  root.resolveAll();
  const contract = new Map<string, Facts>();
  collect(root, contract);
  return contract;
}

function collect(namespace: protobuf.NamespaceBase, contract: Map<string, Facts>): void {
  for (const object of namespace.nestedArray) {
    const facts = new Map<string, string>();
    if (object instanceof protobuf.Type) addMessage(object, facts);
    else if (object instanceof protobuf.Enum) addEnum(object, facts);
    else if (object instanceof protobuf.Service) addService(object, facts);
    else if (object instanceof protobuf.Namespace) collect(object, contract);
    if (facts.size > 0) contract.set(fullName(object), facts);
  }
}

function addMessage(type: protobuf.Type, facts: Map<string, string>): void {
  const reserved = (type.reserved ?? []).map((one) => (typeof one === 'string' ? one : one.join(' to ')));
  facts.set(`message ${fullName(type)}`, reserved.length > 0 ? `reserved ${reserved.join(', ')}` : 'is a message');
  for (const field of type.fieldsArray) facts.set(`field ${fullName(field)}`, describeField(field));
  for (const nested of type.nestedArray) {
    if (nested instanceof protobuf.Type) addMessage(nested, facts);
    else if (nested instanceof protobuf.Enum) addEnum(nested, facts);
  }
}

function describeField(field: protobuf.Field): string {
  const own = field.resolvedType === null ? field.type : fullName(field.resolvedType);
  const type = field instanceof protobuf.MapField ? `map<${field.keyType}, ${own}>` : own;
  const options = field.options ?? {};
  // A proto3 field marked `optional` is, in a descriptor, alone in a oneof that nobody wrote.
  const oneof = field.partOf === null || options['proto3_optional'] === true ? [] : [`in oneof ${field.partOf.name}`];
  const label = field.repeated ? ['repeated'] : options['proto3_optional'] === true ? ['optional'] : [];
  const marks = ['deprecated', 'debug_redact'].filter((mark) => options[mark] === true);
  return [`number ${field.id}`, ...label, type, ...oneof, ...marks].join(' ');
}

function addEnum(type: protobuf.Enum, facts: Map<string, string>): void {
  facts.set(`enum ${fullName(type)}`, 'is an enum');
  for (const [name, value] of Object.entries(type.values)) facts.set(`value ${fullName(type)}.${name}`, `number ${value}`);
}

function addService(service: protobuf.Service, facts: Map<string, string>): void {
  facts.set(`service ${fullName(service)}`, 'is a service');
  for (const method of service.methodsArray) {
    method.resolve();
    const side = (type: protobuf.Type | null, stream: boolean | undefined): string =>
      `${stream === true ? 'stream ' : ''}${type === null ? '?' : fullName(type)}`;
    const request = side(method.resolvedRequestType, method.requestStream);
    const response = side(method.resolvedResponseType, method.responseStream);
    facts.set(`rpc ${fullName(method)}`, `takes ${request}, gives ${response}`);
  }
}

function fullName(object: protobuf.ReflectionObject): string {
  return object.fullName.replace(/^\./, '');
}
