import assert from 'node:assert/strict';
import path from 'node:path';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { WireForm } from '../../../src/cri/wire-form.ts';
import { anyRequests } from '../../support/any-request.ts';

const folder = path.join(import.meta.dirname, '../../../proto/cri');
const loaded = loadSync(path.join(folder, 'runtime/v1/api.proto'), {
  keepCase: false,
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [folder],
});
const methods = ['runtime.v1.RuntimeService', 'runtime.v1.ImageService'].flatMap((name) =>
  Object.entries(loaded[name] as ServiceDefinition),
);
const wire = new WireForm(loaded, 'runtime.v1');

describe('the wire form of an answer', function () {
  this.timeout(60_000);

  it('is read as that of protobufjs is, whatever the message', () => {
    const answers = anyRequests({ texts: {}, wholes: {}, only: [] });
    for (const [rpc, { responseType, responseSerialize, responseDeserialize }] of methods) {
      const encode = wire.encoderOf((responseType.type as { readonly name: string }).name);
      fc.assert(
        fc.property(answers.anyAnswer(rpc, 2), (answer) => {
          assert.deepEqual(responseDeserialize(encode(answer)), responseDeserialize(responseSerialize(answer)), rpc);
        }),
        { numRuns: 60 },
      );
    }
  });

  it('has each length and each number at its edges', () => {
    const encode = wire.encoderOf('ContainerStatus');
    const read = methods.find(([rpc]) => rpc === 'ContainerStatus')?.[1].responseDeserialize;
    const encodeAnswer = wire.encoderOf('ContainerStatusResponse');
    assert.deepEqual(encode({ id: '', createdAt: '0', exitCode: 0, state: 'CONTAINER_CREATED', labels: {} }), Buffer.alloc(0));
    for (const length of [1, 39, 40, 126, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      for (const letter of ['a', 'é', '😀']) {
        const message = letter.repeat(Math.ceil(length / Buffer.byteLength(letter)));
        const told = read?.(encodeAnswer({ status: { message, id: 'behind it' } })) as { status: { message: string; id: string } };
        assert.ok(told.status.message === message && told.status.id === 'behind it', `${length} bytes of ${letter}`);
      }
    }
    for (const number of [1n, 127n, 128n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]) {
      for (const createdAt of [String(number), ...(number === BigInt(Number(number)) ? [Number(number)] : [])]) {
        const told = read?.(encodeAnswer({ status: { createdAt, startedAt: createdAt } })) as { status: Record<string, string> };
        assert.deepEqual([told.status['createdAt'], told.status['startedAt']], [String(number), String(number)]);
      }
    }
  });

  it('refuses what does not fit, and writes the next one as if nothing had been', () => {
    const encode = wire.encoderOf('ContainerStatus');
    for (const wrong of [{ createdAt: 'soon' }, { createdAt: '' }, { createdAt: 1.5 }, { state: 'CONTAINER_LOST' }, { id: 5 }]) {
      assert.throws(() => encode({ reason: 'kept', ...wrong }), Error, JSON.stringify(wrong));
      assert.deepEqual(encode({ exitCode: 1 }), Buffer.from([8 * 7, 1]));
    }
  });
});
