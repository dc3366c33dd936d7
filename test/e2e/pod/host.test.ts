import assert from 'node:assert/strict';
import { readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { webImage } from '../../../hack/images/catalogue.ts';
import { eventually } from '../../support/eventually.ts';
import { shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const box = shellContainer('box', idle);
/** Serves the name of its Pod. */
const named = shellContainer('named', 'mkdir /tmp/www; hostname > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www & wait $!', {
  image: webImage,
  readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
});
const hostPort = 31_080;
const nodePort = 31_081;

const service = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'named' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});

describe('a Pod and its node', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('host');

  before(async () => {
    await k8s.create(service('named', {}), service('outside', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort }] }));
    const labels = { app: 'named' };
    await k8s.start(
      makePod('plain', [box]),
      makePod('in-network', [box], { hostNetwork: true }),
      makePod('in-processes', [box], { hostPID: true }),
      makePod('in-ipc', [box], { hostIPC: true }),
      makePod('at-port', [{ ...named, ports: [{ containerPort: 8080, hostPort }] }]),
      makePod('one', [named], {}, { labels }),
      makePod('two', [named], {}, { labels }),
    );
  });

  const namespace = async (pod: string, kind: string): Promise<string> => (await k8s.exec(pod, `readlink /proc/self/ns/${kind}`)).trim();
  /** A namespace of the node, in which its daemons are. */
  const ofNode = (kind: string): Promise<string> => readlink(`/proc/${k8s.node.kubelet.pid}/ns/${kind}`);
  const nodeAddress = (): string => k8s.node.facts.network?.nodeAddress ?? '';
  const page = async (url: string): Promise<string> => (await k8s.exec('plain', `timeout 3 wget -q -O - ${url}`)).trim();
  /** The same where kube-proxy may not know of it yet, and then nobody answers. */
  const pageOrNone = (url: string): Promise<string> => page(url).catch(() => '');

  it('have nothing in common unless it is asked for', async () => {
    for (const kind of ['net', 'pid', 'ipc', 'uts', 'mnt']) assert.notEqual(await namespace('plain', kind), await ofNode(kind), kind);
  });

  it('share network, address and hostname with hostNetwork', async () => {
    assert.equal(await namespace('in-network', 'net'), await ofNode('net'));
    assert.equal(k8s.pod('in-network')?.status?.podIP, nodeAddress());
    assert.equal((await k8s.exec('in-network', 'hostname')).trim(), hostname());
    for (const kind of ['pid', 'ipc', 'mnt']) assert.notEqual(await namespace('in-network', kind), await ofNode(kind), kind);
  });

  it('share processes with hostPID', async () => {
    assert.equal(await namespace('in-processes', 'pid'), await ofNode('pid'));
    assert.equal(await k8s.exec('in-processes', `tr '\\0' '\\n' < /proc/${k8s.node.kubelet.pid}/cmdline | head -1 | xargs basename`), 'kubelet\n');
    for (const kind of ['net', 'ipc', 'mnt']) assert.notEqual(await namespace('in-processes', kind), await ofNode(kind), kind);
  });

  it('share IPC with hostIPC', async () => {
    assert.equal(await namespace('in-ipc', 'ipc'), await ofNode('ipc'));
    for (const kind of ['net', 'pid', 'mnt']) assert.notEqual(await namespace('in-ipc', kind), await ofNode(kind), kind);
  });

  it('share a port with hostPort, which leads to the Pod from outside and from other Pods', async () => {
    const url = `http://${nodeAddress()}:${hostPort}/`;
    assert.equal((await (await fetch(url)).text()).trim(), 'at-port');
    assert.equal(await page(url), 'at-port');
    assert.equal((await k8s.exec('in-network', `wget -q -O - http://127.0.0.1:${hostPort}/`)).trim(), 'at-port');
  });

  it('give the port back when the Pod is gone', async () => {
    await k8s.kubectl('delete', 'pod', 'at-port', '--wait=false');
    await k8s.untilGone('at-port');
    await assert.rejects(fetch(`http://${nodeAddress()}:${hostPort}/`));
    await k8s.start(makePod('at-port-again', [{ ...named, ports: [{ containerPort: 8080, hostPort }] }]));
    assert.equal(await page(`http://${nodeAddress()}:${hostPort}/`), 'at-port-again');
  });

  it('reach every Pod of a Service at its address, through kube-proxy', async () => {
    const address = await k8s.kubectl('get', 'service', 'named', '--output=jsonpath={.spec.clusterIP}');
    const seen = new Set<string>();
    await eventually(
      () => `both Pods of the Service have answered; so far: ${[...seen].join(', ')}`,
      async () => {
        seen.add(await pageOrNone(`http://${address}/`));
        return seen.has('one') && seen.has('two');
      },
      60_000,
    );
    assert.deepEqual([...seen].filter((name) => name !== '').sort(), ['one', 'two']);
  });

  it('are told of a Service in the environment of containers started after it', async () => {
    const address = await k8s.kubectl('get', 'service', 'named', '--output=jsonpath={.spec.clusterIP}');
    assert.equal(await k8s.exec('plain', 'echo $NAMED_SERVICE_HOST:$NAMED_SERVICE_PORT'), `${address}:80\n`);
  });

  it("are reached from outside at a Service's NodePort", async () => {
    const url = `http://${nodeAddress()}:${nodePort}/`;
    const text = await eventually(
      'the NodePort answers',
      () => fetch(url, { signal: AbortSignal.timeout(3_000) }).then(async (answer) => (await answer.text()).trim(), () => undefined),
      60_000,
    );
    assert.ok(['one', 'two'].includes(text), text);
  });

  it('are reached through a Service no longer when they are not Ready', async () => {
    const address = await k8s.kubectl('get', 'service', 'named', '--output=jsonpath={.spec.clusterIP}');
    await k8s.exec('one', 'mv /tmp/www/index.html /tmp/www/gone');
    await k8s.untilPod('one', 'not Ready', ({ status }) => status?.containerStatuses?.[0]?.ready === false);
    // kube-proxy hears of it in its own time, after which there is one answer only.
    let inARow = 0;
    await eventually('only the other Pod answers', async () => {
      inARow = (await pageOrNone(`http://${address}/`)) === 'two' ? inARow + 1 : 0;
      return inARow === 8;
    }, 60_000);
  });
});
