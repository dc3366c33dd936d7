import assert from 'node:assert/strict';
import { PullProgress, stalledMs } from '../../../src/image/pull-progress.ts';

describe('pull progress', () => {
  it('counts from the first request, which the registry may never answer', () => {
    const pull = new PullProgress(1000);
    pull.observe(line('Resolving from OCI Registry', '', 0, 0), 2000);
    assert.equal(stalledMs(pull, 6000, 5999), 5000);
  });

  it('counts from the last byte while something is being downloaded', () => {
    const pull = resolved(1000);
    pull.observe(line('downloading', 'layer', 10, 100), 2000);
    pull.observe(line('downloading', 'layer', 10, 100), 3000);
    assert.equal(stalledMs(pull, 5000, 0), 3000);
    pull.observe(line('downloading', 'layer', 11, 100), 6000);
    assert.equal(stalledMs(pull, 6500, 0), 500);
    assert.equal(pull.bytes, 11n);
  });

  it('does not count while everything is here and only unpacked', () => {
    const pull = resolved(1000);
    pull.observe(line('downloading', 'layer', 50, 100), 2000);
    pull.observe(line('complete', 'layer', 100, 100), 3000);
    assert.equal(stalledMs(pull, 1_000_000, 0), 0);
    assert.equal(pull.bytes, 100n);
    pull.observe(line('extracting', 'layer', 1, 100), 4000);
    assert.equal(stalledMs(pull, 1_000_000, 0), 0);
  });

  it('counts a layer that was here before anybody looked, and is being unpacked', () => {
    const pull = resolved(0);
    pull.observe(line('waiting', 'quick', 0, 100), 10);
    pull.observe(line('downloading', 'half', 40, 100), 10);
    pull.observe(line('already exists', 'old', 100, 100), 10);
    for (const name of ['quick', 'half', 'old']) pull.observe(line('extracting', name, 1, 100), 20);
    for (const name of ['quick', 'half', 'old']) pull.observe(line('extracted', name, 100, 100), 30);
    assert.deepEqual([pull.bytes, pull.blobs, pull.present, pull.open], [200n, 2, 1, 0]);
  });

  it('takes a blob that is all here for done, though it is not written down yet', () => {
    const pull = resolved(0);
    pull.observe(line('downloading', 'layer', 100, 100), 10);
    assert.equal(pull.open, 0);
    assert.equal(stalledMs(pull, 1_000_000, 0), 0);
  });

  it('gives a download that begins after a pause its whole time', () => {
    const pull = resolved(0);
    pull.observe(line('already exists', 'one', 5, 5), 10);
    pull.observe(line('waiting', 'two', 0, 100), 900_000);
    assert.equal(stalledMs(pull, 900_500, 0), 500);
  });

  it('takes another pull’s progress for its own while it is queued, and no longer', () => {
    const pull = resolved(0);
    pull.observe(line('waiting', 'layer', 0, 100), 100);
    assert.equal(stalledMs(pull, 10_000, 9_000), 1_000);
    assert.equal(stalledMs(pull, 10_000, 0), 9_900);
    pull.observe(line('downloading', 'layer', 1, 100), 10_000);
    assert.equal(stalledMs(pull, 20_000, 19_000), 10_000);
  });
});

function line(event: string, name: string, progress: number, total: number) {
  return { event, name, progress: BigInt(progress), total: BigInt(total) };
}

function resolved(nowMs: number): PullProgress {
  const pull = new PullProgress(nowMs);
  pull.observe(line('fetching image content', 'reg.io/app:1', 0, 0), nowMs);
  return pull;
}
