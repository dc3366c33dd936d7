import assert from 'node:assert/strict';
import { toNetworkConf } from '../../../src/cni/conf.ts';
import { attachmentRequest, gcFields, networkRequest } from '../../../src/cni/request.ts';

const network = toNetworkConf({
  name: 'net',
  cniVersion: '0.4.0',
  cniVersions: ['1.0.0'],
  plugins: [{ type: 'portmap', name: 'inner', cniVersion: '0.1.0', snat: true, unknown: { a: [1] }, capabilities: { portMappings: true, mac: false, dns: true } }],
});
const [plugin] = network.plugins;

describe('what a plugin reads on stdin', () => {
  assert.ok(plugin !== undefined);

  it('is its own configuration under the name and version of the network', () => {
    assert.deepEqual(networkRequest(network, plugin), { type: 'portmap', name: 'net', cniVersion: '1.0.0', snat: true, unknown: { a: [1] } });
  });

  it('has the capability arguments it declares and is given, and no others', () => {
    const { runtimeConfig } = attachmentRequest(network, plugin, { portMappings: [1], mac: 'x', bandwidth: {} }, undefined);
    assert.deepEqual(runtimeConfig, { portMappings: [1] });
  });

  it('has no runtimeConfig and no prevResult where there is none', () => {
    assert.deepEqual(attachmentRequest(network, plugin, {}, undefined), networkRequest(network, plugin));
  });

  it('has the result of the plugin before', () => {
    assert.deepEqual(attachmentRequest(network, plugin, {}, { ips: [] })['prevResult'], { ips: [] });
  });

  it('names the valid attachments on GC', () => {
    const attachments = [{ containerID: 'a', ifname: 'eth0' }];
    assert.deepEqual(gcFields([{ containerId: 'a', ifName: 'eth0' }]), { 'cni.dev/valid-attachments': attachments, 'cni.dev/attachments': attachments });
  });
});
