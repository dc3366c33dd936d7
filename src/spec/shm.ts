import { CodedError, invalidField, messageOf } from '../lib/errors.ts';
import { parseQuantity } from '../lib/quantity.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';

/** 64 MiB, the size every runtime gives a Pod's /dev/shm. */
const defaultBytes = 64 * 1024 * 1024;

/** A Kubernetes quantity, as in a Pod's resources: `1Gi`, `500M`. */
const ownAnnotation = 'podwright.dev/shm-size';
/** CRI-O's, whose units are Docker's: a letter of any case, always binary. */
const crioAnnotation = 'io.kubernetes.cri-o.ShmSize';

/**
 * The size of a Pod's /dev/shm in bytes, by annotation; podwright's own goes before CRI-O's. invalidArgument with the
 * annotation for what is no size, and for any where the Pod has the host's /dev/shm.
 */
export function shmBytes({ annotations, linux }: PodSandboxConfig__Output): number {
  const chosen = [ownAnnotation, crioAnnotation].find((name) => Object.hasOwn(annotations, name));
  if (chosen === undefined) return defaultBytes;
  const field = `config.annotations["${chosen}"]`;
  const text = annotations[chosen] ?? '';
  if (linux?.securityContext?.namespaceOptions?.ipc === 'NODE') {
    throw invalidField(field, text, "the Pod shares the host's IPC namespace and its /dev/shm, whose size is the host's");
  }
  const bytes = chosen === ownAnnotation ? readQuantity(field, text) : readDockerSize(field, text);
  if (bytes <= 0n) throw invalidField(field, text, 'a size is more than 0');
  // A tmpfs has no more than a file can have, and everything up to here is a whole number for us too.
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidField(field, text, 'a size is less than 8Pi');
  return Number(bytes);
}

function readQuantity(field: string, text: string): bigint {
  try {
    return parseQuantity(text);
  } catch (error) {
    throw new CodedError('invalidArgument', `${field}: ${messageOf(error)}`, { cause: error });
  }
}

function readDockerSize(field: string, text: string): bigint {
  const match = /^(\d{1,16})(?:\.(\d{1,9}))? ?([kmgtp]?)i?b?$/i.exec(text);
  const [, whole = '', fraction = '', unit = ''] = match ?? [];
  if (match === null) throw invalidField(field, text, 'a size is like "64m" or "1.5g"');
  const factor = 1024n ** BigInt(['', 'k', 'm', 'g', 't', 'p'].indexOf(unit.toLowerCase()));
  return (BigInt(whole + fraction) * factor) / 10n ** BigInt(fraction.length);
}
