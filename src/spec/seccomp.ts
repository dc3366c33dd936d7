import path from 'node:path';

import { invalidField } from '../lib/errors.ts';
import type { SecurityProfile__Output } from '../types/cri/runtime/v1/SecurityProfile.ts';
import type { HostFacts } from './host-facts.ts';
import type { OciSeccomp } from './oci.ts';
import { defaultSeccompProfile } from './seccomp-default.ts';
import { parseSeccompProfile } from './seccomp-profile.ts';
import { chooseProfile, type ProfileChoice } from './security-profile.ts';

/** The fields of a container's or a sandbox's security context that choose its seccomp profile. */
export interface SeccompFields {
  readonly privileged: boolean;
  readonly seccomp: SecurityProfile__Output | null;
  readonly seccompProfilePath: string;
}

/**
 * Which seccomp profile applies: none to a privileged container whatever it names, none where nothing is named
 * (critest: nil means unconfined), and the new field before the deprecated one.
 */
export function chooseSeccomp(context: SeccompFields | null): ProfileChoice {
  if (context === null || context.privileged) return { kind: 'unconfined' };
  const choice = chooseProfile('seccomp', context.seccomp, context.seccompProfilePath);
  if (choice.kind === 'localhost' && !path.posix.isAbsolute(choice.ref)) {
    throw invalidField(choice.field, choice.ref, 'a Localhost profile is the absolute path of a file on the node');
  }
  return choice.kind === 'unset' ? { kind: 'unconfined' } : choice;
}

/** The file to read before building the spec and the field that names it; undefined for no Localhost profile. */
export function seccompFile(
  context: SeccompFields | null,
): { readonly path: string; readonly field: string } | undefined {
  const choice = chooseSeccomp(context);
  return choice.kind === 'localhost' ? { path: choice.ref, field: choice.field } : undefined;
}

/** The OCI seccomp section for a choice; `profileText` is what `seccompFile` names. Undefined: unconfined. */
export function buildSeccomp(
  choice: ProfileChoice,
  bounding: readonly string[],
  host: Pick<HostFacts, 'seccompArch' | 'kernelVersion'>,
  profileText: string | undefined,
): OciSeccomp | undefined {
  switch (choice.kind) {
    case 'unset':
    case 'unconfined':
      return undefined;
    case 'runtimeDefault':
      return defaultSeccompProfile(bounding, host);
    case 'localhost':
      if (profileText === undefined) {
        throw invalidField(choice.field, choice.ref, 'no such file');
      }
      return parseSeccompProfile(profileText, choice, bounding, host);
  }
}
