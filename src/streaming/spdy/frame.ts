import { CodedError } from '../../lib/errors.ts';

/**
 * A SPDY/3.1 frame (draft-mbelshe-httpbis-spdy-00, 2.2):
 *
 *     control  |1| version 15 | type 16 | flags 8 | length 24 | payload …
 *     data     |0| stream id 31         | flags 8 | length 24 | payload …
 */
export const headBytes = 8;

export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

/** The last frame of its sender on its stream. */
export const flagFin = 0x1;
/** On SYN_STREAM: the other end never sends on this stream. */
export const flagUnidirectional = 0x2;

/** Why a stream is reset (2.6.3). */
export const rstStatus = { invalidStream: 2, refusedStream: 3, cancel: 5, streamAlreadyClosed: 9 } as const;
/** Why a connection ends (2.6.6). */
export const goawayStatus = { ok: 0, protocolError: 1 } as const;

/** More than any header block of a Kubernetes client by far; they have some 200 bytes. */
export const maxControlBytes = 64 * 1024;
/**
 * A Go client puts one Write in one frame, and a buffer's WriteTo writes all of it at once, so large frames are fair;
 * they are handed on in pieces and cost nothing. Only the end of what 24 bits can say is taken for garbage.
 */
export const maxDataBytes = 15 * 1024 * 1024;

const version = 0x8003;

/** What FrameReader finds. Data comes in the pieces it arrived in; `fin` is on the last piece only. */
export type FramePart =
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly payload: Buffer }
  | { readonly kind: 'data'; readonly streamId: number; readonly bytes: Buffer; readonly fin: boolean };

/** An INVALID_ARGUMENT that says what the peer sent against the protocol; the connection has to end. */
export function protocolError(what: string): CodedError {
  return new CodedError('invalidArgument', `spdy: ${what}`);
}

/** Cuts a connection's bytes, however they are split, into frames. Holds back at most one control frame. */
export class FrameReader {
  /** What there is of a head or of a control frame's payload. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #control: { readonly type: number; readonly flags: number; readonly length: number } | undefined;
  #data: { readonly streamId: number; readonly fin: boolean; left: number } | undefined;

  /** The frames and pieces that `chunk` completes, as parts of it where they can be. Throws a protocol error, after which the reader is of no use. */
  *push(chunk: Buffer): Generator<FramePart, void, undefined> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#data !== undefined) {
        const bytes = rest.subarray(0, this.#data.left);
        rest = rest.subarray(bytes.length);
        yield this.#dataPart(this.#data, bytes);
        continue;
      }
      const wanted = this.#control?.length ?? headBytes;
      const piece = rest.subarray(0, wanted - this.#heldBytes);
      rest = rest.subarray(piece.length);
      this.#heldBytes += piece.length;
      const isWhole = this.#heldBytes === wanted;
      // What is kept is a copy: the rest comes in the same buffer.
      this.#held.push(isWhole ? piece : Buffer.from(piece));
      if (isWhole) yield* this.#complete();
    }
  }

  /** Whether a frame has begun and not ended. */
  get inFrame(): boolean {
    return this.#heldBytes > 0 || this.#control !== undefined || this.#data !== undefined;
  }

  *#complete(): Generator<FramePart, void, undefined> {
    const [first] = this.#held;
    const bytes = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#control !== undefined) {
      const { type, flags } = this.#control;
      this.#control = undefined;
      yield { kind: 'control', type, flags, payload: bytes };
      return;
    }
    const isControl = (bytes.readUInt8(0) & 0x80) !== 0;
    yield* isControl ? this.#beginControl(bytes) : this.#beginData(bytes);
  }

  *#beginControl(head: Buffer): Generator<FramePart, void, undefined> {
    const given = head.readUInt16BE(0);
    if (given !== version) throw protocolError(`a control frame of version ${given & 0x7fff} where 3 is spoken`);
    const [type, flags, length] = [head.readUInt16BE(2), head.readUInt8(4), head.readUIntBE(5, 3)];
    if (length > maxControlBytes) throw protocolError(`a control frame of ${length} bytes, more than ${maxControlBytes}`);
    if (length > 0) this.#control = { type, flags, length };
    else yield { kind: 'control', type, flags, payload: Buffer.alloc(0) };
  }

  *#beginData(head: Buffer): Generator<FramePart, void, undefined> {
    const [streamId, flags, length] = [head.readUInt32BE(0), head.readUInt8(4), head.readUIntBE(5, 3)];
    if (length > maxDataBytes) throw protocolError(`a data frame of ${length} bytes, more than ${maxDataBytes}`);
    const fin = (flags & flagFin) !== 0;
    if (length > 0) this.#data = { streamId, fin, left: length };
    else yield { kind: 'data', streamId, bytes: Buffer.alloc(0), fin };
  }

  #dataPart(data: { readonly streamId: number; readonly fin: boolean; left: number }, bytes: Buffer): FramePart {
    data.left -= bytes.length;
    const last = data.left === 0;
    if (last) this.#data = undefined;
    return { kind: 'data', streamId: data.streamId, bytes, fin: last && data.fin };
  }
}

/** A whole control frame. */
export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + payload.length);
  frame.writeUInt16BE(version, 0);
  frame.writeUInt16BE(type, 2);
  frame.writeUInt8(flags, 4);
  frame.writeUIntBE(payload.length, 5, 3);
  payload.copy(frame, headBytes);
  return frame;
}

/** A control frame of two numbers: RST_STREAM and GOAWAY. */
export function numbersFrame(type: number, first: number, second: number): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32BE(first, 0);
  payload.writeUInt32BE(second, 4);
  return controlFrame(type, 0, payload);
}

/** A PING; a server's own have even numbers, and a client's come back to it as they are. */
export function pingFrame(id: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(id);
  return controlFrame(frameType.ping, 0, payload);
}

/** The head of a data frame, to be followed by `length` bytes. */
export function dataHead(streamId: number, length: number, fin: boolean): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt8(fin ? flagFin : 0, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}
