import { containerdContract } from '../../contract/containerd.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { RealContainerd } from './real-containerd.ts';

for (const tool of ['containerd', 'containerd-lts']) {
  containerdContract(`the real one (${tool})`, async () => {
    const registry = new FakeRegistry();
    await registry.start();
    const real = await RealContainerd.start(tool);
    const containerd = real.client();
    await containerd.waitReady();
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
