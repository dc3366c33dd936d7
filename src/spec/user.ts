import { invalidField } from '../lib/errors.ts';
import type { OciUser } from './oci.ts';

/** The fields of a container's or a sandbox's security context that choose its user. */
export interface UserChoice {
  readonly runAsUser: { readonly value: string } | null;
  readonly runAsUsername?: string;
  readonly runAsGroup: { readonly value: string } | null;
  readonly supplementalGroups: readonly string[];
  readonly supplementalGroupsPolicy: string;
}

/** /etc/passwd and /etc/group of the image's own root; undefined where it has none. */
export interface UserFiles {
  readonly passwd?: string | Buffer;
  readonly group?: string | Buffer;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** A name or number, and where it was asked: a path of the request, or the image. */
interface Asked {
  readonly text: string;
  readonly field: string;
}

const context = 'config.linux.security_context';
const imageField = "the image's USER";

// 2^32 - 1 is the kernel's "no id", so it can be nobody's.
const maxId = 0xff_ff_ff_fe;

/**
 * The numeric user of a process (CRI run_as_user, run_as_username, run_as_group, supplemental_groups and their
 * policy; else the image's USER; else root). A uid that /etc/passwd lacks has group 0; a name that it lacks is
 * invalidArgument. The primary group is always in `additionalGids`, sorted, as containerd writes them.
 */
export function resolveUser(choice: UserChoice, imageUser: string, files: UserFiles): OciUser {
  const wanted = wantedUser(choice, imageUser);
  const passwd = parsePasswd(files.passwd);
  const groups = parseGroup(files.group);

  const entry = lookupUser(wanted.user, passwd);
  const gid = wanted.group.text === '' ? entry.gid : lookupGroup(wanted.group, groups);
  const supplemental = choice.supplementalGroups.map((text) => parseId({ field: `${context}.supplemental_groups`, text }));
  const inherited = mergesImageGroups(choice.supplementalGroupsPolicy) ? groupsOf(entry.name, groups) : [];
  const all = new Set([gid, ...supplemental, ...inherited]);
  return { uid: entry.uid, gid, additionalGids: [...all].toSorted((a, b) => a - b) };
}

function wantedUser(choice: UserChoice, imageUser: string): { user: Asked; group: Asked } {
  const group = { field: `${context}.run_as_group`, text: choice.runAsGroup?.value ?? '' };
  const username = choice.runAsUsername ?? '';
  if (username !== '') return { user: { field: `${context}.run_as_username`, text: username }, group };
  if (choice.runAsUser !== null) return { user: { field: `${context}.run_as_user`, text: choice.runAsUser.value }, group };
  if (group.text !== '') throw invalidField(group.field, group.text, 'a group needs run_as_user or run_as_username');
  const [name = '', imageGroup = ''] = imageUser.split(':', 2);
  return { user: { field: imageField, text: name === '' ? '0' : name }, group: { field: imageField, text: imageGroup } };
}

function mergesImageGroups(policy: string): boolean {
  if (policy === 'Merge') return true;
  if (policy === 'Strict') return false;
  throw invalidField(`${context}.supplemental_groups_policy`, policy, 'known are Merge and Strict');
}

function lookupUser(user: Asked, passwd: readonly PasswdEntry[]): { name?: string; uid: number; gid: number } {
  if (isNumeric(user.text)) {
    const uid = parseId(user);
    return passwd.find((entry) => entry.uid === uid) ?? { uid, gid: 0 };
  }
  const entry = passwd.find(({ name }) => name === user.text);
  if (entry === undefined) {
    throw invalidField(user.field, user.text, "no such user in the image's /etc/passwd");
  }
  return entry;
}

function lookupGroup(group: Asked, groups: readonly GroupEntry[]): number {
  if (isNumeric(group.text)) return parseId(group);
  const entry = groups.find(({ name }) => name === group.text);
  if (entry === undefined) {
    throw invalidField(group.field, group.text, "no such group in the image's /etc/group");
  }
  return entry.gid;
}

function groupsOf(user: string | undefined, groups: readonly GroupEntry[]): number[] {
  if (user === undefined) return [];
  return groups.filter(({ members }) => members.includes(user)).map(({ gid }) => gid);
}

function isNumeric(text: string): boolean {
  return /^-?\d+$/u.test(text);
}

function parseId({ field, text }: Asked): number {
  const id = Number(text);
  if (!isNumeric(text) || id < 0 || id > maxId) throw invalidField(field, text, `an id is from 0 to ${maxId}`);
  return id;
}

/** Entries of an /etc/passwd text. A line that isn't one is passed over, as libc does. */
export function parsePasswd(text: string | Buffer | undefined): PasswdEntry[] {
  return records(text).flatMap(([name = '', , uid = '', gid = '']) =>
    isFileId(uid) && isFileId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
  );
}

/** Entries of an /etc/group text. A line that isn't one is passed over, as libc does. */
export function parseGroup(text: string | Buffer | undefined): GroupEntry[] {
  return records(text).flatMap(([name = '', , gid = '', members = '']) =>
    isFileId(gid) ? [{ name, gid: Number(gid), members: splitMembers(members) }] : [],
  );
}

function splitMembers(text: string): string[] {
  return text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

function records(text: string | Buffer | undefined): string[][] {
  return (text?.toString('utf8') ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function isFileId(text: string): boolean {
  return /^\d{1,10}$/u.test(text) && Number(text) <= maxId;
}
