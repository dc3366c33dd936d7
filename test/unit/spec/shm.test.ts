import assert from 'node:assert/strict';
import { shmBytes } from '../../../src/spec/shm.ts';
import { invalid, namespaceOption, sandboxConfig } from './fixtures.ts';

const MiB = 1024 ** 2;
const own = 'podwright.dev/shm-size';
const crio = 'io.kubernetes.cri-o.ShmSize';
const size = (annotations: Record<string, string>): number => shmBytes(sandboxConfig({ annotations }));

describe('the size of /dev/shm', () => {
  it('is 64 MiB where nothing is said', () => {
    assert.equal(size({}), 64 * MiB);
    assert.equal(size({ 'podwright.dev/shm': '1Gi' }), 64 * MiB);
  });

  it('is a Kubernetes quantity by our annotation', () => {
    for (const [text, bytes] of [['1Gi', 1024 * MiB], ['128Mi', 128 * MiB], ['500M', 5e8], ['1.5Mi', 1.5 * MiB], ['4096', 4096], ['1e6', 1e6]] as const) {
      assert.equal(size({ [own]: text }), bytes, text);
    }
  });

  it("is in Docker's units, always binary, by CRI-O's annotation", () => {
    for (const [text, bytes] of [['64m', 64 * MiB], ['1.5g', 1536 * MiB], ['128MiB', 128 * MiB], ['32 KB', 32_768], ['100000', 100_000]] as const) {
      assert.equal(size({ [crio]: text }), bytes, text);
    }
  });

  it('is what our annotation says where both are there', () => {
    assert.equal(size({ [crio]: '1g', [own]: '1Mi' }), MiB);
  });

  it('is refused where it is none, naming annotation and value', () => {
    for (const text of ['', 'lots', '-5Mi', '0', '1Ei', '5 Mi']) {
      assert.throws(() => size({ [own]: text }), invalid(own, JSON.stringify(text)), text);
    }
    for (const text of ['', 'm', '-1m', '0', '1.m', '99999p', '1gg']) assert.throws(() => size({ [crio]: text }), invalid(crio, JSON.stringify(text)), text);
  });

  it("is refused where the Pod has the host's", () => {
    const config = sandboxConfig({ annotations: { [own]: '1Gi' } }, { namespaceOptions: namespaceOption({ ipc: 'NODE' }) });
    assert.throws(() => shmBytes(config), invalid(own, 'IPC'));
  });
});
