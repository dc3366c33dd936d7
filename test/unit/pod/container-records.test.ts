import assert from 'node:assert/strict';
import type { ContainerConfig__Output } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { ContainerRecord } from '../../../src/pod/container.ts';
import type { Any, StoredContainer } from '../../../src/pod/ports.ts';
import { loadCriServices } from '../../../src/cri/service.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { containerExtensions, readContainerExtensions } from '../../../src/pod/container-records.ts';
import { containerConfig } from '../spec/fixtures.ts';

describe("a container's record in containerd", () => {
  const { containerConfigs } = loadCriServices();
  const config = containerConfigs.decode(
    containerConfigs.encode({ ...containerConfig(), envs: [{ key: 'BYTES', value: Buffer.from([0xff, 0]) }] } as ContainerConfig__Output),
  );
  const record: ContainerRecord = {
    id: 'c1',
    name: 'main_pod_ns_uid_0',
    sandboxId: 's1',
    config,
    imageId: 'sha256:1',
    imageRef: 'registry.test/app@sha256:2',
    imageName: 'registry.test/app:1',
    createdAtNs: '1700000000000000001',
    logPath: '/var/log/pods/a/main/0.log',
    stopSignal: 15,
    user: { uid: 0, gid: 0, supplementalGroups: [0] },
    snapshotter: 'overlayfs',
  };
  const stored = (extensions: Readonly<Record<string, Any>>): StoredContainer =>
    ({ id: 'c1', extensions }) as unknown as StoredContainer;

  it('comes back as it was', () => {
    assert.deepEqual(readContainerExtensions(containerConfigs, stored(containerExtensions(containerConfigs, record))), record);
  });

  it('is read where an earlier podwright wrote it, with its config as JSON', () => {
    const labels = { $bytes: 'QQ==', value: 'x' };
    const annotations = { value: '{"$bytes":"QQ=="}' };
    const envs = [{ key: 'BYTES', value: { $bytes: '/wA=' } }, { key: 'EMPTY', value: { $bytes: '' } }];
    const json = JSON.stringify({ version: 1, ...record, config: { ...config, labels, annotations, envs } });
    const first = { typeUrl: 'podwright.dev/container/v1', value: Buffer.from(json) };
    const read = readContainerExtensions(containerConfigs, stored({ 'podwright.dev/container': first }));
    const bytes = [{ key: 'BYTES', value: Buffer.from([0xff, 0]) }, { key: 'EMPTY', value: Buffer.alloc(0) }];
    assert.deepEqual(read, { ...record, config: { ...config, labels, annotations, envs: bytes } });
  });

  it('is DATA_LOSS where it is missing, in part too, is another container’s, or comes from a later podwright', () => {
    const whole = containerExtensions(containerConfigs, record);
    const { 'podwright.dev/container': rest, ...configOnly } = whole;
    assert.ok(rest);
    const asJson = (value: object): Any => ({ ...rest, value: Buffer.from(JSON.stringify(value)) });
    for (const extensions of [
      {},
      configOnly,
      { 'podwright.dev/container': rest },
      { ...whole, 'podwright.dev/container': asJson({ version: 2, id: 'c2' }) },
      { ...whole, 'podwright.dev/container': asJson({ version: 3, id: 'c1' }) },
      { ...whole, 'podwright.dev/container': asJson({ id: 'c1' }) },
      { ...whole, 'podwright.dev/container': { ...rest, value: Buffer.from('{') } },
    ]) {
      assert.throws(() => readContainerExtensions(containerConfigs, stored(extensions)), (error) => isKind(error, 'dataLoss'));
    }
  });
});
