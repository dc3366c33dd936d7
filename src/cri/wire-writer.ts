/** Where a finished message's room is given back, bytes: one large answer must not be held for ever. */
const mostKept = 256 * 1024;
/** The longest varint, bytes. */
const longestVarint = 10;
/** Up to so many characters a loop is faster than a call of Node's own. */
const shortText = 40;

/** What a 64-bit number may come as: a message has it as text where it may be past 2^53. */
export type Whole = number | string | bigint | { toString(): string };

/** Writes the values of protobuf's wire format, one after the other, into room that it uses over and over. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #at = 0;
  // A message tells the same time many times.
  #lastValue: Whole = 0;
  #lastLow = 0;
  #lastHigh = 0;

  /** A copy of all that was written, and an empty writer. */
  finish(): Buffer {
    const written = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.clear();
    return written;
  }

  /** Forgets what was written. */
  clear(): void {
    this.#at = 0;
    if (this.#bytes.length > mostKept) this.#bytes = Buffer.allocUnsafe(mostKept);
  }

  /** A varint of a whole number from 0 to 2^53. */
  varint(value: number): void {
    this.#makeRoom(longestVarint);
    let rest = value;
    while (rest > 0x7fffffff) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** A varint of a number of 64 bits, a negative one in two's complement; throws for what is no whole number. */
  varint64(value: Whole): void {
    const small = typeof value === 'number' ? value : typeof value === 'string' && value !== '' && value.length < 16 ? Number(value) : -1;
    if (Number.isSafeInteger(small) && small >= 0) {
      this.varint(small);
      return;
    }
    if (value !== this.#lastValue) {
      if (value === '') throw new TypeError('an empty text where a number has to be');
      const bits = BigInt.asUintN(64, BigInt(typeof value === 'object' ? String(value) : value));
      this.#lastLow = Number(bits & 0xffffffffn);
      this.#lastHigh = Number(bits >> 32n);
      this.#lastValue = value;
    }
    this.#halves(this.#lastLow, this.#lastHigh);
  }

  /** A varint of a number of 32 bits with a sign. */
  varint32(value: number): void {
    if (value >= 0) this.varint(value);
    else this.#halves(value >>> 0, 0xffffffff);
  }

  double(value: number): void {
    this.#makeRoom(8);
    this.#bytes.writeDoubleLE(value, this.#at);
    this.#at += 8;
  }

  /** A text with its length. */
  text(value: string): void {
    if (value.length < shortText && this.#shortText(value)) return;
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#makeRoom(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** Bytes with their length. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#makeRoom(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Begins what has its length in front; `close` is given what this returns. */
  open(): number {
    this.#makeRoom(1);
    return this.#at++;
  }

  /** Ends it. Room is left for a length of one byte: what is longer moves on. */
  close(lengthAt: number): void {
    const from = lengthAt + 1;
    const length = this.#at - from;
    if (length <= 127) {
      this.#bytes[lengthAt] = length;
      return;
    }
    const more = Math.ceil(Math.log2(length + 1) / 7) - 1;
    this.#makeRoom(more);
    this.#bytes.copyWithin(from + more, from, this.#at);
    this.#at = lengthAt;
    this.varint(length);
    this.#at += length;
  }

  #shortText(value: string): boolean {
    this.#makeRoom(1 + shortText);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = value.length;
    for (let i = 0; i < value.length; i += 1) {
      const code = value.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #halves(low: number, high: number): void {
    this.#makeRoom(longestVarint);
    let [rest, above] = [low, high];
    while (above !== 0 || rest > 127) {
      this.#bytes[this.#at++] = (rest & 127) | 128;
      rest = ((rest >>> 7) | (above << 25)) >>> 0;
      above >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
