import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { webImage } from '../../../hack/images/catalogue.ts';
import { shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data: { colour: 'blue', 'app.conf': 'port = 80\n' } };
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret' }, stringData: { password: 'not told' } };

const env = [
  { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  { name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
  { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  { name: 'MILLICORES', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
  { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'config', key: 'colour' } } },
  { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'secret', key: 'password' } } },
];

const volumes = [
  { name: 'config', configMap: { name: 'config' } },
  { name: 'secret', secret: { secretName: 'secret', defaultMode: 0o400 } },
  { name: 'about', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  {
    name: 'all',
    projected: {
      sources: [
        { configMap: { name: 'config', items: [{ key: 'colour', path: 'config/colour' }] } },
        { secret: { name: 'secret', items: [{ key: 'password', path: 'secret/password', mode: 0o440 }] } },
        { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
        { serviceAccountToken: { path: 'token', audience: 'somebody', expirationSeconds: 600 } },
      ],
    },
  },
  { name: 'folder', emptyDir: {} },
  { name: 'image', image: { reference: webImage, pullPolicy: 'IfNotPresent' } },
];

const volumeMounts = [
  { name: 'config', mountPath: '/config' },
  { name: 'config', mountPath: '/etc/app.conf', subPath: 'app.conf' },
  { name: 'secret', mountPath: '/secret', readOnly: true },
  { name: 'about', mountPath: '/about' },
  { name: 'all', mountPath: '/all' },
  { name: 'folder', mountPath: '/whole' },
  { name: 'folder', mountPath: '/part', subPath: 'deep/part' },
  { name: 'folder', mountPath: '/expanded', subPathExpr: 'of-$(POD)' },
  { name: 'image', mountPath: '/image' },
  { name: 'image', mountPath: '/image-part', subPath: 'www' },
];

describe('volumes and variables', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('volumes');
  const sh = (script: string): Promise<string> => k8s.exec('app', script);

  before(async () => {
    await k8s.create(config, secret);
    const box = shellContainer('box', idle, { env, envFrom: [{ prefix: 'FROM_', configMapRef: { name: 'config' } }], volumeMounts, resources: { limits: { cpu: '250m' } } });
    await k8s.start(makePod('app', [box], { volumes }, { labels: { tier: 'front' } }));
  });

  it('tell a container about its Pod', async () => {
    const { node, podIP } = { node: k8s.node.facts.name, podIP: k8s.pod('app')?.status?.podIP };
    assert.equal(await sh('echo $POD $ADDRESS $NODE $MILLICORES'), `app ${podIP} ${node} 250\n`);
    assert.equal(await sh('cat /about/labels'), 'tier="front"');
  });

  it('hand in what a ConfigMap and a Secret hold', async () => {
    assert.equal(await sh('echo $COLOUR $FROM_colour $PASSWORD; cat /config/app.conf'), 'blue blue not told\nport = 80\n');
    assert.equal(await sh("cat /secret/password; stat -L -c ' %a' /secret/password; grep ' /secret ' /proc/mounts | cut -d' ' -f3"), 'not told 400\ntmpfs\n');
  });

  it('bring several sources together where they are projected', async () => {
    assert.equal(await sh("cat /all/config/colour /all/secret/password /all/name; stat -L -c ' %a' /all/secret/password"), 'bluenot toldapp 440\n');
    assert.match(await sh('cat /all/token'), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('can be a part of another one', async () => {
    await sh('echo here > /whole/deep/part/file; echo there > /expanded/file');
    assert.equal(await sh('cat /part/file /whole/of-app/file'), 'here\nthere\n');
    assert.equal(await sh('cat /etc/app.conf'), 'port = 80\n');
  });

  it('can be an image, whole or in part, which nobody writes to', async () => {
    assert.equal(await sh('cat /image/www/index.html /image-part/index.html'), 'hello from podwright\nhello from podwright\n');
    assert.match((await k8s.tryExec('app', 'touch /image/new')).stderr, /Read-only file system/);
    assert.match((await k8s.tryExec('app', 'touch /image-part/new')).stderr, /Read-only file system/);
  });

  it('follow a ConfigMap that changes, where they are not mounted in part', async () => {
    await k8s.kubectl('patch', 'configmap', 'config', '--patch', '{"data":{"colour":"red","app.conf":"port = 81\\n"}}');
    // The kubelet looks once a minute, and whenever the Pod itself changes.
    await k8s.kubectl('annotate', 'pod', 'app', 'look=now');
    await eventually('the new colour', async () => (await sh('cat /config/colour')) === 'red');
    assert.equal(await sh('cat /etc/app.conf; echo $COLOUR'), 'port = 80\nblue\n');
  });
});
