import assert from 'node:assert/strict';
import { processorWait } from '../../../src/linux/processor-wait.ts';

describe('the time a thread waits for a processor', () => {
  it('is counted from its start and never goes back', () => {
    const waitedMs = processorWait();
    let last = 0;
    for (let i = 0; i < 100; i++) {
      const now = waitedMs();
      assert.ok(now >= last, `${now} after ${last}`);
      last = now;
    }
  });
});
