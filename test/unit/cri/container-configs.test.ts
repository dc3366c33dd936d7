import assert from 'node:assert/strict';
import type { ContainerConfig__Output } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { CreateContainerRequest__Output } from '../../../src/types/cri/runtime/v1/CreateContainerRequest.ts';
import { loadCriServices } from '../../../src/cri/service.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { asProtobufField, protobufField } from '../../../src/lib/protobuf-field.ts';

describe('the config of a container in wire form', () => {
  const { containerConfigs, definitions } = loadCriServices();
  const method = definitions[0]?.['CreateContainer'];
  assert.ok(method);
  const config = {
    metadata: { name: 'main', attempt: 1 },
    image: { image: 'busybox' },
    envs: [{ key: 'BYTES', value: Buffer.from([0xff, 0, 0x41]) }],
    labels: { value: 'x', $bytes: 'QQ==' },
    linux: { resources: { memoryLimitInBytes: '9223372036854771712' } },
  };
  const received = (bytes: Buffer): ContainerConfig__Output => {
    const request = method.requestDeserialize(bytes) as CreateContainerRequest__Output;
    assert.ok(request.config);
    return request.config;
  };

  it('comes back as it was, bytes and 64-bit numbers included', () => {
    const before = received(method.requestSerialize({ podSandboxId: 'pod', config }));
    assert.deepEqual(containerConfigs.decode(containerConfigs.encode(before)), before);
    // The bytes of the request are used once; what follows is encoded anew.
    assert.deepEqual(containerConfigs.decode(containerConfigs.encode(before)), before);
  });

  it('is kept as it came, with the fields of a later CRI', () => {
    const known = protobufField(method.requestSerialize({ config }), 2);
    const bytes = Buffer.concat([known, asProtobufField(999, Buffer.from('later'))]);
    const before = received(Buffer.concat([asProtobufField(1, Buffer.from('pod')), asProtobufField(2, bytes)]));
    assert.deepEqual(containerConfigs.encode(before), bytes);
    assert.deepEqual(containerConfigs.decode(bytes), before);
  });

  it('is DATA_LOSS where the bytes are none', () => {
    assert.throws(() => containerConfigs.decode(Buffer.from([0x0a, 200])), (error) => isKind(error, 'dataLoss'));
  });
});
