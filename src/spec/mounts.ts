import path from 'node:path';

import { CodedError, invalidField } from '../lib/errors.ts';
import type { Mount__Output } from '../types/cri/runtime/v1/Mount.ts';
import { checkIdMappings, type IdMappings, ociIdMappings, requireIdMapSupport } from './id-mapped-mounts.ts';
import { findMount, type MountInfo } from './mount-table.ts';
import type { OciMount, OciPropagation } from './oci.ts';

/** A CRI mount whose source is known: the host path with its symlinks followed, or an image volume's folder. */
export interface ResolvedMount {
  readonly mount: Mount__Output;
  readonly source: string;
  /** Whether the source is an image's, which is read-only and shows the ids of the Pod's user namespace already. */
  readonly isImage?: boolean;
}

/** The sandbox's files that a container sees where no CRI mount of its own covers the path. */
export interface SandboxFiles {
  readonly hosts?: string;
  readonly hostname?: string;
  readonly resolvConf?: string;
  /** The directory to mount as /dev/shm: the Pod's, or the host's own in the host's IPC namespace. */
  readonly shm?: string;
  /** The host's file with the node's time zone. */
  readonly localtime?: string;
}

/** A directory of its own for a VOLUME that the image declares. */
export interface DeclaredVolume {
  readonly containerPath: string;
  readonly source: string;
}

export interface MountInput {
  readonly defaults: readonly OciMount[];
  readonly files: SandboxFiles;
  readonly declaredVolumes: readonly DeclaredVolume[];
  readonly mounts: readonly ResolvedMount[];
  readonly readonlyRootfs: boolean;
  readonly rroSupported: boolean;
  readonly idMapSupported: boolean;
  /** The host's mount table; may be empty where `needsMountInfo` says no. */
  readonly mountInfo: readonly MountInfo[];
  /** Those of the Pod's user namespace, for declared volumes and the sandbox's files; a CRI mount has its own. */
  readonly idMappings?: IdMappings;
}

export interface MountSection {
  readonly mounts: readonly OciMount[];
  readonly rootfsPropagation?: OciPropagation;
}

const propagations = ['PROPAGATION_PRIVATE', 'PROPAGATION_HOST_TO_CONTAINER', 'PROPAGATION_BIDIRECTIONAL'];
const allowedOptions: readonly string[] = ['noexec', 'nodev', 'nosuid'];

/**
 * All mounts of a container: the defaults, then declared volumes, sandbox files and CRI mounts by the depth of
 * their path, so that none hides another. A path mounted twice is the CRI's before the image's, the image's
 * before a default, and of two CRI mounts the last. Errors: invalidArgument; kind unknown with the reason
 * RROUnsupported, by which the kubelet knows it.
 */
export function buildMounts(input: MountInput): MountSection {
  const byPath = new Map<string, OciMount>();
  const fromCri = input.mounts.map((mount, at) => criMount(mount, at, input));
  for (const mount of [...declaredVolumeMounts(input), ...sandboxFileMounts(input), ...fromCri]) {
    byPath.delete(mount.destination);
    byPath.set(mount.destination, mount);
  }
  const defaults = input.defaults.filter(({ destination }) => !isCovered(destination, byPath));
  const sorted = [...byPath.values()]
    .map((mount) => ({ mount, depth: depth(mount.destination) }))
    .toSorted((a, b) => a.depth - b.depth)
    .map(({ mount }) => mount);
  const rootfsPropagation = strongestPropagation(input.mounts);
  return { mounts: [...defaults, ...sorted], ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }) };
}

/** Whether any mount propagates, so that the host's mount table has to be read for `buildMounts`. */
export function needsMountInfo(mounts: readonly Mount__Output[]): boolean {
  return mounts.some(({ propagation }) => propagation !== 'PROPAGATION_PRIVATE');
}

/** Whether a mount is of an image instead of the host (CRI Mount.image). */
export function isImageVolume(mount: Mount__Output): boolean {
  return (mount.image?.image ?? '') !== '';
}

/**
 * invalidArgument for what no host could mount: its options, and what recursive_read_only needs beside it. `at` is the
 * mount's place in the request.
 */
export function checkMountOptions(mount: Mount__Output, at: number): void {
  const place = `config.mounts[${at}]`;
  const which = `the mount at ${mount.containerPath}`;
  const unknown = mount.mountOptions.find((option) => !allowedOptions.includes(option));
  if (unknown !== undefined) {
    throw invalidField(`${place}.mount_options`, unknown, `${which} can have ${allowedOptions.join(', ')}`);
  }
  // An image_sub_path without an image is let pass: where a Pod has an image volume as well, the kubelet gives
  // each mount its sub path there, also those of the host, whose host_path has it already.
  if (!mount.recursiveReadOnly) return;
  const field = `${place}.recursive_read_only`;
  if (!mount.readonly) throw invalidField(field, true, `${which} needs readonly too`);
  if (mount.propagation !== 'PROPAGATION_PRIVATE') {
    throw invalidField(field, true, `${which} needs private propagation, not ${mount.propagation}`);
  }
}

/** Covered: mounted over at the same path, or under a /dev that is given whole (its nodes are then the host's). */
function isCovered(destination: string, byPath: ReadonlyMap<string, OciMount>): boolean {
  return byPath.has(destination) || (byPath.has('/dev') && destination.startsWith('/dev/'));
}

function depth(destination: string): number {
  return destination === '/' ? 0 : destination.split('/').length;
}

function declaredVolumeMounts(input: MountInput): OciMount[] {
  return input.declaredVolumes.map(({ containerPath, source }) => ({
    destination: path.posix.resolve('/', containerPath),
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', 'rw'],
    ...ociIdMappings(input.idMappings),
  }));
}

/** Read-only with the root file system: a container that may write nowhere shall not write to /etc/hosts either. */
function sandboxFileMounts(input: MountInput): OciMount[] {
  const { files, readonlyRootfs } = input;
  const access = readonlyRootfs ? 'ro' : 'rw';
  const texts: [string, string | undefined][] = [
    ['/etc/hostname', files.hostname],
    ['/etc/hosts', files.hosts],
    ['/etc/resolv.conf', files.resolvConf],
  ];
  const mounts: OciMount[] = texts.flatMap(([destination, source]) =>
    source === undefined
      ? []
      : [{ destination, type: 'bind', source, options: ['rbind', 'rprivate', access], ...ociIdMappings(input.idMappings) }],
  );
  if (files.localtime !== undefined) {
    // Readable by all and the host's own, which may lie where owners cannot be mapped.
    mounts.push({ destination: '/etc/localtime', type: 'bind', source: files.localtime, options: ['rbind', 'rprivate', 'ro'] });
  }
  if (files.shm === undefined) return mounts;
  // Not id-mapped: tmpfs learnt that in 6.3 only, and the directory is empty and open to all anyway. The flags
  // are those it is mounted with, which a remount by runc would drop if they weren't repeated.
  const options = ['rbind', 'rprivate', 'rw', 'nosuid', 'noexec', 'nodev'];
  return [...mounts, { destination: '/dev/shm', type: 'bind', source: files.shm, options }];
}

function criMount({ mount, source, isImage = false }: ResolvedMount, at: number, input: MountInput): OciMount {
  checkMountOptions(mount, at);
  checkIdMappings(mount, at);
  const access = accessOf(mount, input.rroSupported);
  if (!isImage) requireIdMapSupport(mount, at, input.idMapSupported);
  return {
    destination: path.posix.resolve('/', mount.containerPath),
    type: 'bind',
    source,
    options: [
      'rbind',
      propagationOf(mount, at, source, input),
      isImage && access === 'rw' ? 'ro' : access,
      ...mount.mountOptions,
    ],
    ...(isImage ? {} : ociIdMappings({ uids: mount.uidMappings, gids: mount.gidMappings })),
  };
}

/**
 * CRI MountPropagation; a mount that shall propagate has to come from one that does on the host. Out of a user
 * namespace the kernel lets none come (mount_namespaces(7): shared mounts become slaves in there).
 */
function propagationOf(
  mount: Mount__Output,
  at: number,
  source: string,
  { mountInfo: table, idMappings }: Pick<MountInput, 'mountInfo' | 'idMappings'>,
): OciPropagation {
  const wanted = mount.propagation;
  switch (wanted) {
    case 'PROPAGATION_PRIVATE':
      return 'rprivate';
    case 'PROPAGATION_HOST_TO_CONTAINER':
      requireTag(mount, at, source, table, ['shared:', 'master:'], 'shared or slave');
      return 'rslave';
    case 'PROPAGATION_BIDIRECTIONAL':
      if (idMappings !== undefined) {
        throw invalidField(`config.mounts[${at}].propagation`, wanted, 'mounts made in a user namespace never reach the host');
      }
      requireTag(mount, at, source, table, ['shared:'], 'shared');
      return 'rshared';
  }
  throw invalidField(`config.mounts[${at}].propagation`, wanted, `known are ${propagations.join(', ')}`);
}

function requireTag(
  { propagation, hostPath }: Mount__Output,
  at: number,
  source: string,
  table: readonly MountInfo[],
  prefixes: readonly string[],
  what: string,
): void {
  const found = findMount(table, source);
  const holds = found?.tags.some((tag) => prefixes.some((prefix) => tag.startsWith(prefix))) ?? false;
  if (holds) return;
  const where = found === undefined ? 'on no known mount' : `on the mount "${found.mountPoint}"`;
  throw invalidField(
    `config.mounts[${at}].propagation`,
    propagation,
    `host_path "${hostPath}" (${source}) is ${where}, which is not a ${what} mount`,
  );
}

/** CRI readonly and recursive_read_only; `rro` needs a kernel and an OCI runtime that know it. */
function accessOf(mount: Mount__Output, rroSupported: boolean): 'rw' | 'ro' | 'rro' {
  if (!mount.recursiveReadOnly) return mount.readonly ? 'ro' : 'rw';
  if (rroSupported) return 'rro';
  throw new CodedError(
    'unknown',
    `the mount at ${mount.containerPath} is recursive_read_only, which kernel or OCI runtime lack`,
    { reason: 'RROUnsupported' },
  );
}

/** The root has to propagate as far as its mounts do, or nothing would reach them. */
function strongestPropagation(mounts: readonly ResolvedMount[]): OciPropagation | undefined {
  const all = new Set(mounts.map(({ mount }) => mount.propagation));
  if (all.has('PROPAGATION_BIDIRECTIONAL')) return 'rshared';
  return all.has('PROPAGATION_HOST_TO_CONTAINER') ? 'rslave' : undefined;
}
