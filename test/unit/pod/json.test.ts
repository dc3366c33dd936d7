import assert from 'node:assert/strict';
import { fromJson, toJson } from '../../../src/pod/json.ts';

describe('CRI messages at rest', () => {
  it('keep env values byte for byte, also those that are no UTF-8', () => {
    const config = { envs: [{ key: 'A', value: Buffer.from([0xff, 0x00, 0x41]) }, { key: 'B', value: Buffer.alloc(0) }] };
    assert.deepEqual(fromJson(toJson(config)), config);
  });

  it('keep labels and annotations that look like the encoding of bytes', () => {
    const config = { labels: { $bytes: 'QQ==', value: 'x' }, annotations: { value: '{"$bytes":"QQ=="}' } };
    assert.deepEqual(fromJson(toJson(config)), config);
  });
});
