import assert from 'node:assert/strict';
import { bar, containerTable } from '../../../hack/demo/report.ts';
import { Screen, table } from '../../../hack/screen/screen.ts';
import { describePod, news } from '../../../hack/demo/states.ts';
import { readTimings } from '../../../hack/demo/timings.ts';
import type { Pod } from '../../support/node/kubelet.ts';

const pod: Pod = {
  metadata: { name: 'demo' },
  spec: { initContainers: [{ name: 'side', restartPolicy: 'Always' }, { name: 'seed' }], containers: [{ name: 'web' }] },
  status: {
    podIP: '10.0.0.2',
    initContainerStatuses: [
      { name: 'seed', ready: true, restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
      { name: 'side', ready: true, restartCount: 1, state: { running: { startedAt: '' } }, containerID: 'x://0123456789abcdef' },
    ],
    containerStatuses: [{ name: 'web', ready: false, restartCount: 0, state: { waiting: { reason: 'PodInitializing' } } }],
  },
};

describe('the demo', () => {
  it('lists the containers in the order of the manifest', () => {
    assert.deepEqual(containerTable(pod).split('\n').map((line) => line.split(/ {2,}/)), [
      ['NAME', 'KIND', 'STATE', 'RESTARTS', 'ID'],
      ['side', 'sidecar', 'running and ready', '1', '0123456789abc'],
      ['seed', 'init', 'completed', '0'],
      ['web', 'container', 'waiting (PodInitializing)', '0'],
    ]);
  });

  it('tells what has changed and nothing twice', () => {
    const now = describePod(pod);
    assert.deepEqual(news(new Map([['seed', 'running']]), now), [
      ['Pod', 'has the IP 10.0.0.2'],
      ['side', 'running and ready'],
      ['seed', 'completed'],
    ]);
    assert.deepEqual(news(now, now), []);
  });

  it("reads the times of one Pod from podwright's log, past lines that are not its own", () => {
    const lines = [
      { msg: 'pod sandbox is ready', pod: 'default/demo', steps: { network: { startMs: 3, tookMs: 50 }, record: { startMs: 0, tookMs: 3 } } },
      { msg: 'rpc done', rpc: 'RunPodSandbox', pod: 'default/other', ms: 99 },
      { msg: 'rpc done', rpc: 'RunPodSandbox', pod: 'default/demo', ms: 60 },
      { msg: 'container is created', containerId: 'abc', name: 'web' },
      { msg: 'rpc done', rpc: 'CreateContainer', container: 'web', ms: 12 },
      { msg: 'rpc done', rpc: 'StartContainer', containerId: 'abc', ms: 34 },
    ];
    const timings = readTimings(['(node:1) Warning', ...lines.map((line) => JSON.stringify(line)), '{"msg":"cut o'].join('\n'), 'default/demo');
    assert.equal(timings.sandboxMs, 60);
    assert.deepEqual(timings.steps.map(({ name }) => name), ['record', 'network']);
    assert.deepEqual(timings.containers, [{ name: 'web', createMs: 12, startMs: 34 }]);
  });

  it('draws every step within the chart, however short or late', () => {
    assert.match(bar(0, 0.001, 100), /^\|# +\|$/);
    assert.match(bar(100, 0, 100), /^\| +#\|$/);
    assert.equal(bar(0, 100, 100).length, bar(99, 100, 100).length);
  });

  it('prints no colour where none is wanted', () => {
    const print = (isTTY: boolean, env: Record<string, string>): string => {
      let text = '';
      new Screen({ isTTY, write: (part) => (text += part) }, env).heading('Hello');
      return text;
    };
    assert.equal(print(false, {}), '\nHello\n');
    assert.equal(print(true, { NO_COLOR: '1' }), '\nHello\n');
    assert.equal(print(true, {}), '\n\u001B[1mHello\u001B[22m\n');
  });

  it('aligns the columns of a table without blanks at the ends', () => {
    assert.equal(table([['a', 'bb', ''], ['ccc', 'd', '']]), 'a    bb\nccc  d');
  });
});
