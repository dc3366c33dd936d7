import path from 'node:path';
import type { HandlerConfig } from './config.ts';

/** Whether a handler's type is containerd's shim for runc and what is used like it; every other one has its own options. */
export function isRuncShim(type: string): boolean {
  return /^io\.containerd\.runc\.v\d+$/.test(type) || /^containerd-shim-runc-v\d+$/.test(path.basename(type));
}

// SystemdCgroup is for every handler, as podwright names the cgroups by it.
const ofRunc = ['BinaryName', 'Root', 'NoPivotRoot', 'NoNewKeyring', 'ShimCgroup', 'IoUid', 'IoGid', 'CriuImagePath', 'CriuWorkPath'] as const;
const ofOthers = ['ConfigPath', 'TypeUrl'] as const;

/** The options given that a handler's shim does not know, each with why; it would refuse them or go without. */
export function strangeOptions({ type, options }: HandlerConfig): { readonly key: string; readonly why: string }[] {
  const [strange, why] = isRuncShim(type)
    ? [ofOthers, "is for shims other than runc's, such as io.containerd.runsc.v1"]
    : [ofRunc, `is for the shim of runc; what ${type} is to do is said in its own file, which ConfigPath names`];
  return strange.filter((key) => Boolean(options[key])).map((key) => ({ key, why }));
}
