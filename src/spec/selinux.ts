import { invalidField } from '../lib/errors.ts';
import type { SELinuxOption__Output } from '../types/cri/runtime/v1/SELinuxOption.ts';

/** The labels of a container's process and of its files. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

// The containers' domain and file type of the distributions' container-selinux policy.
const processBase: LabelParts = { user: 'system_u', role: 'system_r', type: 'container_t' };
const mountBase: LabelParts = { user: 'system_u', role: 'object_r', type: 'container_file_t' };

const field = 'config.linux.security_context.selinux_options';

interface LabelParts {
  readonly user: string;
  readonly role: string;
  readonly type: string;
}

/**
 * Labels from CRI selinux_options over the container defaults. `podLevel` is the Pod's own MCS level, shared by
 * its containers so that they can share volumes. None where SELinux is off; a privileged container's process
 * isn't confined but its files are labelled. invalidArgument for a part no label can have.
 */
export function selinuxLabels(
  options: SELinuxOption__Output | null,
  host: { readonly selinuxEnabled: boolean },
  podLevel: string,
  privileged: boolean,
): SelinuxLabels | undefined {
  if (!host.selinuxEnabled) return undefined;
  for (const part of ['user', 'role', 'type'] as const) {
    const value = options?.[part] ?? '';
    if (!/^[\w.-]*$/u.test(value)) throw invalidField(`${field}.${part}`, value, 'a name has letters, digits, "_", "." and "-"');
  }
  const level = options?.level || podLevel;
  if (!/^s\d+(?:-s\d+)?(?::c\d+(?:\.c\d+)?(?:,c\d+(?:\.c\d+)?)*)?(?:-s\d+(?::c[\d.,c]+)?)?$/u.test(level)) {
    throw invalidField(`${field}.level`, level, 'a level looks like s0:c1,c2');
  }
  const user = options?.user || processBase.user;
  const role = options?.role || processBase.role;
  const type = options?.type || processBase.type;
  return {
    process: privileged ? '' : `${user}:${role}:${type}:${level}`,
    mount: `${mountBase.user}:${mountBase.role}:${mountBase.type}:${level}`,
  };
}
