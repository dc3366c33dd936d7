import assert from 'node:assert/strict';
import { criPluginFault, judge, type NodeFindings } from '../../../../src/app/check/findings.ts';
import { parseConfig } from '../../../../src/config/toml.ts';

const config = parseConfig('', 'none');

const healthy: NodeFindings = {
  config,
  containerd: { version: 'v2.4.2', criPluginRuns: false },
  podwright: { runtimeName: 'podwright', runtimeVersion: '1.0.0', conditions: [{ type: 'RuntimeReady', status: true, message: '' }] },
  networkFault: '',
  kubelets: [
    {
      name: 'kubelet (pid 7)',
      runtimeEndpoint: { value: 'unix:///var/run/podwright/podwright.sock', from: '--container-runtime-endpoint' },
      cgroupDriver: undefined,
    },
  ],
  configuredKubelet: undefined,
  systemdRuns: true,
};

const [kubelet] = healthy.kubelets;

/** What is wrong with a node that differs from a healthy one in what is given. */
function faults(different: Partial<NodeFindings>): string[] {
  return judge({ ...healthy, ...different }).filter(({ level }) => level === 'wrong').map(({ text }) => text);
}

describe('a look at the node', () => {
  it('finds a healthy node fine', () => {
    assert.deepEqual(judge(healthy), [
      { level: 'fine', text: 'containerd v2.4.2 answers at /run/containerd/containerd.sock' },
      { level: 'fine', text: 'podwright 1.0.0 serves at /run/podwright/podwright.sock' },
      { level: 'fine', text: 'the kubelet (pid 7) asks for its containers at /run/podwright/podwright.sock' },
    ]);
  });

  it('names a kubelet that asks at another socket, where it was told so, and what to set', () => {
    const wrong = { ...kubelet, name: 'kubelet (pid 7)', runtimeEndpoint: { value: 'unix:///run/x.sock', from: 'containerRuntimeEndpoint in /k.yaml' } };
    assert.deepEqual(faults({ kubelets: [{ cgroupDriver: undefined, ...wrong }] }), [
      'the kubelet (pid 7) asks for its containers at unix:///run/x.sock (containerRuntimeEndpoint in /k.yaml), and podwright serves at ' +
        'unix:///run/podwright/podwright.sock: set containerRuntimeEndpoint: unix:///run/podwright/podwright.sock in its configuration ' +
        '(with kubeadm criSocket, too) and restart it',
    ]);
  });

  it('leaves a second kubelet to whoever it belongs to', () => {
    const other = { name: 'kubelet (pid 8)', runtimeEndpoint: { value: 'unix:///run/x.sock', from: 'the default' }, cgroupDriver: undefined };
    assert.deepEqual(faults({ kubelets: [...healthy.kubelets, other] }), []);
  });

  it('notes that no kubelet runs, which is no fault', () => {
    assert.deepEqual(judge({ ...healthy, kubelets: [] }).at(-1), { level: 'note', text: 'no kubelet runs on this machine' });
  });

  it('looks at the one that is to run where none runs: with no runtime at its socket it ends at once', () => {
    const text = 'no kubelet runs on this machine: journalctl -u kubelet says why it ended';
    const name = 'kubelet that kubeadm configured';
    const misled = { name, runtimeEndpoint: { value: 'unix:///run/x.sock', from: 'containerRuntimeEndpoint in /k.yaml' }, cgroupDriver: undefined };
    assert.deepEqual(judge({ ...healthy, kubelets: [], configuredKubelet: misled }).at(-2), { level: 'note', text });
    assert.deepEqual(faults({ kubelets: [], configuredKubelet: misled }), [
      'the kubelet that kubeadm configured asks for its containers at unix:///run/x.sock (containerRuntimeEndpoint in /k.yaml), and podwright serves at ' +
        'unix:///run/podwright/podwright.sock: set containerRuntimeEndpoint: unix:///run/podwright/podwright.sock in its configuration ' +
        '(with kubeadm criSocket, too) and restart it',
    ]);
    assert.deepEqual(faults({ configuredKubelet: misled }), []);
  });

  it('names a kubelet that cannot read its configuration', () => {
    assert.deepEqual(faults({ kubelets: [...healthy.kubelets, { name: 'kubelet (pid 8)', error: '/k.yaml: broken' }] }), [
      'the kubelet (pid 8) cannot read its configuration: /k.yaml: broken',
    ]);
  });

  it('says that podwright is not there, and then looks at the network for it', () => {
    assert.deepEqual(faults({ podwright: { error: 'connect ENOENT' }, networkFault: 'no network configuration in /etc/cni/net.d' }), [
      'nobody serves the CRI at /run/podwright/podwright.sock (connect ENOENT): start podwright (systemctl start podwright; journalctl -u podwright says why it ended)',
      'the network is not ready: no network configuration in /etc/cni/net.d',
    ]);
  });

  it('names whoever else has the socket', () => {
    assert.deepEqual(faults({ podwright: { runtimeName: 'containerd', runtimeVersion: 'v2.4.2', conditions: [] } }), [
      "/run/podwright/podwright.sock is served by containerd v2.4.2, not by podwright: give podwright's configuration a socket of its own",
    ]);
  });

  it('repeats the conditions that do not hold', () => {
    const conditions = [{ type: 'NetworkReady', status: false, message: 'cni plugin "x" is not in /opt/cni/bin: install it there' }];
    assert.deepEqual(faults({ podwright: { runtimeName: 'podwright', runtimeVersion: '1', conditions } }), [
      'NetworkReady is false: cni plugin "x" is not in /opt/cni/bin: install it there',
    ]);
  });

  it('says that containerd is not there', () => {
    assert.deepEqual(faults({ containerd: { error: 'connect ECONNREFUSED' } }), [
      'containerd does not answer at /run/containerd/containerd.sock (connect ECONNREFUSED): start it, or set containerd.address to its socket',
    ]);
  });

  it("finds fault with containerd's own CRI plugin on podwright's namespace, and not on another one", () => {
    const containerd = { version: 'v2.4.2', criPluginRuns: true };
    assert.deepEqual(faults({ containerd }), [criPluginFault('k8s.io')]);
    assert.match(criPluginFault('k8s.io') ?? '', /add "io\.containerd\.grpc\.v1\.cri" to disabled_plugins .* restart containerd$/);
    assert.deepEqual(faults({ containerd, config: parseConfig('[containerd]\nnamespace = "podwright"', 'f') }), []);
  });

  it('names both ways out where kubelet and podwright disagree on the cgroup driver', () => {
    const told = (value: string) => ({
      name: 'kubelet (pid 7)',
      runtimeEndpoint: { value: 'unix:///run/podwright/podwright.sock', from: '' },
      cgroupDriver: { value, from: 'cgroupDriver in /k.yaml' },
    });
    assert.deepEqual(faults({ kubelets: [told('cgroupfs')] }), []);
    assert.deepEqual(faults({ kubelets: [told('systemd')] }), [
      'the kubelet (pid 7) is told the cgroup driver systemd (cgroupDriver in /k.yaml), and podwright has cgroupfs: set SystemdCgroup = true ' +
        'in [runtimes.runc.options] and restart podwright, or cgroupDriver: cgroupfs and restart the kubelet',
    ]);
  });

  it('says that the systemd driver needs systemd', () => {
    const systemd = parseConfig('[runtimes.runc.options]\nSystemdCgroup = true', 'f');
    assert.deepEqual(faults({ config: systemd }), []);
    assert.deepEqual(faults({ config: systemd, systemdRuns: false }), [
      'the cgroup driver is systemd, and systemd does not run here: set SystemdCgroup = false in [runtimes.runc.options] and restart podwright',
    ]);
  });
});
