import assert from 'node:assert/strict';

import { selinuxLabels } from '../../../src/spec/selinux.ts';
import { invalid } from './fixtures.ts';

const on = { selinuxEnabled: true };
const options = (over: object) => ({ user: '', role: '', type: '', level: '', ...over });

describe('SELinux labels', () => {
  it('are none where SELinux is off', () => {
    assert.equal(selinuxLabels(options({ level: 's0' }), { selinuxEnabled: false }, 's0', false), undefined);
  });

  it('are the container defaults at the Pod’s level', () => {
    assert.deepEqual(selinuxLabels(null, on, 's0:c1,c2', false), {
      process: 'system_u:system_r:container_t:s0:c1,c2',
      mount: 'system_u:object_r:container_file_t:s0:c1,c2',
    });
  });

  it('take what is asked for, the level for the files too', () => {
    assert.deepEqual(selinuxLabels(options({ user: 'u', role: 'r', type: 'spc_t', level: 's0:c5' }), on, 's0', false), {
      process: 'u:r:spc_t:s0:c5',
      mount: 'system_u:object_r:container_file_t:s0:c5',
    });
  });

  it('leave a privileged process unconfined', () => {
    assert.equal(selinuxLabels(null, on, 's0', true)?.process, '');
  });

  it('are refused where no label could be made of them', () => {
    assert.throws(() => selinuxLabels(options({ type: 'a:b' }), on, 's0', false), invalid('selinux_options.type', 'a:b'));
    assert.throws(() => selinuxLabels(options({ level: 'gibberish' }), on, 's0', false), invalid('selinux_options.level'));
  });
});
