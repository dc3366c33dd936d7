import assert from 'node:assert/strict';

import { buildExecProcess } from '../../../src/spec/exec-process.ts';
import type { OciProcess } from '../../../src/spec/oci.ts';
import { invalid } from './fixtures.ts';

const process: OciProcess = {
  terminal: true,
  user: { uid: 7, gid: 8, additionalGids: [8, 9] },
  args: ['sleep', '1'],
  env: ['A=1'],
  cwd: '/srv',
  noNewPrivileges: true,
};

describe('the process of an exec', () => {
  it('is the container’s own but for its argv and terminal', () => {
    assert.deepEqual(buildExecProcess(process, ['ls'], false), { ...process, args: ['ls'], terminal: false });
  });

  it('has TERM=xterm on a terminal', () => {
    assert.deepEqual(buildExecProcess(process, ['sh'], true).env, ['A=1', 'TERM=xterm']);
  });

  it('keeps the container’s own TERM', () => {
    assert.deepEqual(buildExecProcess({ ...process, env: ['TERM=vt100'] }, ['sh'], true).env, ['TERM=vt100']);
  });

  it('needs a command, in which no text is cut off', () => {
    assert.throws(() => buildExecProcess(process, [], false), invalid('cmd'));
    assert.throws(() => buildExecProcess(process, ['sh', 'a\0b'], false), invalid('cmd[1]', 'NUL'));
  });
});
