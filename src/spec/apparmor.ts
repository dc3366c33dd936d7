import { invalidField } from '../lib/errors.ts';
import type { SecurityProfile__Output } from '../types/cri/runtime/v1/SecurityProfile.ts';
import { chooseProfile } from './security-profile.ts';

/** The profile that stands for RuntimeDefault, under the name that containerd's CRI loads it by. */
export const defaultApparmorProfile = 'cri-containerd.apparmor.d';

const field = 'config.linux.security_context.apparmor';

/**
 * OCI `process.apparmorProfile` (CRI apparmor, or the deprecated apparmor_profile). `loaded` are the names in
 * /sys/kernel/security/apparmor/profiles: one that isn't there has to fail now, not at the start. No word on
 * AppArmor means the default profile where it is loaded. A privileged container is confined only by name.
 */
export function apparmorProfile(
  context: {
    readonly privileged: boolean;
    readonly apparmor: SecurityProfile__Output | null;
    readonly apparmorProfile: string;
  },
  host: { readonly apparmorEnabled: boolean },
  loaded: readonly string[],
): string | undefined {
  const choice = chooseProfile('apparmor', context.apparmor, context.apparmorProfile);
  if (choice.kind === 'unconfined') return undefined;
  if (!host.apparmorEnabled) {
    if (choice.kind === 'unset') return undefined;
    const [where, asked] = choice.kind === 'localhost' ? [choice.field, choice.ref] : [field, 'RuntimeDefault'];
    throw invalidField(where, asked, 'AppArmor is not enabled on this node');
  }
  if (choice.kind === 'localhost') return requireLoaded(choice.field, choice.ref, loaded);
  if (context.privileged) return undefined;
  if (choice.kind === 'runtimeDefault') return requireLoaded(field, defaultApparmorProfile, loaded);
  return loaded.includes(defaultApparmorProfile) ? defaultApparmorProfile : undefined;
}

function requireLoaded(asked: string, name: string, loaded: readonly string[]): string {
  if (loaded.includes(name)) return name;
  throw invalidField(asked, name, 'no profile of this name is loaded on this node (/sys/kernel/security/apparmor/profiles)');
}

/** The profile names in the text of /sys/kernel/security/apparmor/profiles: `name (mode)` lines. */
export function parseApparmorProfiles(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const at = line.lastIndexOf(' (');
    return at <= 0 ? [] : [line.slice(0, at)];
  });
}
