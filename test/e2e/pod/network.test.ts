import assert from 'node:assert/strict';
import { webImage } from '../../../hack/images/catalogue.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import { shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const web = { name: 'web', image: webImage };
/** Looks at its own Pod from inside. */
const box = shellContainer('box', idle);
const addresses = "ip -4 -o address show dev eth0 | awk '{ print $4 }' | cut -d/ -f1";

describe("a Pod's network", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('network');
  let one: Pod;
  let other: Pod;

  before(async () => {
    [one, other] = await k8s.start(makePod('one', [web, box]), makePod('other', [web, box]));
    await k8s.run(makePod('clash', [web, { ...web, name: 'second' }], { restartPolicy: 'Never' }));
  });

  it('lets its containers reach each other at localhost', async () => {
    assert.equal(await k8s.exec('one', 'wget -q -O - http://localhost:8080/', 'box'), 'hello from podwright\n');
    assert.equal(await k8s.exec('one', 'wget -q -O - http://127.0.0.1:8080/', 'web'), 'hello from podwright\n');
  });

  it('has one address, which every container sees as its own', async () => {
    const ip = one.status?.podIP;
    assert.match(ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    assert.deepEqual(one.status?.podIPs, [{ ip }]);
    assert.equal(await k8s.exec('one', addresses, 'web'), `${ip}\n`);
    assert.equal(await k8s.exec('one', addresses, 'box'), `${ip}\n`);
  });

  it('is one network namespace, not two with the same address', async () => {
    const namespace = 'readlink /proc/self/ns/net';
    assert.equal(await k8s.exec('one', namespace, 'web'), await k8s.exec('one', namespace, 'box'));
  });

  it('lets only one container listen at a port: the second is told "address already in use"', async () => {
    const pod = await k8s.untilPod('clash', 'half ended', ({ status }) => status?.containerStatuses?.some(({ state }) => state?.terminated !== undefined) ?? false);
    const { exitCode, reason } = statusOf(pod, endedOf(pod)).state?.terminated ?? {};
    assert.notEqual(exitCode, 0);
    assert.equal(reason, 'Error');
    assert.match(await k8s.logs('clash', endedOf(pod)), /address already in use/i);
  });

  it('has another address than any other Pod', () => {
    assert.notEqual(one.status?.podIP, other.status?.podIP);
  });

  it('is reached by other Pods at its address, both ways', async () => {
    const get = (from: string, to: Pod): Promise<string> => k8s.exec(from, `wget -q -O - http://${to.status?.podIP}:8080/`, 'box');
    assert.equal(await get('one', other), 'hello from podwright\n');
    assert.equal(await get('other', one), 'hello from podwright\n');
  });

  it('shows a Pod that calls it under its own address, not under the node\'s', async () => {
    await k8s.exec('one', `wget -q -O - http://${other.status?.podIP}:8080/`, 'box');
    await k8s.untilLogs('other', 'web', (log) => log.includes(`${one.status?.podIP}`));
  });

  it('tells the containers its name and address in /etc/hosts', async () => {
    const hosts = await k8s.exec('one', 'cat /etc/hosts', 'box');
    assert.match(hosts, new RegExp(`^${one.status?.podIP?.replaceAll('.', '\\.')}\\s+one$`, 'm'));
    assert.match(hosts, /^127\.0\.0\.1\s+localhost/m);
  });
});

/** The name of the container that has ended. */
function endedOf(pod: Pod): string {
  return pod.status?.containerStatuses?.find(({ state }) => state?.terminated !== undefined)?.name ?? '';
}
