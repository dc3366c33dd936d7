import { CodedError } from '../lib/errors.ts';
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
  return choice.kind === 'unset' ? { kind: 'unconfined' } : choice;
}

/** The file to read before building the spec, or undefined where the profile is no Localhost one. */
export function seccompFile(context: SeccompFields | null): string | undefined {
  const choice = chooseSeccomp(context);
  return choice.kind === 'localhost' ? choice.ref : undefined;
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
        throw new CodedError('invalidArgument', `read seccomp profile ${JSON.stringify(choice.ref)}: no such file`);
      }
      return parseSeccompProfile(profileText, choice.ref, bounding, host);
  }
}
