/** A mount as containerd hands it out. */
interface OverlayMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The folders that an overlay lays over each other, the topmost of the lower ones first. */
export interface OverlayFolders {
  readonly upper: string;
  readonly lowers: readonly string[];
}

const lowerKey = 'lowerdir=';
const upperKey = 'upperdir=';

/** The folders of a root file system that is one overlay and can be written; undefined for any other. */
export function overlayFolders(root: readonly OverlayMount[]): OverlayFolders | undefined {
  const [mount] = root;
  if (root.length !== 1 || mount?.type !== 'overlay') return undefined;
  const upper = valueOf(mount.options, upperKey);
  const lowers = lowerFolders(mount.options);
  return upper === undefined || lowers.length === 0 ? undefined : { upper, lowers };
}

/** The lower folders that an overlay's options name, the topmost first. */
export function lowerFolders(options: readonly string[]): string[] {
  return valueOf(options, lowerKey)?.split(':') ?? [];
}

/** An option of a mount, where it names lower folders with each of them changed. */
export function withLowers(option: string, change: (folder: string) => string): string {
  if (!option.startsWith(lowerKey)) return option;
  return lowerKey + option.slice(lowerKey.length).split(':').map(change).join(':');
}

function valueOf(options: readonly string[], key: string): string | undefined {
  return options.find((option) => option.startsWith(key))?.slice(key.length);
}
