import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromWireAny, fromWireAnys, optionalAny, toWireAny, toWireAnys } from '../../../src/containerd/any.ts';
import { loadDefinitions } from '../../../src/containerd/definitions.ts';
import { JSON_TYPES, jsonAny, parseJsonAny, TypeUrls } from '../../../src/containerd/typeurl.ts';

const types = new TypeUrls(loadDefinitions());

describe('an Any', () => {
  it('goes to the wire under the field names that protobufjs wants', () => {
    const wire = toWireAny({ typeUrl: 'a.B', value: Buffer.from('v') });
    assert.deepEqual(wire, { type_url: 'a.B', value: Buffer.from('v') });
    assert.deepEqual(fromWireAny(wire), { typeUrl: 'a.B', value: Buffer.from('v') });
  });

  it('may be absent', () => {
    assert.equal(toWireAny(undefined), null);
    assert.equal(optionalAny(null), undefined);
    assert.equal(optionalAny({ type_url: '', value: Buffer.alloc(0) }), undefined);
    assert.deepEqual(fromWireAny(null), { typeUrl: '', value: Buffer.alloc(0) });
  });

  it('keeps its place in a map', () => {
    const anys = { a: jsonAny('t', 1), b: jsonAny('u', { c: [2] }) };
    assert.deepEqual(fromWireAnys(toWireAnys(anys)), anys);
    assert.deepEqual(toWireAnys(undefined), {});
  });
});

describe('typed JSON', () => {
  it('is what OCI documents travel as', () => {
    const any = jsonAny(JSON_TYPES.spec, { ociVersion: '1.2.0' });
    assert.equal(any.typeUrl, 'types.containerd.io/opencontainers/runtime-spec/1/Spec');
    assert.equal(any.value.toString(), '{"ociVersion":"1.2.0"}');
  });

  it('comes back as it was', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(JSON.stringify(parseJsonAny(jsonAny('t', value))), text);
    }));
  });

  it('that is broken is data loss and names its type', () => {
    assert.throws(() => parseJsonAny({ typeUrl: 'x/y.Z', value: Buffer.from('{') }), (error: unknown) => {
      assert.match(String(error), /read y\.Z as JSON/);
      return (error as { kind?: string }).kind === 'dataLoss';
    });
  });
});

describe('typed protobuf', () => {
  it('has the bytes that Go’s runc options have', () => {
    const any = types.encode('containerd.runc.v1.Options', { binaryName: 'runc', systemdCgroup: true });
    // field 6, length 4, "runc"; field 9, 1
    assert.equal(any.value.toString('hex'), '320472756e634801');
    assert.equal(any.typeUrl, 'containerd.runc.v1.Options');
  });

  it('comes back as it was', () => {
    const any = types.encode('containerd.types.transfer.OCIRegistry', {
      reference: 'docker.io/library/busybox:1',
      resolver: { hostDir: '/etc/certs.d', authStream: 's', headers: { 'X-A': 'b' } },
    });
    const registry = types.decode('containerd.types.transfer.OCIRegistry', any);
    assert.equal(registry.reference, 'docker.io/library/busybox:1');
    assert.equal(registry.resolver?.hostDir, '/etc/certs.d');
    assert.deepEqual({ ...registry.resolver?.headers }, { 'X-A': 'b' });
  });

  it('is known with a host in front of its name too', () => {
    const { value } = types.encode('containerd.runc.v1.Options', { root: '/r' });
    const any = { typeUrl: 'type.googleapis.com/containerd.runc.v1.Options', value };
    assert.equal(types.decode('containerd.runc.v1.Options', any).root, '/r');
  });

  it('of another type, of none, or broken is data loss', () => {
    const lost = (typeUrl: string, value: string, message: RegExp) =>
      assert.throws(
        () => types.decode('containerd.events.TaskExit', { typeUrl, value: Buffer.from(value, 'hex') }),
        (error: unknown) => message.test(String(error)) && (error as { kind?: string }).kind === 'dataLoss',
      );
    lost('containerd.events.TaskOOM', '', /it is a containerd\.events\.TaskOOM/);
    lost('', '', /of no type/);
    lost('containerd.events.TaskExit', '0aff', /read containerd\.events\.TaskExit/);
  });

  it('never throws anything but data loss, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        types.decode('containerd.events.TaskExit', { typeUrl: 'containerd.events.TaskExit', value: Buffer.from(bytes) });
      } catch (error) {
        assert.equal((error as { kind?: string }).kind, 'dataLoss');
      }
    }));
  });
});
