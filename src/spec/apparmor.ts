import { invalidField } from '../lib/errors.ts';
import type { SecurityProfile__Output } from '../types/cri/runtime/v1/SecurityProfile.ts';
import { chooseProfile } from './security-profile.ts';

/**
 * The profile that podwright loads for RuntimeDefault. Its name is its own: under containerd's, whichever of the two
 * came first on a node would decide for both, and loading it anew would change it under the other's containers.
 */
export const defaultApparmorProfile = 'podwright-default';

/** What stands for RuntimeDefault, the best first: where ours cannot be loaded, the one of containerd's CRI may be. */
const defaultProfiles = [defaultApparmorProfile, 'cri-containerd.apparmor.d'];

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
  const found = defaultProfiles.find((name) => loaded.includes(name));
  if (found !== undefined || choice.kind === 'unset') return found;
  throw invalidField(field, 'RuntimeDefault', `"${defaultApparmorProfile}" could not be loaded on this node, podwright's log says why`);
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

/** The label in the text of /proc/PID/attr/current: `name (mode)`, or a name alone. */
export function parseApparmorLabel(text: string): string {
  return text.replace(/[\0\n]+$/u, '').replace(/ \([a-z]+\)$/u, '');
}
