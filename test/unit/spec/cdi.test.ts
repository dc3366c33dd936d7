import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CodedError } from '../../../src/lib/errors.ts';
import { applyCdiEdits, type ResolvedEdits } from '../../../src/spec/cdi-apply.ts';
import { type CdiFile, parseCdiFile } from '../../../src/spec/cdi-file.ts';
import { cdiDeviceNames } from '../../../src/spec/cdi-names.ts';
import { type CdiRegistry, findCdiEdits } from '../../../src/spec/cdi.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';
import { invalid } from './fixtures.ts';

const yaml = `---
cdiVersion: "0.7.0"
kind: vendor.com/gpu
annotations: { note: any }
containerEdits:
  env: [ALL=1]
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - path: /dev/gpu0
          hostPath: /dev/null
          fileMode: 0660
          permissions: rw
          uid: 5
      mounts:
        - { hostPath: /usr/lib/gpu, containerPath: /gpu, options: [ro, rbind] }
      hooks:
        - { hookName: createContainer, path: /bin/hook, args: [hook, "--x"], env: [A=b], timeout: 3 }
      additionalGids: [44]
  - name: all
    containerEdits: { env: ["GPU=all"] }
`;

const parsed = (document: object): CdiFile => parseCdiFile(JSON.stringify(document), '/etc/cdi/x.json');
const minimal = (edits: object = { env: ['A=1'] }): object => ({
  cdiVersion: '1.1.0',
  kind: 'vendor.com/dev',
  devices: [{ name: 'one', containerEdits: edits }],
});

describe('a CDI spec file', () => {
  it('is read from YAML and from JSON alike', () => {
    const file = parseCdiFile(yaml, '/etc/cdi/gpu.yaml');
    assert.equal(file.kind, 'vendor.com/gpu');
    assert.deepEqual(file.edits.env, ['ALL=1']);
    assert.deepEqual([...file.devices.keys()], ['0', 'all']);
    const edits = file.devices.get('0');
    assert.deepEqual(edits?.deviceNodes, [
      { path: '/dev/gpu0', hostPath: '/dev/null', type: '', major: 0, minor: 0, fileMode: 0o660, permissions: 'rw', uid: 5 },
    ]);
    assert.deepEqual(edits?.hooks, [
      { hookName: 'createContainer', path: '/bin/hook', args: ['hook', '--x'], env: ['A=b'], timeout: 3 },
    ]);
    assert.deepEqual(edits?.additionalGids, [44]);
    assert.deepEqual(parsed(minimal()).devices.get('one')?.env, ['A=1']);
  });

  it('has as text what stands in YAML for it, quoted or not, and numbers where numbers belong', () => {
    const unquoted = `
cdiVersion: 0.7.0
kind: vendor.com/gpu
annotations: { built: 2026 }
devices:
  - name: 0
    containerEdits:
      env: [A=1]
      hooks: [{ hookName: poststop, path: /bin/hook, args: [hook, 0, 010, true, 1.50], timeout: 0x10 }]
      deviceNodes: [{ path: /dev/x, major: 195, permissions: rw, fileMode: 0660, hostPath: ~ }]
  - name: 007
    containerEdits: { additionalGids: [44] }
`;
    const { devices } = parseCdiFile(unquoted, '/etc/cdi/gpu.yaml');
    assert.deepEqual([...devices.keys()], ['0', '007']);
    const edits = devices.get('0');
    assert.deepEqual(edits?.hooks, [{ hookName: 'poststop', path: '/bin/hook', args: ['hook', '0', '010', 'true', '1.50'], env: [], timeout: 16 }]);
    assert.deepEqual(edits?.deviceNodes, [
      { path: '/dev/x', hostPath: '/dev/x', type: '', major: 195, minor: 0, fileMode: 0o660, permissions: 'rw' },
    ]);
    assert.deepEqual(devices.get('007')?.additionalGids, [44]);
  });

  const nic = (hostInterfaceName: string, name: string): object => ({ hostInterfaceName, name });
  const bad: [string, object, string][] = [
    ['an unknown version', { ...minimal(), cdiVersion: '9.0.0' }, 'cdiVersion is "9.0.0"'],
    ['a kind without a class', { ...minimal(), kind: 'vendor.com' }, 'kind is "vendor.com"'],
    ['no device', { ...minimal(), devices: [] }, 'devices is empty'],
    ['a device twice', { ...minimal(), devices: [1, 2].map(() => ({ name: 'a', containerEdits: { env: ['A=1'] } })) }, '"a" twice'],
    ['a device that does nothing', minimal({}), 'devices[0].containerEdits is empty'],
    ['an edit of a later version', minimal({ newThing: [] }), 'devices[0].containerEdits.newThing is not known'],
    ['a variable without a name', minimal({ env: ['=x'] }), 'env[0] is "=x"'],
    ['a node without a path', minimal({ deviceNodes: [{}] }), 'deviceNodes[0].path must not be empty'],
    ['an unknown type of node', minimal({ deviceNodes: [{ path: '/dev/x', type: 'z' }] }), 'type is "z"'],
    ['unknown permissions', minimal({ deviceNodes: [{ path: '/dev/x', permissions: 'x' }] }), 'permissions is "x"'],
    ['an unknown hook', minimal({ hooks: [{ hookName: 'later', path: '/x' }] }), 'hookName is "later"'],
    ['an interface twice', minimal({ netDevices: [nic('eth1', 'a'), nic('eth1', 'b')] }), 'netDevices has hostInterfaceName "eth1" twice'],
    ['two interfaces of one name', minimal({ netDevices: [nic('eth1', 'a'), nic('eth2', 'a')] }), 'netDevices has name "a" twice'],
    ['a mount from nowhere', minimal({ mounts: [{ containerPath: '/x' }] }), 'mounts[0].hostPath must not be empty'],
    ['an RDT class that is a path', minimal({ intelRdt: { closID: 'a/b' } }), 'closID is "a/b"'],
    ['text for a number', minimal({ additionalGids: ['5'] }), 'additionalGids[0] must be a whole number'],
  ];
  for (const [what, document, words] of bad) {
    it(`is refused for ${what}, naming the file`, () => {
      assert.throws(() => parsed(document), invalid('/etc/cdi/x.json', words));
    });
  }

  it('is refused in one line where it is no YAML or JSON at all', () => {
    for (const file of ['/a.json', '/a.yaml']) {
      assert.throws(() => parseCdiFile('{"a": [', file), (error) => error instanceof CodedError && /^\/a\.[a-z]+: [^\n]+$/u.test(error.message));
    }
  });

  it('is read or refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.object().map((edits) => JSON.stringify(minimal(edits)))), fc.boolean(), (text, isJson) => {
        try {
          parseCdiFile(text, isJson ? '/a.json' : '/a.yaml');
        } catch (error) {
          assert.ok(error instanceof CodedError && error.kind === 'invalidArgument');
        }
      }),
    );
  });
});

describe('the CDI devices of a container', () => {
  const asked = (names: string[], annotations: Record<string, string> = {}): string[] =>
    cdiDeviceNames({ CDIDevices: names.map((name) => ({ name })), annotations });

  it('are those of the field and of the annotations, each once', () => {
    const annotations = { 'cdi.k8s.io/plugin_b': 'v.com/d=2,v.com/d=1', 'cdi.k8s.io/plugin_a': 'v.com/e=x:0', other: 'none' };
    assert.deepEqual(asked(['v.com/d=1', 'v.com/d=1'], annotations), ['v.com/d=1', 'v.com/e=x:0', 'v.com/d=2']);
  });

  for (const name of ['', '/dev/x', 'v.com=1', 'v.com/d', 'v.com/d=', 'v.com/d=a b', '1.com/d=x', 'v.com/d=-x', 'v/d/e=x']) {
    it(`are refused where one is ${JSON.stringify(name)}`, () => {
      assert.throws(() => asked([name]), invalid('config.CDI_devices[0].name', JSON.stringify(name), 'vendor/class=name'));
    });
  }

  it('are refused by the name of their annotation', () => {
    assert.throws(() => asked([], { 'cdi.k8s.io/x': 'v.com/d=1,nope' }), invalid('cdi.k8s.io/x', '"nope"'));
  });
});

describe('finding CDI devices', () => {
  const file = (path: string, kind: string, ...names: string[]): CdiFile => ({
    ...parseCdiFile(
      JSON.stringify({
        cdiVersion: '0.6.0',
        kind,
        containerEdits: { env: [`FILE=${path}`] },
        devices: names.map((name) => ({ name, containerEdits: { env: [`DEVICE=${name}`] } })),
      }),
      `${path}.json`,
    ),
  });
  const registry = (low: CdiFile[], high: CdiFile[] = [], problems: string[] = []): CdiRegistry => ({
    folders: [{ path: '/etc/cdi', files: low }, { path: '/var/run/cdi', files: high }],
    problems,
  });
  const envOf = (from: CdiRegistry, ...names: string[]): string[] => findCdiEdits(from, names).flatMap(({ env }) => env);

  it("takes a file's own edits once, before those of its devices", () => {
    const from = registry([file('/a', 'v.com/d', '1', '2'), file('/b', 'v.com/e', '1')]);
    assert.deepEqual(envOf(from, 'v.com/d=2', 'v.com/e=1', 'v.com/d=1'), ['FILE=/a', 'DEVICE=2', 'FILE=/b', 'DEVICE=1', 'DEVICE=1']);
  });

  it('believes a later folder more than an earlier one', () => {
    const from = registry([file('/low', 'v.com/d', '1', '2')], [file('/high', 'v.com/d', '1')]);
    assert.deepEqual(envOf(from, 'v.com/d=1'), ['FILE=/high', 'DEVICE=1']);
    assert.deepEqual(envOf(from, 'v.com/d=2'), ['FILE=/low', 'DEVICE=2']);
  });

  it('refuses a device that two files of one folder have, naming both, and no other device of theirs', () => {
    const from = registry([file('/a', 'v.com/d', '1', '2'), file('/b', 'v.com/d', '1')]);
    assert.throws(() => envOf(from, 'v.com/d=1'), invalid('"v.com/d=1"', '/a.json', '/b.json'));
    assert.deepEqual(envOf(from, 'v.com/d=2'), ['FILE=/a', 'DEVICE=2']);
  });

  it('refuses devices that are nowhere, telling of all of them, of those there are and of files passed over', () => {
    const from = registry([file('/a', 'v.com/d', '1')], [], ['/etc/cdi/broken.yaml: kind is ""']);
    assert.throws(
      () => envOf(from, 'v.com/d=7', 'w.com/x=y'),
      invalid('"v.com/d=7"', 'of v.com/d there are 1', '"w.com/x=y"', '/etc/cdi and /var/run/cdi', 'broken.yaml: kind is ""'),
    );
  });
});

describe('CDI edits', () => {
  const none: ResolvedEdits = { env: [], deviceNodes: [], netDevices: [], mounts: [], hooks: [], additionalGids: [] };
  const spec: OciSpec = {
    ociVersion: '1.2.0',
    process: { user: { uid: 7, gid: 8, additionalGids: [8] }, args: ['x'], env: ['PATH=/bin', 'A=old'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: [] },
      { destination: '/a', type: 'bind', source: '/host/a', options: ['rbind'] },
    ],
    annotations: {},
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      cgroupsPath: '/x',
      namespaces: [],
      devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 1, fileMode: 0o600, uid: 0, gid: 0 }],
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
  const apply = (edits: Partial<ResolvedEdits>, to = spec): OciSpec => applyCdiEdits(to, [{ ...none, ...edits }]);

  it('replace variables and add groups, but not the group 0', () => {
    const { process } = apply({ env: ['A=new', 'B=1'], additionalGids: [44, 0, 8] });
    assert.deepEqual(process.env, ['PATH=/bin', 'A=new', 'B=1']);
    assert.deepEqual(process.user.additionalGids, [8, 44]);
  });

  it("add device nodes, of the container's user unless they say whose, with the right to use them", () => {
    const node = { hostPath: '', type: 'c' as const, major: 9, minor: 3, permissions: '' };
    const { linux } = apply({
      deviceNodes: [
        { ...node, path: '/dev/x', uid: 0, gid: 5, fileMode: 0o640 },
        { ...node, path: '/dev/y', type: 'b', permissions: 'r' },
        { ...node, path: '/dev/z', permissions: 'none' },
        { ...node, path: '/dev/p', type: 'p' },
      ],
    });
    assert.deepEqual(linux.devices, [
      { path: '/dev/x', type: 'c', major: 9, minor: 3, fileMode: 0o640, uid: 0, gid: 5 },
      { path: '/dev/y', type: 'b', major: 9, minor: 3, uid: 7, gid: 8 },
      { path: '/dev/z', type: 'c', major: 9, minor: 3, uid: 7, gid: 8 },
      { path: '/dev/p', type: 'p', major: 9, minor: 3, uid: 7, gid: 8 },
    ]);
    assert.deepEqual(linux.resources.devices?.slice(1), [
      { allow: true, type: 'c', major: 9, minor: 3, access: 'rwm' },
      { allow: true, type: 'b', major: 9, minor: 3, access: 'r' },
    ]);
  });

  it('replace mounts at their path and put every mount after its parent', () => {
    const mount = { hostPath: '/new', options: ['ro', 'rbind'], type: '' };
    const { mounts } = apply({ mounts: [{ ...mount, containerPath: '/a/b/c' }, { ...mount, containerPath: '/a/' }, { ...mount, containerPath: '/d' }] });
    assert.deepEqual(mounts.map(({ destination, source }) => `${destination} ${source}`), ['/proc proc', '/a /new', '/d /new', '/a/b/c /new']);
  });

  it('make bind mounts of those that say nothing else', () => {
    const mount = { hostPath: '/new', containerPath: '/n' };
    const options = [
      { ...mount, type: '', options: ['ro'] },
      { ...mount, type: 'bind', options: [] },
      { ...mount, type: '', options: ['ro', 'rbind'] },
      { ...mount, type: 'none', options: ['bind'] },
      { ...mount, type: 'tmpfs', options: ['ro'] },
    ].map((one) => apply({ mounts: [one] }).mounts.at(-1)?.options);
    assert.deepEqual(options, [['ro', 'bind'], ['bind'], ['ro', 'rbind'], ['bind'], ['ro']]);
  });

  it('map the owners of bind mounts in a user namespace', () => {
    const mapped: OciSpec = { ...spec, linux: { ...spec.linux, namespaces: [{ type: 'user', path: '/x' }] } };
    const mount = { hostPath: '/new', type: '' };
    const options = apply(
      {
        mounts: [
          { ...mount, containerPath: '/r', options: ['rbind'] },
          { ...mount, containerPath: '/s', options: ['bind'] },
          { ...mount, containerPath: '/t', options: ['rbind', 'idmap'] },
          { ...mount, containerPath: '/u', options: [], type: 'tmpfs' },
        ],
      },
      mapped,
    ).mounts.slice(2).map((one) => one.options);
    assert.deepEqual(options, [['rbind', 'ridmap'], ['bind', 'idmap'], ['rbind', 'idmap'], []]);
  });

  it('add hooks by their stage, network devices and an RDT class', () => {
    const hook = { path: '/bin/h', args: [], env: [], timeout: 5 };
    const { hooks, linux } = applyCdiEdits(spec, [
      { ...none, hooks: [{ ...hook, hookName: 'prestart' }, { ...hook, hookName: 'poststop', args: ['h', 'x'] }] },
      { ...none, hooks: [{ ...hook, hookName: 'prestart', env: ['A=1'] }], netDevices: [{ hostInterfaceName: 'eth9', name: 'data' }] },
      { ...none, intelRdt: { closID: 'gold' } },
    ]);
    assert.deepEqual(hooks, {
      prestart: [{ path: '/bin/h', timeout: 5 }, { path: '/bin/h', timeout: 5, env: ['A=1'] }],
      poststop: [{ path: '/bin/h', timeout: 5, args: ['h', 'x'] }],
    });
    assert.deepEqual([linux.netDevices, linux.intelRdt], [{ eth9: { name: 'data' } }, { closID: 'gold' }]);
  });

  it('that do nothing leave the spec as it is', () => {
    const { linux, ...rest } = apply({});
    assert.deepEqual({ ...rest, linux }, spec);
  });
});
