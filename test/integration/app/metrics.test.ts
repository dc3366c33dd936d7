import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { SpdyClient } from '../../support/spdy-client.ts';

describe('the metrics of podwright', function () {
  this.timeout(60_000);
  const cri = useCriNode({ podwright: { config: { metrics: { address: '127.0.0.1:0' } } } });

  async function scrape(): Promise<ReadonlyMap<string, number>> {
    const log = await readFile(cri().podwright.logPath, 'utf8');
    const ports = [...log.matchAll(/"port":(\d+),"msg":"metrics are served"/g)];
    const response = await fetch(`http://127.0.0.1:${ports.at(-1)?.[1]}/metrics`);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const all = new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
    assert.equal(all.size, lines.length, 'no line is there twice');
    return all;
  }
  const method = (service: string, name: string, more = ''): string =>
    `{grpc_service="runtime.v1.${service}",grpc_method="${name}",grpc_type="unary"${more}}`;

  it('count calls by method and code, under containerd’s names', async () => {
    const before = await scrape();
    await cri().call('ListContainers', {});
    await cri().refuse('ContainerStatus', { containerId: 'nobody' }, 'NOT_FOUND');
    const after = await scrape();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    assert.equal(grown(`grpc_server_handled_total${method('RuntimeService', 'ListContainers', ',grpc_code="OK"')}`), 1);
    assert.equal(grown(`grpc_server_handled_total${method('RuntimeService', 'ContainerStatus', ',grpc_code="NotFound"')}`), 1);
    assert.equal(grown(`grpc_server_handling_seconds_count${method('RuntimeService', 'ListContainers')}`), 1);
    assert.ok(grown(`grpc_server_handling_seconds_bucket${method('RuntimeService', 'ListContainers', ',le="+Inf"')}`) === 1);
  });

  it('tell what there is: Pods, containers, readers of events', async () => {
    const pod = await cri().runPod();
    const { id } = await pod.run();
    const now = await scrape();
    assert.equal(now.get('podwright_pod_sandboxes{phase="ready"}'), 1);
    assert.equal(now.get('podwright_containers{state="CONTAINER_RUNNING"}'), 1, id);
    assert.equal(now.get('podwright_event_readers'), 0);
    assert.equal(now.get('podwright_events_dropped_total'), 0);
    assert.equal(now.get('podwright_containerd_connected'), 1);
  });

  it('count pulls and what came from registries', async () => {
    const before = await scrape();
    const bytes = before.get('podwright_image_pull_bytes_total') ?? 0;
    assert.ok(bytes > 100_000, `the images of the start: ${bytes} bytes`);
    await cri().call('PullImage', { image: { image: busyboxImage } });
    await cri().try('PullImage', { image: { image: `${busyboxImage}-missing` } });
    const after = await scrape();
    for (const result of ['success', 'failure']) {
      const name = `podwright_image_pulls_total{result="${result}"}`;
      assert.equal((after.get(name) ?? 0) - (before.get(name) ?? 0), 1, result);
    }
    assert.equal(after.get('podwright_image_pulls_in_progress'), 0);
  });

  it('count the streams that were ended for what a client sent', async () => {
    const bad = 'podwright_streaming_bad_input_total';
    const before = (await scrape()).get(bad) ?? Number.NaN;
    const container = await (await cri().runPod()).run();
    const { url } = await cri().call('Exec', { containerId: container.id, cmd: ['cat'], stdin: true, stdout: true });
    const client = await SpdyClient.connect(url);
    // Half a frame is waited for; one of a version that nobody has ever spoken is not.
    client.socket.write(Buffer.from('8fff00010000000000000000', 'hex'));
    await once(client.socket, 'close');
    assert.equal((await scrape()).get(bad), before + 1);
  });

  it('tell what the process uses, and how late its event loop is', async () => {
    const now = await scrape();
    const rss = now.get('process_resident_memory_bytes') ?? 0;
    assert.ok(rss > 20e6 && rss < 1e9, `${rss} bytes`);
    assert.ok((now.get('process_cpu_seconds_total') ?? 0) > 0);
    assert.ok((now.get('nodejs_eventloop_lag_seconds{quantile="0.99"}') ?? -1) >= 0);
  });

  it('count how often containerd came back', async () => {
    await cri().node.containerd.kill();
    await eventually('containerd is missed', async () => (await scrape()).get('podwright_containerd_connected') === 0);
    await cri().node.containerd.start();
    await eventually('containerd is back', async () => {
      const now = await scrape();
      return now.get('podwright_containerd_connected') === 1 && now.get('podwright_containerd_reconnects_total') === 1;
    });
  });

  it('end with podwright, and are there again after it', async () => {
    await cri().restartPodwright();
    assert.equal((await scrape()).get('podwright_containerd_reconnects_total'), 0);
  });
});
