import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Counter, exposition, Histogram, read } from '../../../src/lib/metrics.ts';

describe('metrics', () => {
  it('are told with help, type and one line for each value of their labels', () => {
    const calls = new Counter('calls_total', 'Calls.', ['method', 'code']);
    calls.add(1, 'List', 'OK');
    calls.add(2, 'List', 'OK');
    calls.add(1, 'List', 'NotFound');
    assert.equal(
      exposition([calls, read('gauge', 'open', 'What is open.', () => 1.5)]),
      [
        '# HELP calls_total Calls.',
        '# TYPE calls_total counter',
        'calls_total{method="List",code="OK"} 3',
        'calls_total{method="List",code="NotFound"} 1',
        '# HELP open What is open.',
        '# TYPE open gauge',
        'open 1.5',
        '',
      ].join('\n'),
    );
  });

  it('that count are there before they have counted anything', () => {
    assert.match(exposition([new Counter('drops_total', 'Drops.')]), /^drops_total 0$/m);
  });

  it('put what took how long in buckets that hold all below them', () => {
    const took = new Histogram('took_seconds', 'Took.', [0.1, 1], ['method']);
    for (const seconds of [0.05, 0.1, 0.5, 3]) took.observe(seconds, 'Pull');
    const lines = exposition([took]).split('\n').slice(2, -1);
    assert.deepEqual(lines, [
      'took_seconds_bucket{method="Pull",le="0.1"} 2',
      'took_seconds_bucket{method="Pull",le="1"} 3',
      'took_seconds_bucket{method="Pull",le="+Inf"} 4',
      'took_seconds_sum{method="Pull"} 3.65',
      'took_seconds_count{method="Pull"} 4',
    ]);
  });

  it('are read anew each time', () => {
    let open = 0;
    const metric = read('gauge', 'open', 'Open.', () => [[(open += 1), 'a']], ['what']);
    assert.match(exposition([metric]), /^open\{what="a"\} 1$/m);
    assert.match(exposition([metric]), /^open\{what="a"\} 2$/m);
  });

  it('have one line each, whatever is in a label', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const one = new Counter('one_total', 'One.', ['what']);
        one.add(1, text);
        const lines = exposition([one]).split('\n');
        assert.equal(lines.length, 4);
        const [, quoted = ''] = /^one_total\{what="(.*)"\} 1$/su.exec(lines[2] ?? '') ?? [];
        assert.equal(quoted.replaceAll(/\\(.)/g, (_, next: string) => (next === 'n' ? '\n' : next)), text);
      }),
    );
  });
});
