import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

/** The most that the young generation of a new process grew to, MB, when much of what it made lived for a while. */
function youngAfterChurn(keepSmall: boolean): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { Worker } from 'node:worker_threads';
    import { keepHeapSmall } from './src/lib/heap.ts';
    if (${keepSmall}) keepHeapSmall();
    const worker = new Worker('setInterval(() => {}, 1e6)', { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    if (${keepSmall}) keepHeapSmall();
    let kept = [];
    let most = 0;
    for (let i = 0; i < 1_000_000; i++) {
      kept.push({ i, list: [i] });
      if (kept.length > 30_000) kept = kept.slice(15_000);
      if (i % 10_000 > 0) continue;
      const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
      most = Math.max(most, young.physical_space_size);
    }
    process.stdout.write(String(most / 2 ** 20));
    process.exit();
  `;
  return Number(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], { encoding: 'utf8' }));
}

describe('the heap', () => {
  it('is kept small, also by a process that has a worker thread', () => {
    const usual = youngAfterChurn(false);
    const small = youngAfterChurn(true);
    assert.ok(small <= 16 && small < usual, `${small} MB instead of ${usual} MB`);
  });
});
