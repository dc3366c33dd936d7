import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { volumesImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';

describe("an image's own volumes", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  const image = { image: volumesImage };
  let pod: Pod;

  beforeEach(async () => {
    await cri().call('PullImage', { image });
    pod = await cri().runPod();
  });

  it('have what the image has there, with owners and modes, and links as links', async () => {
    const container = await pod.run({ image });
    const listing = await container.sh('cd /data && stat -c "%n %u:%g %a" . note sub sub/deep && readlink passwd && cat note');
    assert.equal(
      listing,
      '. 1000:2000 2770\nnote 1000:50000 640\nsub 33:0 755\nsub/deep 0:0 644\n/etc/passwd\nfrom the image',
    );
  });

  it('are followed through links of the image, and empty where the image has nothing', async () => {
    const container = await pod.run({ image });
    assert.equal(await container.sh('cat /linked/deep; ls -A /new/one; stat -c "%u:%g %a" /new/one'), 'deep\n0:0 755');
  });

  it('are mounts of their own, which can be written to where the root cannot', async () => {
    const container = await pod.run({ image, linux: { securityContext: { readonlyRootfs: true } } });
    assert.equal(await container.sh('echo mine > /data/new && cat /data/new; grep -c " /data " /proc/self/mounts'), 'mine\n1');
    assert.match((await container.try('echo x > /tmp/x')).stderr, /Read-only file system/);
  });

  it("are each container's own, and last as long as it", async () => {
    const [one, two] = [await pod.run({ image }), await pod.run({ image })];
    await one.sh('echo changed > /data/note');
    assert.equal(await two.sh('cat /data/note'), 'from the image');
    const folder = path.join(cri().podwright.root, 'containers', one.id);
    assert.equal(await readFile(path.join(folder, 'volumes', '0', 'note'), 'utf8'), 'changed\n');
    await one.stop();
    await one.remove();
    assert.ok(!existsSync(folder));
  });

  it('are not told of, and give way to a mount at their path', async () => {
    const hostPath = await cri().folder('own-data');
    await writeFile(path.join(hostPath, 'note'), 'from the host\n');
    const container = await pod.run({ image, mounts: [{ containerPath: '/data/', hostPath }] });
    assert.equal(await container.sh('cat /data/note'), 'from the host');
    assert.deepEqual((await container.status()).mounts.map((mount) => mount.containerPath), ['/data/']);
  });

  it('belong to the ids that the Pod maps, in a user namespace', async () => {
    const ids = [{ hostId: 200_000, containerId: 0, length: 65_536 }];
    const usernsOptions = { mode: 'POD' as const, uids: ids, gids: ids };
    const mapped = await cri().runPod({ linux: { securityContext: { namespaceOptions: { pid: 'CONTAINER', usernsOptions } } } });
    const container = await mapped.run({ image });
    assert.equal(await container.sh('stat -c "%u:%g" /data /data/note && touch /data/sub/x && echo done'), '1000:2000\n1000:50000\ndone');
  });

  it('leave nothing but what the container needs while it runs', async () => {
    await pod.isComplete();
    const before = await cri().inventory();
    const container = await pod.create({ image });
    const more = (await cri().inventory()).filter((item) => !before.includes(item));
    assert.deepEqual(more.sort(), [`containerd containers ${container.id}`, `snapshot ${container.id}`]);
  });
});
