import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { TempNode } from '../../support/temp-node.ts';

describe('podwright told not to wait for containerd', function () {
  this.timeout(1_800_000);
  let node: TempNode;
  before(async () => {
    node = await TempNode.start({ podwright: false });
  });
  after(() => node.stop());

  it('starts where containerd answers', async () => {
    const podwright = await node.startPodwright({ args: ['--wait=0'] });
    await podwright.kill('SIGTERM');
    assert.equal(podwright.ending, 0);
  });

  it('ends with 69 and says why where it does not', async () => {
    await node.containerd.kill();
    const podwright = node.preparePodwright({ name: 'late', args: ['--wait=0'] });
    await podwright.launch();
    await podwright.ended();
    assert.equal(podwright.ending, 69);
    assert.match(await readFile(podwright.logPath, 'utf8'), /containerd does not answer at .*containerd\.sock: .*ECONNREFUSED/);
  });
});
