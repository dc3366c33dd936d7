import type { PackageDefinition } from '@grpc/proto-loader';
import { WireWriter, type Whole } from './wire-writer.ts';

/** Writes a field's value, which is there, with its tag. */
type WriteField = (writer: WireWriter, value: unknown) => void;

interface FieldPlan {
  readonly name: string;
  readonly write: WriteField;
}

/** How a message is written: its fields in the order of the contract. */
type MessagePlan = FieldPlan[];

// A descriptor as proto-loader gives it, as far as it is needed.
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}
interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}
interface EnumDescriptor {
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

const varintWire = 0;
const doubleWire = 1;
const lengthWire = 2;

/**
 * Writes messages of one proto3 package in wire form, straight from the objects they are: protobufjs makes an instance
 * of each message and a Long of each number first, which takes 40 of the 55 µs of a Pod's stats (2026-11). A field that
 * has its default is left out, as proto3 has it.
 */
export class WireForm {
  readonly #definitions: PackageDefinition;
  readonly #packageName: string;
  readonly #plans = new Map<string, MessagePlan>();
  readonly #writer = new WireWriter();

  constructor(definitions: PackageDefinition, packageName: string) {
    this.#definitions = definitions;
    this.#packageName = packageName;
  }

  /** The encoder of a message type, by its name within the package. Throws for a value that does not fit its field. */
  encoderOf(typeName: string): (message: object) => Buffer {
    const plan = this.#planOf(typeName);
    return (message) => {
      try {
        writeMessage(this.#writer, plan, message);
        return this.#writer.finish();
      } catch (error) {
        this.#writer.clear();
        throw error;
      }
    };
  }

  #planOf(typeName: string): MessagePlan {
    const known = this.#plans.get(typeName);
    if (known !== undefined) return known;
    const descriptor = this.#descriptor(typeName) as MessageDescriptor;
    const plan: MessagePlan = [];
    // Before its fields, which may be of this very type.
    this.#plans.set(typeName, plan);
    for (const field of descriptor.field) plan.push({ name: field.name, write: this.#fieldOf(field, descriptor) });
    return plan;
  }

  #descriptor(typeName: string): object {
    const definition = this.#definitions[`${this.#packageName}.${typeName}`];
    if (definition === undefined || !('type' in definition)) throw new Error(`the contract has no type ${typeName}`);
    return definition.type;
  }

  #fieldOf(field: FieldDescriptor, within: MessageDescriptor): WriteField {
    const entry = within.nestedType.find(({ name, options }) => name === field.typeName && options?.mapEntry === true);
    if (entry !== undefined) return this.#mapOf(field, entry);
    const isRepeated = field.label === 'LABEL_REPEATED';
    if (field.type === 'TYPE_MESSAGE') return messageField(field.number, this.#planOf(field.typeName), isRepeated);
    const scalar = field.type === 'TYPE_ENUM' ? this.#enumOf(field.typeName) : scalars[field.type];
    if (scalar === undefined) throw new Error(`${within.name}.${field.name} is a ${field.type}, which no encoder knows`);
    if (!isRepeated) return singleField(field.number, scalar);
    return scalar.wire === lengthWire ? repeatedField(field.number, scalar) : packedField(field.number, scalar);
  }

  #mapOf(field: FieldDescriptor, entry: MessageDescriptor): WriteField {
    const plan = entry.field.map((part) => ({ name: part.name, write: this.#fieldOf(part, entry) }));
    const tag = field.number * 8 + lengthWire;
    return (writer, value) => {
      for (const [key, one] of Object.entries(value as object)) {
        writer.varint(tag);
        const lengthAt = writer.open();
        writeMessage(writer, plan, { key, value: one as unknown });
        writer.close(lengthAt);
      }
    };
  }

  #enumOf(typeName: string): Scalar {
    const { value: values } = this.#descriptor(typeName) as EnumDescriptor;
    const numbers = new Map<unknown, number>(values.map(({ name, number }) => [name, number]));
    const numberOf = (value: unknown): number => {
      const known = typeof value === 'number' ? value : numbers.get(value);
      if (known === undefined) throw new TypeError(`${typeName} has no value ${JSON.stringify(value)}`);
      return known;
    };
    return {
      wire: varintWire,
      isDefault: (value) => numberOf(value) === 0,
      write: (writer, value) => writer.varint32(numberOf(value)),
    };
  }
}

function writeMessage(writer: WireWriter, plan: MessagePlan, message: object): void {
  for (const { name, write } of plan) {
    const value = (message as Record<string, unknown>)[name];
    if (value !== undefined && value !== null) write(writer, value);
  }
}

/** A kind of value that is no message. */
interface Scalar {
  readonly wire: number;
  isDefault(value: unknown): boolean;
  write(writer: WireWriter, value: unknown): void;
}

const whole32: Scalar = {
  wire: varintWire,
  isDefault: (value) => value === 0,
  write: (writer, value) => writer.varint32(value as number),
};
const whole64: Scalar = {
  wire: varintWire,
  isDefault: (value) => value === '0' || value === 0,
  write: (writer, value) => writer.varint64(value as Whole),
};

const scalars: Readonly<Record<string, Scalar>> = {
  TYPE_INT32: whole32,
  TYPE_UINT32: whole32,
  TYPE_INT64: whole64,
  TYPE_UINT64: whole64,
  TYPE_BOOL: {
    wire: varintWire,
    isDefault: (value) => value === false,
    write: (writer, value) => writer.varint(value === true ? 1 : 0),
  },
  TYPE_DOUBLE: {
    wire: doubleWire,
    isDefault: (value) => Object.is(value, 0),
    write: (writer, value) => writer.double(value as number),
  },
  TYPE_STRING: {
    wire: lengthWire,
    isDefault: (value) => value === '',
    write: (writer, value) => writer.text(value as string),
  },
  TYPE_BYTES: {
    wire: lengthWire,
    isDefault: (value) => (value as Uint8Array).length === 0,
    write: (writer, value) => writer.bytes(value as Uint8Array),
  },
};

function messageField(number: number, plan: MessagePlan, isRepeated: boolean): WriteField {
  const tag = number * 8 + lengthWire;
  const one: WriteField = (writer, value) => {
    writer.varint(tag);
    const lengthAt = writer.open();
    writeMessage(writer, plan, value as object);
    writer.close(lengthAt);
  };
  if (!isRepeated) return one;
  return (writer, values) => {
    for (const value of values as readonly object[]) one(writer, value);
  };
}

function singleField(number: number, scalar: Scalar): WriteField {
  const tag = number * 8 + scalar.wire;
  return (writer, value) => {
    if (scalar.isDefault(value)) return;
    writer.varint(tag);
    scalar.write(writer, value);
  };
}

function repeatedField(number: number, scalar: Scalar): WriteField {
  const tag = number * 8 + scalar.wire;
  return (writer, values) => {
    for (const value of values as readonly unknown[]) {
      writer.varint(tag);
      scalar.write(writer, value);
    }
  };
}

/** Numbers in a row behind one tag. */
function packedField(number: number, scalar: Scalar): WriteField {
  const tag = number * 8 + lengthWire;
  return (writer, values) => {
    if ((values as readonly unknown[]).length === 0) return;
    writer.varint(tag);
    const lengthAt = writer.open();
    for (const value of values as readonly unknown[]) scalar.write(writer, value);
    writer.close(lengthAt);
  };
}
