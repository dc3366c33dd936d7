import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { rdtClasses } from '../../../src/linux/resctrl.ts';

describe('the RDT classes of a host', () => {
  it('are the groups in resctrl, and none but unknown where that is not mounted', async () => {
    const root = await mkdtemp(path.join(os.tmpdir(), 'pw-resctrl-'));
    assert.equal(await rdtClasses(root), undefined);
    await writeFile(path.join(root, 'schemata'), 'L3:0=f\n');
    for (const name of ['info', 'mon_data', 'mon_groups', 'gold', 'silver']) await mkdir(path.join(root, name));
    assert.deepEqual((await rdtClasses(root))?.toSorted(), ['gold', 'silver']);
    assert.equal(await rdtClasses(path.join(root, 'missing')), undefined);
    await rm(root, { recursive: true });
  });
});
