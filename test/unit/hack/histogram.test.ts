import assert from 'node:assert/strict';
import { quantile, readHistograms, since, total } from '../../../hack/bench/histogram.ts';

const text = [
  '# TYPE took_seconds histogram',
  'took_seconds_bucket{operation_type="pull",le="0.1"} 2',
  'took_seconds_bucket{operation_type="pull",le="1"} 4',
  'took_seconds_bucket{operation_type="pull",le="+Inf"} 5',
  'took_seconds_sum{operation_type="pull"} 7.5',
  'took_seconds_count{operation_type="pull"} 5',
  'took_seconds_bucket{le="+Inf",operation_type="stop"} 0',
  'took_seconds_total_bucket{operation_type="stop",le="+Inf"} 9',
].join('\n');

describe('a histogram of the kubelet', () => {
  const histograms = readHistograms(text, 'took_seconds', 'operation_type');
  const pull = histograms.get('pull') ?? [];

  it('is read by its label, past the other lines', () => {
    assert.deepEqual([...histograms.keys()], ['pull', 'stop']);
    assert.equal(total(pull), 5);
  });

  it('has quantiles within its buckets, and none without observations', () => {
    assert.equal(quantile(pull, 0.2), 0.05);
    assert.equal(quantile(pull, 0.4), 0.1);
    assert.equal(quantile(pull, 0.6), 0.55);
    assert.equal(quantile(pull, 0.99), 1);
    assert.ok(Number.isNaN(quantile(histograms.get('stop') ?? [], 0.5)));
  });

  it('tells what came since an earlier look', () => {
    const before = [{ le: 0.1, count: 2 }, { le: 1, count: 3 }, { le: Infinity, count: 3 }];
    assert.deepEqual(since(pull, before).map(({ count }) => count), [0, 1, 2]);
    assert.deepEqual(since(pull, undefined), pull);
  });
});
