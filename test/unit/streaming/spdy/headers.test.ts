import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { constants, createInflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { isKind } from '../../../../src/lib/errors.ts';
import { headerDictionary } from '../../../../src/streaming/spdy/dictionary.ts';
import { emptyHeaderBlock, HeaderReader, parseHeaderBlock } from '../../../../src/streaming/spdy/headers.ts';
import { headerBlock, SpdyClient } from '../../../support/spdy-client.ts';
import { Duplex } from 'node:stream';

const refused = (error: unknown): boolean => isKind(error, 'invalidArgument');

describe('SPDY headers', () => {
  let reader: HeaderReader;
  let client: SpdyClient;

  beforeEach(() => {
    reader = new HeaderReader();
    client = new SpdyClient(new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() }));
  });

  afterEach(() => reader.close());

  it('have the dictionary of the protocol', () => {
    const digest = createHash('sha256').update(headerDictionary()).digest('hex');
    assert.equal(digest, '51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02');
  });

  it('are unpacked block by block from one stream', async () => {
    for (const headers of [{ streamtype: 'error' }, { streamtype: 'stdin', port: '80' }, {}, { streamtype: 'error' }]) {
      const block = await client.compress(headerBlock(headers));
      assert.deepEqual(Object.fromEntries(await reader.read(block)), headers);
    }
  });

  it('have names in lower case', async () => {
    const headers = await reader.read(await client.compress(headerBlock({ StreamType: 'Error' })));
    assert.equal(headers.get('streamtype'), 'Error');
  });

  it('are refused when they unpack to a thousand times as much', async () => {
    const bomb = deflateSync(Buffer.alloc(50_000_000), { dictionary: headerDictionary() });
    assert.ok(bomb.length < 64 * 1024);
    await assert.rejects(reader.read(bomb), refused);
    await assert.rejects(reader.read(await client.compress(headerBlock({}))), refused);
  });

  it('are refused when they are no zlib at all, or without the dictionary', async () => {
    await assert.rejects(reader.read(Buffer.from('this is no zlib')), refused);
    await assert.rejects(new HeaderReader().read(Buffer.alloc(20)), refused);
  });

  it('of random bytes are headers or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseHeaderBlock(Buffer.from(bytes));
        } catch (error) {
          assert.ok(refused(error), String(error));
        }
      }),
    );
  });

  it('that claim more than they have, or too many, are refused', () => {
    const long = headerBlock({ a: 'b' });
    long.writeUInt32BE(0xffffffff, 4);
    assert.throws(() => parseHeaderBlock(long), refused);
    const many = headerBlock(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, ''])));
    assert.throws(() => parseHeaderBlock(many), /65 headers/);
  });

  it('that are none are answered in constant bytes, which end with each block', async () => {
    const inflate = createInflate({ dictionary: headerDictionary(), flush: constants.Z_SYNC_FLUSH });
    const unpacked: Buffer[] = [];
    inflate.on('data', (chunk: Buffer) => unpacked.push(chunk));
    for (const isFirst of [true, false, false]) {
      unpacked.length = 0;
      await new Promise((resolve) => inflate.write(emptyHeaderBlock(isFirst), resolve));
      assert.deepEqual(Buffer.concat(unpacked), Buffer.alloc(4));
    }
  });
});
