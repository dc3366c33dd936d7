import { invalidField } from '../lib/errors.ts';
import type { SecurityProfile__Output } from '../types/cri/runtime/v1/SecurityProfile.ts';

/** What a seccomp or AppArmor field asks for; `unset` where neither its new nor its deprecated form is given. */
export type ProfileChoice =
  | { readonly kind: 'unset' }
  | { readonly kind: 'unconfined' }
  | { readonly kind: 'runtimeDefault' }
  /** `field` is where the request names it. */
  | { readonly kind: 'localhost'; readonly ref: string; readonly field: string };

const context = 'config.linux.security_context';

/**
 * Reads a CRI SecurityProfile, or where it is absent the deprecated string (`runtime/default`, `unconfined`,
 * `localhost/<ref>`, and Docker's `docker/default`). invalidArgument for anything else, and for a
 * `localhost_ref` that doesn't belong to its type.
 */
export function chooseProfile(
  kind: 'seccomp' | 'apparmor',
  profile: SecurityProfile__Output | null,
  deprecated: string,
): ProfileChoice {
  if (profile === null) return fromDeprecated(deprecatedFields[kind], deprecated);
  const field = `${context}.${kind}`;
  const { profileType: type, localhostRef } = profile;
  if (type === 'Localhost') {
    const ref = localhostRef.replace(/^localhost\//u, '');
    if (ref === '') throw invalidField(`${field}.localhost_ref`, localhostRef, 'a Localhost profile needs it');
    return { kind: 'localhost', ref, field: `${field}.localhost_ref` };
  }
  if (localhostRef !== '') {
    throw invalidField(`${field}.localhost_ref`, localhostRef, `only a Localhost profile has one, this is ${type}`);
  }
  if (type === 'RuntimeDefault') return { kind: 'runtimeDefault' };
  if (type === 'Unconfined') return { kind: 'unconfined' };
  throw invalidField(`${field}.profile_type`, type, 'known are RuntimeDefault, Unconfined and Localhost');
}

const deprecatedFields = {
  seccomp: `${context}.seccomp_profile_path`,
  apparmor: `${context}.apparmor_profile`,
};

function fromDeprecated(field: string, text: string): ProfileChoice {
  switch (text) {
    case '':
      return { kind: 'unset' };
    case 'unconfined':
      return { kind: 'unconfined' };
    case 'runtime/default':
    case 'docker/default':
      return { kind: 'runtimeDefault' };
    default: {
      const ref = text.startsWith('localhost/') ? text.slice('localhost/'.length) : '';
      if (ref === '') throw invalidField(field, text, 'known are runtime/default, unconfined and localhost/<name>');
      return { kind: 'localhost', ref, field };
    }
  }
}
