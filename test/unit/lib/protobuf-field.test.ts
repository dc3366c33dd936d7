import assert from 'node:assert/strict';
import fc from 'fast-check';
import { asProtobufField, protobufField } from '../../../src/lib/protobuf-field.ts';

describe('a field in the bytes of a protobuf message', () => {
  // Field 1 is the number 300, field 2 "ab", field 3 a double, field 4 a float, then field 2 once more, "c".
  const message = Buffer.from([0x08, 0xac, 0x02, 0x12, 2, 0x61, 0x62, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x12, 1, 0x63]);

  it('is found among fields of every kind, the last where it is there twice', () => {
    assert.equal(protobufField(message, 2).toString(), 'c');
  });

  it('is empty where it is not there, or is a number', () => {
    for (const field of [1, 3, 4, 5]) assert.equal(protobufField(message, field).length, 0);
  });

  it('comes back as it was put, whatever its length', () => {
    const bytes = fc.uint8Array({ maxLength: 40_000, size: 'max' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 29 - 1 }), bytes, (field, content) => {
        assert.deepEqual(protobufField(asProtobufField(field, Buffer.from(content)), field), Buffer.from(content));
      }),
    );
  });

  it('is a RangeError where the bytes are no message', () => {
    for (const bytes of [[0x12], [0x12, 5, 1], [0x80], [0x19, 1], [0x0b], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      assert.throws(() => protobufField(Buffer.from(bytes), 2), RangeError);
    }
  });

  it('takes any bytes without another error, and ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          protobufField(Buffer.from(bytes), 2);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    );
  });
});
