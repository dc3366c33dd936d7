import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { AnyNodes } from '../../../src/config/schema.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { defaultToml } from '../../../src/config/default-toml.ts';
import { parseConfig } from '../../../src/config/toml.ts';
import { schema } from '../../../src/config/config.ts';

function faults(text: string): string[] {
  try {
    parseConfig(text, 'f.toml');
  } catch (error) {
    assert.ok(error instanceof CodedError && error.kind === 'invalidArgument');
    return error.message.split('\n');
  }
  return [];
}

const defaults = {
  version: 1,
  socket: '/run/podwright/podwright.sock',
  root: '/var/lib/podwright',
  state: '/run/podwright',
  containerd: { address: '/run/containerd/containerd.sock', namespace: 'k8s.io' },
  images: {
    snapshotter: 'overlayfs',
    configPath: '/etc/containerd/certs.d',
    sandbox: 'registry.k8s.io/pause:3.10.2',
    pinned: [],
    maxConcurrentPulls: 0,
    maxConcurrentUnpacks: 0,
    noProgressTimeout: 300,
  },
  cni: { confDir: '/etc/cni/net.d', binDirs: ['/opt/cni/bin'], gc: false, confTemplate: '', ipPreference: 'cni' },
  cdi: { specDirs: ['/etc/cdi', '/var/run/cdi'] },
  containers: {
    defaultEnv: [],
    defaultUlimits: [],
    timezone: '',
    pidsLimit: 0,
    deviceOwnershipFromSecurityContext: false,
    hooksDirs: [],
  },
  runtimes: {
    default: 'runc',
    handlers: {
      runc: {
        type: 'io.containerd.runc.v2',
        snapshotter: '',
        cniConfDir: '',
        baseRuntimeSpec: '',
        privilegedWithoutHostDevices: false,
        podAnnotations: [],
        containerAnnotations: [],
        options: {
          BinaryName: '',
          SystemdCgroup: false,
          Root: '',
          NoPivotRoot: false,
          NoNewKeyring: false,
          ShimCgroup: '',
          IoUid: 0,
          IoGid: 0,
          CriuImagePath: '',
          CriuWorkPath: '',
          ConfigPath: '',
          TypeUrl: '',
        },
      },
    },
  },
  streaming: {
    address: '127.0.0.1',
    port: 0,
    tlsCert: '',
    tlsKey: '',
    allowPlaintext: false,
    idleTimeoutS: 14_400,
    creationTimeoutS: 30,
    killAbandoned: true,
  },
  metrics: { address: '' },
  log: { level: 'info' },
};

describe('the configuration', () => {
  it('has its defaults where the file says nothing', () => {
    assert.deepEqual(parseConfig('', 'f.toml'), defaults);
  });

  it('is the default again when the printed default is read', () => {
    assert.deepEqual(parseConfig(defaultToml(), 'f.toml'), defaults);
  });

  it('explains every key it prints', () => {
    const lines = defaultToml().split('\n');
    for (const [n, line] of lines.entries()) {
      if (line !== '' && !line.startsWith('#')) assert.match(lines[n - 1] ?? '', /^# \S/, line);
    }
    assert.equal(Object.keys(schema as unknown as AnyNodes).every((name) => defaultToml().includes(name)), true);
  });

  it('takes what the file says and keeps the rest', () => {
    const config = parseConfig(
      [
        'socket = "/tmp/p.sock"',
        'cni.bin_dirs = ["/a", "/b"]',
        '[runtimes]',
        'default = "kata"',
        '[runtimes.kata]',
        'type = "io.containerd.kata.v2"',
        '[runtimes.crun.options]',
        'BinaryName = "crun"',
      ].join('\n'),
      'f.toml',
    );
    assert.equal(config.socket, '/tmp/p.sock');
    assert.deepEqual(config.cni, { ...defaults.cni, binDirs: ['/a', '/b'] });
    const { runc } = defaults.runtimes.handlers;
    assert.deepEqual(config.runtimes, {
      default: 'kata',
      handlers: {
        runc,
        kata: { ...runc, type: 'io.containerd.kata.v2' },
        crun: { ...runc, options: { ...runc.options, BinaryName: 'crun' } },
      },
    });
  });

  const refused: readonly [what: string, text: string, message: string | RegExp][] = [
    ['a misspelt key', '# x\nsocke = "/a"', 'f.toml:2: unknown key socke: did you mean socket?'],
    ['a misspelt key in a table', '[cni]\n\nconfdir = "/a"', 'f.toml:3: unknown key cni.confdir: did you mean conf_dir?'],
    ['a key of another table', '[images]\nbin_dirs = ["/a"]', 'f.toml:2: unknown key images.bin_dirs: did you mean cni.bin_dirs?'],
    ['a misspelt table', '[containerdd]\naddress = "/a"', 'f.toml:1: unknown key containerdd: did you mean containerd?'],
    ['a key like no other', '[log]\nzzzzzz = 1', 'f.toml:2: unknown key log.zzzzzz: there are level'],
    [
      'an unknown key of a runtime',
      '[runtimes.runc.options]\nSystemdCGroups = true',
      'f.toml:2: unknown key runtimes.runc.options.SystemdCGroups: did you mean SystemdCgroup?',
    ],
    ['a number for a string', 'socket = 5', 'f.toml:1: socket is 5: must be a string'],
    ['a string for a number', 'streaming.port = "80"', 'f.toml:1: streaming.port is "80": must be a whole number'],
    ['a fraction for a number', 'streaming.port = 8.5', 'f.toml:1: streaming.port is 8.5: must be a whole number'],
    ['a string for a list', 'cni.bin_dirs = "/a"', 'f.toml:1: cni.bin_dirs is "/a": must be a list of strings'],
    ['a list with a number', 'cni.bin_dirs = ["/a", 1]', 'f.toml:1: cni.bin_dirs is ["/a",1]: must be a list of strings'],
    ['a value for a table', 'log = "debug"', 'f.toml:1: log is "debug": must be a table'],
    ['a table for a value', '[socket]\nx = 1', 'f.toml:1: socket is a table: must be a string'],
    ['a value for a runtime', '[runtimes]\nkata = true', 'f.toml:2: runtimes.kata is true: must be a table, as in [runtimes.kata]'],
    ['a bad runtime name', '[runtimes.Kata_1]', /^f\.toml:1: the name "Kata_1" in \[runtimes\]: must be a name/],
    ['a relative path', 'root = "var"', 'f.toml:1: root is "var": must be an absolute path'],
    ['a socket with a scheme', 'socket = "unix:///a"', 'f.toml:1: socket is "unix:///a": must be the absolute path of a socket'],
    ['a socket too long for the kernel', `socket = "/${'x'.repeat(100)}"`, /must have at most 99 bytes$/],
    ['an address that others reach', '[streaming]\naddress = "10.0.0.1"', 'f.toml:2: streaming.address is "10.0.0.1": can be reached by others: give tls_cert and tls_key, or say allow_plaintext = true, upon which whoever hears a URL can use it'],
    ['a certificate without a key', '[streaming]\ntls_cert = "/c.pem"', 'f.toml:1: streaming.tls_key is "": must be given too, as TLS takes both a certificate and its key'],
    ['a time of none', '[streaming]\nidle_timeout_s = 0', 'f.toml:2: streaming.idle_timeout_s is 0: must be a number of seconds, 1 to 2000000'],
    ['a port out of range', '[streaming]\nport = 70000', 'f.toml:2: streaming.port is 70000: must be a port, 0 to 65535'],
    ['metrics without a port', '[metrics]\naddress = "127.0.0.1"', /must be an IP address and a port, such as "127\.0\.0\.1:1338" or "\[::1\]:1338", or empty$/],
    ['metrics at a name', '[metrics]\naddress = "localhost:1338"', /must be an IP address and a port/],
    ['metrics at a port out of range', '[metrics]\naddress = "[::1]:70000"', /must be an IP address and a port/],
    ['an unknown level', '[log]\nlevel = "loud"', /must be "error", "warn", "info", "debug"$/],
    ['a version of the future', 'version = 2', 'f.toml:1: version is 2: must be 1'],
    ['a default that is no handler', '[runtimes]\ndefault = "kata"', 'f.toml:2: runtimes.default is "kata": must be a configured handler: "runc"'],
    ['one folder for root and state', 'root = "/a"\nstate = "/a"', /^f\.toml:2: state is "\/a": must not be the root/],
    ['two cgroup drivers', '[runtimes.k.options]\nSystemdCgroup = true', /must be the same for every handler/],
    ['an option of runc for another shim', '[runtimes.gvisor]\ntype = "io.containerd.runsc.v1"\n[runtimes.gvisor.options]\nBinaryName = "runsc"', /^f\.toml:4: runtimes\.gvisor\.options\.BinaryName is "runsc": is for the shim of runc; what io\.containerd\.runsc\.v1 is to do/],
    ['an option of other shims for that of runc', '[runtimes.runc.options]\nConfigPath = "/runc.toml"', /^f\.toml:2: runtimes\.runc\.options\.ConfigPath is "\/runc\.toml": is for shims other than runc's/],
    ['a key given twice', 'root = "/a"\nroot = "/b"', /^f\.toml:2:\d+: /],
    ['text that is no TOML', 'socket = "/a"\n= 3', /^f\.toml:2:\d+: /],
    ['a key that would change every object', '__proto__ = 1', /^f\.toml:1:\d+: /],
    ['a bad glob', '[runtimes.runc]\npod_annotations = ["a/*", "[b"]', /^f\.toml:2: runtimes\.runc\.pod_annotations is .*: must be globs .*"\[b" is none$/],
    ['a pinned image with a scheme', 'images.pinned = ["https://reg.io/a"]', /^f\.toml:1: images\.pinned is .*: must be image references or globs/],
    ['a relative base spec', '[runtimes.runc]\nbase_runtime_spec = "a.json"', /^f\.toml:2: .*: must be an absolute path, or empty$/],
    ['a negative limit', 'images.max_concurrent_pulls = -1', 'f.toml:1: images.max_concurrent_pulls is -1: must not be negative'],
    ['an unknown preference', 'cni.ip_preference = "ipv5"', /must be "cni", "ipv4", "ipv6"$/],
    ['a user id out of range', '[runtimes.runc.options]\nIoUid = 4294967296', /must be a user or group id/],
    ['a date', 'root = 2026-11-21', /^f\.toml:1: root is .*: must be a string$/],
  ];
  for (const [what, text, message] of refused) {
    it(`refuses ${what}`, () => {
      const [first = ''] = faults(text);
      if (typeof message === 'string') assert.equal(first, message);
      else assert.match(first, message);
    });
  }

  it('takes an address with its port for metrics', () => {
    for (const address of ['127.0.0.1:1338', '[::1]:1338', '0.0.0.0:0', '']) assert.deepEqual(faults(`[metrics]\naddress = "${address}"`), []);
  });

  it('names every fault, in the order of the file', () => {
    assert.deepEqual(
      faults('rot = "/a"\n[log]\nlevel = 3\n[cni]\nbin_dirs = []').map((line) => line.split(':').slice(0, 2).join(':')),
      ['f.toml:1', 'f.toml:3', 'f.toml:5'],
    );
  });

  it('throws nothing but its own error, whatever the text', () => {
    const word = fc.constantFrom('socket', '=', '"/a"', '[', ']', '{', '}', 'log', '.', 'level', '\n', '#', "'''", '"""', '5', ',', '\\', 'x');
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(word).map((words) => words.join(''))), (text) => {
        faults(text);
      }),
      { numRuns: 2000 },
    );
  });
});
