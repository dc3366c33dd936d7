import type { Platform } from './ports.ts';

/** The platform of this machine, in the words of Go and of image indexes. */
export function hostPlatform(os: NodeJS.Platform = process.platform, arch: string = process.arch): Platform {
  const architecture = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' }[arch] ?? arch;
  return { os, architecture, ...(architecture === 'arm' && { variant: 'v7' }) };
}

/**
 * Whether an image made for `offered` is the one for `wanted`. Variants that mean the same (arm64 and arm64/v8,
 * amd64 and amd64/v1, arm and arm/v7) are equal, as containerd has it.
 */
export function isSamePlatform(offered: Platform, wanted: Platform): boolean {
  const a = normalize(offered);
  const b = normalize(wanted);
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

/**
 * Whether this machine's kernel runs an image made for `offered`: its own platform, the 32-bit one below it, or an
 * older variant. An index is held to isSamePlatform; a lone manifest leaves no choice, so what runs is taken.
 */
export function canRun(offered: Platform, machine: Platform): boolean {
  if (isSamePlatform(offered, machine)) return true;
  const a = normalize(offered);
  const b = normalize(machine);
  if (a.os !== b.os) return false;
  if (b.architecture === 'amd64') return a.architecture === '386';
  if (b.architecture === 'arm64') return a.architecture === 'arm';
  return b.architecture === 'arm' && a.architecture === 'arm' && a.variant <= b.variant;
}

/** `linux/arm64/v8`, for messages. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part).join('/');
}

function normalize(platform: Platform): Required<Platform> {
  const os = platform.os.toLowerCase();
  const architecture = platform.architecture.toLowerCase();
  const variant = (platform.variant ?? '').toLowerCase();
  switch (architecture) {
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { os, architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      return { os, architecture: 'arm64', variant: ['8', 'v8', 'v8.0'].includes(variant) ? '' : variant };
    case 'arm':
      return { os, architecture, variant: variant === '' ? 'v7' : variant.replace(/^(?=[5-8]$)/, 'v') };
    default:
      return { os, architecture, variant };
  }
}
