import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isKind } from '../../../../src/lib/errors.ts';
import { controlFrame, dataHead, type FramePart, FrameReader, maxControlBytes, maxDataBytes } from '../../../../src/streaming/spdy/frame.ts';

/** Cuts bytes into pieces at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

/** What a reader makes of pieces, with the pieces of data joined. */
function readAll(pieces: readonly Buffer[]): FramePart[] {
  const reader = new FrameReader();
  const parts: FramePart[] = [];
  for (const piece of pieces) {
    for (const part of reader.push(piece)) {
      const last = parts.at(-1);
      const goesOn = part.kind === 'data' && last?.kind === 'data' && last.streamId === part.streamId && !last.fin;
      if (goesOn) parts.pop();
      parts.push(goesOn ? { ...part, bytes: Buffer.concat([last.bytes, part.bytes]) } : part);
    }
  }
  assert.equal(reader.inFrame, false);
  return parts;
}

const control = fc.record({ type: fc.integer({ min: 1, max: 20 }), flags: fc.integer({ min: 0, max: 3 }), payload: fc.uint8Array({ maxLength: 300 }) });
const data = fc.record({ streamId: fc.integer({ min: 1, max: 0x7fffffff }), bytes: fc.uint8Array({ maxLength: 300 }) });

describe('SPDY frames', () => {
  it('are found whole however the bytes are split', () => {
    const frame = fc.oneof(
      control.map(({ type, flags, payload }) => ({ kind: 'control' as const, type, flags, payload: Buffer.from(payload) })),
      // With an end each, as pieces of one stream could not be told apart.
      data.map(({ streamId, bytes }) => ({ kind: 'data' as const, streamId, bytes: Buffer.from(bytes), fin: true })),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, places) => {
        const bytes = Buffer.concat(
          frames.flatMap((one) =>
            one.kind === 'control'
              ? [controlFrame(one.type, one.flags, one.payload)]
              : [dataHead(one.streamId, one.bytes.length, one.fin), one.bytes],
          ),
        );
        assert.deepEqual(readAll(cut(bytes, places)), frames);
      }),
    );
  });

  it('of random bytes end in frames or in a protocol error, and keep little', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.nat(), { maxLength: 30 }), (bytes, places) => {
        const reader = new FrameReader();
        try {
          let got = 0;
          for (const piece of cut(Buffer.from(bytes), places)) {
            for (const part of reader.push(piece)) got += part.kind === 'data' ? part.bytes.length : part.payload.length;
          }
          assert.ok(got <= bytes.length);
        } catch (error) {
          assert.ok(isKind(error, 'invalidArgument'), String(error));
        }
      }),
    );
  });

  it('of data are handed on in pieces, of which only the last has the end', () => {
    const reader = new FrameReader();
    const parts = [dataHead(5, 6, true), Buffer.from('abc'), Buffer.from('def')].flatMap((piece) => [...reader.push(piece)]);
    assert.deepEqual(parts, [
      { kind: 'data', streamId: 5, bytes: Buffer.from('abc'), fin: false },
      { kind: 'data', streamId: 5, bytes: Buffer.from('def'), fin: true },
    ]);
  });

  it('that are too long are refused by their head alone', () => {
    const long = (head: Buffer): void => assert.throws(() => [...new FrameReader().push(head)], /frame of \d+ bytes/);
    const head = controlFrame(1, 0, Buffer.alloc(0));
    head.writeUIntBE(maxControlBytes + 1, 5, 3);
    long(head);
    long(dataHead(1, maxDataBytes + 1, false));
    long(dataHead(1, 0xffffff, false));
  });

  it('of another version are refused', () => {
    const frame = controlFrame(1, 0, Buffer.alloc(0));
    frame.writeUInt16BE(0x8002, 0);
    assert.throws(() => [...new FrameReader().push(frame)], /version 2/);
  });
});
