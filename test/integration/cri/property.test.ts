import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import { removeCgroup } from '../../../src/linux/cgroup.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { anyStorm, assertNamesFree, assertSensible, fillFolder, letLoose, removeAll } from '../../support/request-storm.ts';

// As many as fit: what is interrupted then has passed.
const limitMs = 20_000;

describe('any well-formed requests to a real podwright', function () {
  this.timeout(180_000);
  const cri = useCriNode();

  /** What of podwright's own is left of Pods and containers: folders, and files that it has open below them. */
  const remains = async (): Promise<string[]> => {
    const { root, state, pid } = cri().podwright;
    const folders = [root, state].flatMap((top) => ['sandboxes', 'containers'].map((kind) => path.join(top, kind)));
    const listed = await Promise.all(
      folders.map(async (folder) => (await readdir(folder).catch(() => [])).map((name) => path.join(folder, name))),
    );
    const descriptors = await readdir(`/proc/${pid}/fd`);
    const open = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return [...listed.flat(), ...open.filter((file) => folders.some((folder) => file.startsWith(`${folder}/`)))];
  };

  it('leave it running, are answered with a reason, and leave nothing once the Pods are removed', async () => {
    const { pid } = cri().podwright;
    const [folder, cgroup] = [await cri().folder('storm'), `/${cri().node.facts.name}/storm`];
    await fillFolder(folder);
    const before = await cri().inventory();
    const codes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyStorm({ min: 40, max: 60 }), async (calls) => {
        // Last, since without the image nothing could be created.
        const ordered = calls.toSorted((a, b) => Number(a.rpc === 'RemoveImage') - Number(b.rpc === 'RemoveImage'));
        const answers = await letLoose({ client: cri().client, image: busyboxImage, folder, cgroup }, ordered);
        for (const answer of answers) {
          assertSensible(answer);
          codes.set(`${answer.rpc} ${status[answer.code]}`, (codes.get(`${answer.rpc} ${status[answer.code]}`) ?? 0) + 1);
        }
        await assertNamesFree(cri().client, answers);
        await removeAll(cri().client);
        await cri().call('PullImage', { image: { image: busyboxImage } });
      }),
      { numRuns: 8, endOnFailure: true, interruptAfterTimeLimit: limitMs },
    );
    for (const made of ['RunPodSandbox OK', 'CreateContainer OK', 'StartContainer OK', 'CreateContainer INVALID_ARGUMENT']) {
      assert.ok(codes.has(made), `${made} is not among ${[...codes.keys()].join(', ')}`);
    }
    let left: string[] = [];
    await eventually(
      () => `nothing is left, but there is ${left.join('; ')}`,
      async () => {
        left = await remains();
        return left.length === 0;
      },
      10_000,
    );
    await removeCgroup(cgroup);
    await cri().assertNothingLeft(before);
    assert.deepEqual([cri().podwright.pid, cri().podwright.ending], [pid, undefined]);
    assert.ok(!(await readFile(cri().podwright.logPath, 'utf8')).includes('rpc failed unexpectedly'));
  });
});
