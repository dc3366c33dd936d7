import { containerdContract } from '../../contract/containerd.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { RealContainerd } from './real-containerd.ts';

for (const version of ['2.4', '2.3'] as const) {
  containerdContract(`version ${version}`, async () => {
    const registry = new FakeRegistry();
    await registry.start();
    const real = await RealContainerd.start(version);
    const containerd = await real.client();
    return {
      containerd,
      rootfs: real.rootfs,
      publish(name) {
        registry.addImage(name, '1', { files: { name } });
        return `${registry.host}/${name}:1`;
      },
      async stop() {
        await real.stop();
        await registry.stop();
      },
    };
  });
}
