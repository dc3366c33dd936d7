import assert from 'node:assert/strict';
import fc from 'fast-check';

import { defaultMounts } from '../../../src/spec/default-mounts.ts';
import { buildMounts, type MountInput, needsMountInfo } from '../../../src/spec/mounts.ts';
import { criMount, failure, host, idRange, invalid, unknownEnum } from './fixtures.ts';

const input: MountInput = {
  defaults: [],
  files: {},
  declaredVolumes: [],
  mounts: [],
  readonlyRootfs: false,
  rroSupported: true,
  idMapSupported: true,
  mountInfo: [],
};
const files = { hosts: '/s/hosts', hostname: '/s/hostname', resolvConf: '/s/resolv.conf', shm: '/s/shm' };
const one = (over: Parameters<typeof criMount>[1], more: Partial<MountInput> = {}) =>
  buildMounts({ ...input, ...more, mounts: [{ mount: criMount('/data', over), source: '/host' }] });
const destinations = (built: ReturnType<typeof buildMounts>): string[] => built.mounts.map((mount) => mount.destination);

describe('a container’s mounts', () => {
  it('bind a host path with all below it, private and writable', () => {
    assert.deepEqual(one({}).mounts, [
      { destination: '/data', type: 'bind', source: '/host', options: ['rbind', 'rprivate', 'rw'] },
    ]);
  });

  it('come by the depth of their cleaned paths', () => {
    const paths = ['/a/b/c', '/a', '/a/b/', '/z/../b', 'rel/x'];
    const mounts = paths.map((path) => ({ mount: criMount(path), source: '/host' }));
    assert.deepEqual(destinations(buildMounts({ ...input, mounts })), ['/a', '/b', '/a/b', '/rel/x', '/a/b/c']);
  });

  it('never hide one another, in whatever order they are asked', () => {
    const path = fc.array(fc.constantFrom('a', 'b', '.', '..'), { maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const mounts = paths.map((given) => ({ mount: criMount(given), source: '/host' }));
        const built = destinations(buildMounts({ ...input, mounts }));
        assert.equal(new Set(built).size, built.length);
        built.forEach((deep, at) => {
          for (const later of built.slice(at + 1)) assert.ok(!deep.startsWith(later === '/' ? '/' : `${later}/`));
        });
      }),
    );
  });

  it('take the last of two at one path', () => {
    const mounts = ['/a', '/a/.'].map((path, at) => ({ mount: criMount(path), source: `/host${at}` }));
    assert.deepEqual(buildMounts({ ...input, mounts }).mounts.map(({ source }) => source), ['/host1']);
  });

  it('show the sandbox’s files unless a CRI mount is at the path', () => {
    const mounts = [{ mount: criMount('/etc/hosts'), source: '/kubelet/hosts' }];
    const built = buildMounts({ ...input, files, mounts });
    assert.deepEqual(
      built.mounts.map(({ destination, source }) => [destination, source]),
      [
        ['/etc/hostname', '/s/hostname'],
        ['/etc/resolv.conf', '/s/resolv.conf'],
        ['/dev/shm', '/s/shm'],
        ['/etc/hosts', '/kubelet/hosts'],
      ],
    );
  });

  it('show the sandbox’s files read-only with a read-only root, but for /dev/shm', () => {
    const built = buildMounts({ ...input, files, readonlyRootfs: true });
    const access = built.mounts.map(({ destination, options }) => [destination, options[2]]);
    assert.deepEqual(Object.fromEntries(access), {
      '/etc/hostname': 'ro',
      '/etc/hosts': 'ro',
      '/etc/resolv.conf': 'ro',
      '/dev/shm': 'rw',
    });
  });

  it('have a directory for each VOLUME of the image that no CRI mount covers', () => {
    const declaredVolumes = [{ containerPath: '/data', source: '/v/1' }, { containerPath: '/cache', source: '/v/2' }];
    const mounts = [{ mount: criMount('/data'), source: '/host' }];
    const built = buildMounts({ ...input, declaredVolumes, mounts });
    assert.deepEqual(built.mounts.map(({ source }) => source), ['/v/2', '/host']);
  });

  const defaults = defaultMounts({ privileged: false, hostNetworkInUserns: false, hasCgroupNamespace: true, host });

  it('begin with the defaults', () => {
    const built = buildMounts({ ...input, defaults, mounts: [{ mount: criMount('/a'), source: '/host' }] });
    assert.deepEqual(destinations(built), ['/proc', '/dev', '/dev/pts', '/dev/mqueue', '/sys', '/sys/fs/cgroup', '/a']);
  });

  it('have no default where a CRI mount is, and none under a /dev given whole', () => {
    const mounts = ['/dev', '/sys'].map((path) => ({ mount: criMount(path), source: path }));
    const built = buildMounts({ ...input, defaults, mounts });
    assert.deepEqual(destinations(built), ['/proc', '/sys/fs/cgroup', '/dev', '/sys']);
  });

  it('are read-only where asked, with the options asked', () => {
    assert.deepEqual(one({ readonly: true, mountOptions: ['noexec', 'nosuid'] }).mounts[0]?.options, [
      'rbind',
      'rprivate',
      'ro',
      'noexec',
      'nosuid',
    ]);
  });

  it('refuse an option that the CRI does not know', () => {
    assert.throws(() => one({ mountOptions: ['exec'] }), invalid('mount_options', '/data', '"exec"'));
  });

  it('of the host take no notice of an image’s sub path, which the kubelet gives them beside an image volume', () => {
    assert.deepEqual(one({ imageSubPath: 'app.conf' }), one({}));
  });

  it('are mapped to a user namespace’s ids, the sandbox’s text files too but not /dev/shm', () => {
    const mapped = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const built = one({ uidMappings: idRange, gidMappings: idRange }, { files, idMappings: { uids: idRange, gids: idRange } });
    for (const { destination, uidMappings, gidMappings } of built.mounts) {
      const expected = destination === '/dev/shm' ? undefined : mapped;
      assert.deepEqual([uidMappings, gidMappings], [expected, expected], destination);
    }
  });

  it('refuse to be mapped for users alone, and where the host cannot map them unless they are of an image', () => {
    assert.throws(() => one({ uidMappings: idRange }), invalid('config.mounts[0].gidMappings', '/data'));
    const both = { uidMappings: idRange, gidMappings: idRange };
    assert.throws(() => one(both, { idMapSupported: false }), invalid('config.mounts[0].uidMappings', 'id-mapped'));
    const ofImage = { mount: criMount('/data', both), source: '/view', isImage: true };
    assert.equal(buildMounts({ ...input, idMapSupported: false, mounts: [ofImage] }).mounts[0]?.uidMappings, undefined);
  });

  describe('that are recursively read-only', () => {
    const rro = { readonly: true, recursiveReadOnly: true };

    it('say so to the runtime', () => {
      assert.deepEqual(one(rro).mounts[0]?.options, ['rbind', 'rprivate', 'rro']);
    });

    it('fail by the name the kubelet knows where they are not supported', () => {
      assert.throws(() => one(rro, { rroSupported: false }), (error: Error) => error.message.startsWith('RROUnsupported') && failure('unknown')(error));
    });

    it('have to be read-only and private', () => {
      assert.throws(() => one({ recursiveReadOnly: true }), invalid('recursive_read_only', '/data', 'readonly'));
      for (const propagation of ['PROPAGATION_HOST_TO_CONTAINER', 'PROPAGATION_BIDIRECTIONAL'] as const) {
        assert.throws(() => one({ ...rro, propagation }), invalid('recursive_read_only', propagation));
      }
    });
  });

  describe('that propagate', () => {
    const table = [
      { mountPoint: '/', tags: [] },
      { mountPoint: '/host', tags: ['shared:5'] },
      { mountPoint: '/hosts', tags: [] },
    ];

    it('raise the root file system’s own propagation as far as they need', () => {
      const slave = { mount: criMount('/a', { propagation: 'PROPAGATION_HOST_TO_CONTAINER' }), source: '/host' };
      const shared = { mount: criMount('/b', { propagation: 'PROPAGATION_BIDIRECTIONAL' }), source: '/host/x' };
      assert.equal(buildMounts({ ...input, mountInfo: table, mounts: [slave] }).rootfsPropagation, 'rslave');
      const both = buildMounts({ ...input, mountInfo: table, mounts: [slave, shared] });
      assert.equal(both.rootfsPropagation, 'rshared');
      assert.deepEqual(both.mounts.map(({ options }) => options[1]), ['rslave', 'rshared']);
      assert.equal(one({}).rootfsPropagation, undefined);
    });

    it('are refused from a private mount of the host, which is named', () => {
      for (const propagation of ['PROPAGATION_HOST_TO_CONTAINER', 'PROPAGATION_BIDIRECTIONAL'] as const) {
        const mounts = [{ mount: criMount('/a', { propagation }), source: '/hosts/x' }];
        assert.throws(() => buildMounts({ ...input, mountInfo: table, mounts }), invalid('config.mounts[0].propagation', propagation, '/hosts/x', '"/hosts"'));
      }
    });

    it('may come one way from a slave, but not both ways', () => {
      const mountInfo = [{ mountPoint: '/', tags: ['master:3'] }];
      assert.doesNotThrow(() => one({ propagation: 'PROPAGATION_HOST_TO_CONTAINER' }, { mountInfo }));
      assert.throws(() => one({ propagation: 'PROPAGATION_BIDIRECTIONAL' }, { mountInfo }), invalid('shared'));
    });

    it('may come into a user namespace, but not out of it', () => {
      const more = { mountInfo: [{ mountPoint: '/', tags: ['shared:3'] }], idMappings: { uids: idRange, gids: idRange } };
      assert.equal(one({ propagation: 'PROPAGATION_HOST_TO_CONTAINER' }, more).rootfsPropagation, 'rslave');
      assert.throws(() => one({ propagation: 'PROPAGATION_BIDIRECTIONAL' }, more), invalid('config.mounts[0].propagation', 'user namespace'));
    });

    it('are judged by the upper of two mounts at one point', () => {
      const mountInfo = [...table, { mountPoint: '/host', tags: [] }];
      assert.throws(() => one({ propagation: 'PROPAGATION_BIDIRECTIONAL' }, { mountInfo }), invalid('"/host"'));
    });

    it('need the mount table, others do not', () => {
      assert.equal(needsMountInfo([criMount('/a')]), false);
      assert.equal(needsMountInfo([criMount('/a', { propagation: 'PROPAGATION_BIDIRECTIONAL' })]), true);
    });

    it('are refused when the CRI does not know the propagation', () => {
      assert.throws(() => one({ propagation: unknownEnum(9) }), invalid('propagation', '9'));
    });
  });
});

describe('the default mounts', () => {
  const facts = { privileged: false, hostNetworkInUserns: false, hasCgroupNamespace: true, host };
  const at = (path: string, over: object) =>
    defaultMounts({ ...facts, ...over }).find(({ destination }) => destination === path);

  it('show /sys and the cgroups read-only, and writable to the privileged', () => {
    for (const path of ['/sys', '/sys/fs/cgroup']) {
      assert.ok(at(path, {})?.options.includes('ro'), path);
      assert.ok(at(path, { privileged: true })?.options.includes('rw'), path);
    }
  });

  it('bind the host’s /sys where sysfs cannot be mounted', () => {
    assert.deepEqual(at('/sys', { hostNetworkInUserns: true })?.type, 'bind');
  });

  it('repeat the host’s cgroup2 options outside a cgroup namespace, where they would be lost to the host', () => {
    const over = { host: { ...host, cgroup2Options: ['nsdelegate'] } };
    assert.ok(!at('/sys/fs/cgroup', over)?.options.includes('nsdelegate'));
    assert.ok(at('/sys/fs/cgroup', { ...over, hasCgroupNamespace: false })?.options.includes('nsdelegate'));
  });
});
