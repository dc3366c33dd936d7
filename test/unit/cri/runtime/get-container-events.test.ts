import assert from 'node:assert/strict';
import { getContainerEvents } from '../../../../src/cri/runtime/get-container-events.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import type { Container } from '../../../../src/pod/container.ts';
import { PodEvents } from '../../../../src/pod/events.ts';
import { IdStore } from '../../../../src/pod/id-store.ts';
import type { Sandbox } from '../../../../src/pod/sandbox.ts';
import { withServer } from '../../../support/cri-client.ts';
import { until } from '../../../support/until.ts';

describe('GetContainerEvents', () => {
  it('lets a client that reads nothing miss the oldest, and gives it the newest when it reads again', async () => {
    const events = new PodEvents({
      log: silentLog,
      sandboxes: new IdStore<Sandbox>('pod sandbox'),
      containers: new IdStore<Container>('container'),
    });
    await withServer({ GetContainerEvents: getContainerEvents({ events }) }, async (client) => {
      const stream = client.stream('GetContainerEvents', {});
      stream.on('error', () => {});
      stream.pause();
      await until('it listens', () => events.counts.readers === 1);
      const block = 'x'.repeat(1000);
      const emitted = 5000;
      for (let n = 0; n < emitted; n++) {
        events.emit({ type: 'CONTAINER_STOPPED_EVENT', id: `${n}-${block}`, sandboxId: 'none', atNs: 1n });
        if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(events.counts.dropped > 0, 'what a client does not read is not all kept');
      const ids: number[] = [];
      stream.on('data', (event: object) => ids.push(Number.parseInt((event as { containerId: string }).containerId, 10)));
      stream.resume();
      await until('the last one has come', () => ids.at(-1) === emitted - 1);
      assert.equal(ids.length, emitted - events.counts.dropped, 'each that was not dropped has come once');
      stream.cancel();
      await until('nobody listens', () => events.counts.readers === 0);
    });
  });
});
