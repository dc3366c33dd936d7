import assert from 'node:assert/strict';

import { checkSelinuxOptions, parseLxcContexts, podLevel, relabelledPaths, selinuxLabels } from '../../../src/spec/selinux.ts';
import { criMount, invalid, selinux } from './fixtures.ts';

const options = (over: object) => ({ user: '', role: '', type: '', level: '', ...over });

describe('SELinux labels', () => {
  it('are none where SELinux is off, whatever a Pod asks for other nodes', () => {
    assert.equal(selinuxLabels(options({ type: 'spc_t', level: 's0' }), undefined, undefined, false), undefined);
  });

  it('are the policy’s for containers at the Pod’s level', () => {
    assert.deepEqual(selinuxLabels(null, selinux, 's0:c1,c2', false), {
      process: 'system_u:system_r:container_t:s0:c1,c2',
      mount: 'system_u:object_r:container_file_t:s0:c1,c2',
    });
  });

  it('take what is asked for, user and level for the files too', () => {
    assert.deepEqual(selinuxLabels(options({ user: 'u', role: 'r', type: 'spc_t', level: 's0:c5' }), selinux, 's0', false), {
      process: 'u:r:spc_t:s0:c5',
      mount: 'u:object_r:container_file_t:s0:c5',
    });
  });

  it('leave a privileged process unconfined', () => {
    assert.equal(selinuxLabels(null, selinux, 's0', true)?.process, '');
  });

  it('are refused where no label could be made of them, SELinux on or off', () => {
    assert.throws(() => selinuxLabels(options({ type: 'a:b' }), undefined, 's0', false), invalid('selinux_options.type', 'a:b'));
    assert.throws(() => checkSelinuxOptions(options({ level: 'gibberish' })), invalid('selinux_options.level'));
    assert.doesNotThrow(() => checkSelinuxOptions(null));
  });

  it('are read from the policy’s lxc_contexts', () => {
    const text = '; a comment\nprocess = "a:b:container_t:s0"\n content = "x"\n# more\nfile = "a:c:container_file_t:s0"\nro_file="y"\n';
    assert.deepEqual(parseLxcContexts(text), { process: 'a:b:container_t:s0', file: 'a:c:container_file_t:s0' });
    assert.equal(parseLxcContexts('file = "a:c:container_file_t:s0"\n'), undefined);
  });
});

describe('the SELinux level of a Pod', () => {
  it('is two categories that no other Pod has', () => {
    assert.equal(podLevel(null, selinux, new Set(), () => 0), 's0:c0,c1');
    assert.equal(podLevel(null, selinux, new Set(['s0:c0,c1', 's0:c0,c2']), () => 0), 's0:c1,c2');
  });

  it('goes on from the last pair with the first', () => {
    const last = (): number => 1 - Number.EPSILON;
    assert.equal(podLevel(null, selinux, new Set(), last), 's0:c1022,c1023');
    assert.equal(podLevel(null, selinux, new Set(['s0:c1022,c1023']), last), 's0:c0,c1');
  });

  it('is the one that is asked for', () => {
    assert.equal(podLevel(options({ level: 's0:c7' }), selinux, new Set(['s0:c7'])), 's0:c7');
  });

  it('is none where SELinux is off', () => {
    assert.equal(podLevel(options({ level: 's0:c7' }), undefined, new Set()), undefined);
  });
});

describe('files that get a container’s SELinux label', () => {
  const none = { files: {}, declaredVolumes: [], mounts: [] };
  const mount = (source: string, over: object) => ({ source, mount: { ...criMount('/data'), hostPath: source, ...over } });

  it('are the mounts with selinux_relabel, the image’s volumes, and the Pod’s own files', () => {
    const mounts = [mount('/v/1', { selinuxRelabel: true }), mount('/v/2', {})];
    const declaredVolumes = [{ containerPath: '/x', source: '/own/0' }];
    const files = { hosts: '/s/hosts', shm: '/s/shm', localtime: '/etc/localtime' };
    assert.deepEqual(relabelledPaths({ files, declaredVolumes, mounts }, false), ['/s/hosts', '/s/shm', '/own/0', '/v/1']);
  });

  it('are neither the host’s /dev/shm nor an image', () => {
    const mounts = [mount('/view', { selinuxRelabel: true, image: { image: 'i' } })];
    assert.deepEqual(relabelledPaths({ ...none, files: { shm: '/dev/shm' }, mounts }, true), []);
  });

  it('are never folders of the system', () => {
    const mounts = [mount('/v', {}), mount('/etc', { selinuxRelabel: true })];
    assert.throws(() => relabelledPaths({ ...none, mounts }, false), invalid('config.mounts[1].selinux_relabel is true'));
    assert.deepEqual(relabelledPaths({ ...none, mounts: [mount('/etc/app', { selinuxRelabel: true })] }, false), ['/etc/app']);
  });
});
