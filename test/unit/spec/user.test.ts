import assert from 'node:assert/strict';
import fc from 'fast-check';

import { parseGroup, parsePasswd, resolveUser, type UserChoice } from '../../../src/spec/user.ts';
import { invalid, unknownEnum } from './fixtures.ts';

const files = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n# comment\nbroken\nnobody:x:65534:65534::/:\n',
  group: 'root:x:0:\nalice:x:1000:\nextra:x:50000:alice,bob\nwheel:x:10:root, alice\n',
};
const nothing: UserChoice = {
  runAsUser: null,
  runAsUsername: '',
  runAsGroup: null,
  supplementalGroups: [],
  supplementalGroupsPolicy: 'Merge',
};

describe('a process’s user', () => {
  const table: { name: string; choice?: Partial<UserChoice>; image?: string; uid: number; gid: number; groups: number[] }[] = [
    { name: 'is root when nobody says anything', uid: 0, gid: 0, groups: [0, 10] },
    { name: 'is the image’s by name', image: 'alice', uid: 1000, gid: 1000, groups: [10, 1000, 50_000] },
    { name: 'is the image’s by number, found in passwd', image: '1000', uid: 1000, gid: 1000, groups: [10, 1000, 50_000] },
    { name: 'is the image’s number in group 0 when passwd lacks it', image: '1234', uid: 1234, gid: 0, groups: [0] },
    { name: 'is the image’s with a group by name', image: 'nobody:extra', uid: 65_534, gid: 50_000, groups: [50_000] },
    { name: 'is the image’s with a group by number', image: '1003:1004', uid: 1003, gid: 1004, groups: [1004] },
    { name: 'is run_as_user before the image’s', choice: { runAsUser: { value: '65534' } }, image: 'alice:extra', uid: 65_534, gid: 65_534, groups: [65_534] },
    { name: 'is run_as_username', choice: { runAsUsername: 'alice' }, uid: 1000, gid: 1000, groups: [10, 1000, 50_000] },
    { name: 'has run_as_group as its group', choice: { runAsUser: { value: '1000' }, runAsGroup: { value: '1002' } }, uid: 1000, gid: 1002, groups: [10, 1002, 50_000] },
    { name: 'has run_as_group 0 where it is asked for', choice: { runAsUser: { value: '1000' }, runAsGroup: { value: '0' } }, uid: 1000, gid: 0, groups: [0, 10, 50_000] },
    { name: 'has supplemental groups beside the image’s under Merge', choice: { runAsUser: { value: '1000' }, supplementalGroups: ['1234', '10'] }, uid: 1000, gid: 1000, groups: [10, 1000, 1234, 50_000] },
    { name: 'has supplemental groups alone under Strict', choice: { runAsUser: { value: '1000' }, supplementalGroups: ['1234'], supplementalGroupsPolicy: 'Strict' }, uid: 1000, gid: 1000, groups: [1000, 1234] },
  ];
  for (const { name, choice = {}, image = '', uid, gid, groups } of table) {
    it(name, () => {
      assert.deepEqual(resolveUser({ ...nothing, ...choice }, image, files), { uid, gid, additionalGids: groups });
    });
  }

  it('needs no files when it is a number', () => {
    const choice = { ...nothing, runAsUser: { value: '5' } };
    assert.deepEqual(resolveUser(choice, '', {}), { uid: 5, gid: 0, additionalGids: [0] });
  });

  it('reads the files as bytes too', () => {
    const bytes = { passwd: Buffer.from(files.passwd), group: Buffer.from(files.group) };
    assert.equal(resolveUser(nothing, 'alice', bytes).uid, 1000);
  });

  const refused: { name: string; choice?: Partial<UserChoice>; image?: string; says: string[] }[] = [
    { name: 'a name that passwd lacks', choice: { runAsUsername: 'eve' }, says: ['config.linux.security_context.run_as_username is "eve"', '/etc/passwd'] },
    { name: 'a group name that group lacks', image: 'alice:eve', says: ["the image's USER is \"eve\"", '/etc/group'] },
    { name: 'a group without a user', choice: { runAsGroup: { value: '5' } }, says: ['config.linux.security_context.run_as_group is "5"'] },
    { name: 'a negative id', choice: { runAsUser: { value: '-1' } }, says: ['config.linux.security_context.run_as_user is "-1"', 'from 0 to'] },
    { name: 'an id past 32 bits', choice: { supplementalGroups: ['4294967296'] }, says: ['supplemental_groups', '4294967296'] },
    { name: 'an unknown policy', choice: { supplementalGroupsPolicy: unknownEnum<string>(7) }, says: ['supplemental_groups_policy', '7'] },
  ];
  for (const { name, choice = {}, image = '', says } of refused) {
    it(`is refused for ${name}`, () => {
      assert.throws(() => resolveUser({ ...nothing, ...choice }, image, files), invalid(...says));
    });
  }
});

describe('passwd and group files', () => {
  it('never break the reader, whatever is in them', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const { uid, gid } of parsePasswd(text)) assert.ok(Number.isInteger(uid) && Number.isInteger(gid));
        for (const { gid } of parseGroup(text)) assert.ok(gid >= 0 && gid < 2 ** 32);
      }),
    );
  });

  it('give no empty member for a group without members', () => {
    assert.deepEqual(parseGroup('a:x:1:')[0]?.members, []);
  });
});
