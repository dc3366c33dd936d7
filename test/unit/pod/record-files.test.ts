import assert from 'node:assert/strict';
import path from 'node:path';
import protobuf from 'protobufjs';

const contract = path.join(import.meta.dirname, '../../../proto/cri/runtime/v1/api.proto');

/** The fields of bytes in a message of the CRI and in all that it holds. */
function fieldsOfBytes(type: protobuf.Type, seen = new Set<protobuf.Type>()): string[] {
  if (seen.has(type)) return [];
  seen.add(type);
  return type.fieldsArray.flatMap((field) => {
    if (field.resolvedType instanceof protobuf.Type) return fieldsOfBytes(field.resolvedType, seen);
    return field.type === 'bytes' ? [`${type.name}.${field.name}`] : [];
  });
}

describe('the records on disk', () => {
  const proto = new protobuf.Root().loadSync(contract, { keepCase: true });
  proto.resolveAll();
  const bytesIn = (message: string): string[] => fieldsOfBytes(proto.lookupType(`runtime.v1.${message}`));

  it('hold no message with bytes in it, which plain JSON would not give back', () => {
    assert.deepEqual([bytesIn('PodSandboxConfig'), bytesIn('LinuxContainerResources')], [[], []]);
    assert.deepEqual(bytesIn('ContainerConfig'), ['KeyValue.value']);
  });
});
