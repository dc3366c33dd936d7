/**
 * The content of a message's field of kind message, string or bytes, out of the message's own bytes: empty where the
 * field is not there, and the last where it is there several times, which is the one that protobufjs takes. RangeError
 * for bytes that are no message.
 */
export function protobufField(message: Buffer, field: number): Buffer {
  let content = message.subarray(0, 0);
  const reader = { bytes: message, at: 0 };
  while (reader.at < message.length) {
    const tag = readVarint(reader);
    const start = contentStart(reader, tag & 7);
    if (tag >>> 3 === field && (tag & 7) === 2) content = message.subarray(start, reader.at);
  }
  return content;
}

/** The bytes of a message that has nothing but one such field. */
export function asProtobufField(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(((field << 3) | 2) >>> 0), varint(content.length), content]);
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

/** Goes past a field's content; answers where it began. */
function contentStart(reader: Reader, wireType: number): number {
  if (wireType === 0) {
    const start = reader.at;
    skipVarint(reader);
    return start;
  }
  const length = wireType === 2 ? readVarint(reader) : wireType === 1 ? 8 : wireType === 5 ? 4 : undefined;
  if (length === undefined) throw new RangeError(`a field of wire type ${wireType}`);
  const start = reader.at;
  reader.at += length;
  if (reader.at > reader.bytes.length) throw new RangeError('a field that is longer than its message');
  return start;
}

/** Tags and lengths: 32 bits at most. */
function readVarint(reader: Reader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined) break;
    reader.at += 1;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('a number without end');
}

function skipVarint(reader: Reader): void {
  while ((reader.bytes[reader.at] ?? 0) >= 0x80) reader.at += 1;
  reader.at += 1;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
