import path from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';

/** Requests that are well-formed on the wire and otherwise anything; as the client takes them. */
export interface AnyRequests {
  /** Every RPC of the contract. */
  readonly rpcs: readonly string[];
  /** Whether an RPC answers with a stream. */
  streams(rpc: string): boolean;
  /** A request of `rpc`, in which a field is given one time in `rarity`, however deep it stands. */
  any(rpc: string, rarity: number): fc.Arbitrary<object>;
  /** An answer of `rpc`, or one message of it, made in the same way. */
  anyAnswer(rpc: string, rarity: number): fc.Arbitrary<object>;
}

/** What fields may be, beside anything, by their names as the proto writes them. */
export interface Vocabulary {
  /** Texts, and with ` key` after the name the keys of maps. */
  readonly texts: Readonly<Record<string, readonly string[]>>;
  /** Whole messages and numbers, which would hardly ever come out right by chance; of a list, its members. */
  readonly wholes: Readonly<Record<string, readonly unknown[]>>;
  /** Fields that are never any text, since the text is a path of the machine on which the tests run. */
  readonly only: readonly string[];
}

/** Reads the contract and makes requests of it. */
export function anyRequests({ texts, wholes, only }: Vocabulary): AnyRequests {
  const file = path.join(import.meta.dirname, '../../proto/cri/runtime/v1/api.proto');
  const root = new protobuf.Root().loadSync(file, { keepCase: false });
  root.resolveAll();
  const methods = new Map(
    ['runtime.v1.RuntimeService', 'runtime.v1.ImageService']
      .flatMap((service) => root.lookupService(service).methodsArray)
      .map((method) => [method.name, method]),
  );
  const made = new Map<string, fc.Arbitrary<object>>();

  const text = (name: string): fc.Arbitrary<string> => {
    const known = fc.constantFrom(...(texts[name] ?? []), '');
    if (only.includes(name)) return known;
    const any = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 8 }));
    return texts[name] === undefined ? any : fc.oneof({ arbitrary: known, weight: 4 }, any);
  };
  const any = (field: protobuf.Field, rarity: number): fc.Arbitrary<unknown> => {
    const type = field.resolvedType;
    if (type instanceof protobuf.Type) return message(type, rarity);
    // Also a number that no version of the contract has given a name yet.
    if (type instanceof protobuf.Enum) return fc.constantFrom(...Object.keys(type.values), 77);
    return field.type === 'string' ? text(wireName(field)) : scalars[field.type] ?? fc.constant(undefined);
  };
  const one = (field: protobuf.Field, rarity: number): fc.Arbitrary<unknown> => {
    const known = wholes[wireName(field)];
    return known === undefined ? any(field, rarity) : fc.oneof({ arbitrary: fc.constantFrom(...known), weight: 2 }, any(field, rarity));
  };
  const whole = (field: protobuf.Field, rarity: number): fc.Arbitrary<unknown> => {
    if (field instanceof protobuf.MapField) return fc.dictionary(text(`${wireName(field)} key`), any(field, rarity) as fc.Arbitrary<string>, { maxKeys: 3 });
    // A member of a list says little without most of its fields.
    return field.repeated ? fc.array(one(field, 2), { maxLength: 3 }) : one(field, rarity);
  };
  const message = (type: protobuf.Type, rarity: number): fc.Arbitrary<object> => {
    const key = `${type.fullName} ${rarity}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const fields = type.fieldsArray.map((field) => {
      const given = { arbitrary: whole(field, rarity), weight: 5 };
      // What only holds others is nearly always there, or what is deep down in it would hardly ever be.
      return [field.name, fc.oneof({ arbitrary: fc.constant(undefined), weight: isHolder(field) ? 1 : 5 * (rarity - 1) }, given)];
    });
    const arbitrary = fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>).map(withoutMissing);
    made.set(key, arbitrary);
    return arbitrary;
  };
  return {
    rpcs: [...methods.keys()],
    streams: (rpc) => methods.get(rpc)?.responseStream === true,
    any(rpc, rarity) {
      const type = methods.get(rpc)?.resolvedRequestType;
      if (!type) throw new Error(`the contract has no RPC ${rpc}`);
      return message(type, rarity);
    },
    anyAnswer(rpc, rarity) {
      const type = methods.get(rpc)?.resolvedResponseType;
      if (!type) throw new Error(`the contract has no RPC ${rpc}`);
      return message(type, rarity);
    },
  };
}

/** Whether a field is a message whose being there means little by itself, such as `config.linux.security_context`. */
function isHolder(field: protobuf.Field): boolean {
  const type = field.resolvedType;
  if (!(type instanceof protobuf.Type) || field.repeated || field.map) return false;
  return type.fieldsArray.length > 3 || type.fieldsArray.some((inner) => inner.resolvedType instanceof protobuf.Type && !inner.repeated);
}

const int64 = fc.oneof(fc.bigInt({ min: -5n, max: 5n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(String);
const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bool: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  double: fc.double(),
  int32: fc.oneof(fc.integer({ min: -5, max: 100 }), fc.integer()),
  uint32: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  int64,
  uint64: fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(String),
};

function withoutMissing(message: object): object {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
}

/** The field's name in the proto; protobufjs has turned it into camel case. */
function wireName(field: protobuf.Field): string {
  return field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `given` laid over `base`, message by message; what is a list or a map is the given one. */
export function overlaid(base: object, given: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(given)) {
    const under = merged[name];
    merged[name] = isMessage(under) && isMessage(value) ? overlaid(under, value) : value;
  }
  return merged;
}

function isMessage(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

/** `message` with every string that `names` knows replaced by what it stands for. */
export function resolved<T>(message: T, names: (text: string) => string): T {
  if (typeof message === 'string') return names(message) as T;
  if (Array.isArray(message)) return message.map((item) => resolved(item as unknown, names)) as T;
  if (!isMessage(message)) return message;
  return Object.fromEntries(Object.entries(message).map(([key, value]) => [key, resolved(value as unknown, names)])) as T;
}
