/** One entry of a layer. Paths are relative, without a leading slash; times are all the epoch. */
export type Entry =
  | ({ readonly type: 'file'; readonly path: string; readonly data: Buffer } & Ownership)
  | ({ readonly type: 'folder'; readonly path: string } & Ownership)
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  // Unpacking gives the file that it names this mode.
  | { readonly type: 'hardlink'; readonly path: string; readonly target: string; readonly mode: number };

/** Root's, and 0644 for a file and 0755 for a folder, where nothing else is said. */
interface Ownership {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const block = 512;
const typeFlags = { file: '0', hardlink: '1', symlink: '2', folder: '5' } as const;

/** Writes entries as a POSIX ustar archive. The same entries give the same bytes, on every machine. */
export function writeTar(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    parts.push(header(entry));
    if (entry.type === 'file') {
      parts.push(entry.data, Buffer.alloc(-entry.data.length & (block - 1)));
    }
  }
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

function header(entry: Entry): Buffer {
  const out = Buffer.alloc(block);
  const isFolder = entry.type === 'folder';
  const name = isFolder ? `${entry.path}/` : entry.path;
  const { uid = 0, gid = 0 } = hasOwner(entry) ? entry : {};
  const mode = ('mode' in entry ? entry.mode : undefined) ?? (isFolder ? 0o755 : 0o644);
  const [prefix, rest] = splitName(name);
  putText(out, 0, 100, rest);
  putText(out, 345, 155, prefix);
  putOctal(out, 100, 8, mode);
  putOctal(out, 108, 8, uid);
  putOctal(out, 116, 8, gid);
  putOctal(out, 124, 12, entry.type === 'file' ? entry.data.length : 0);
  putOctal(out, 136, 12, 0);
  out.write(typeFlags[entry.type], 156, 'latin1');
  if ('target' in entry) putText(out, 157, 100, entry.target);
  out.write('ustar\x0000', 257, 'latin1');

  // The checksum counts its own field as spaces.
  out.fill(' ', 148, 156);
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** A name that is too long for its field is cut in two at a slash (POSIX ustar, "prefix"). */
function splitName(name: string): [prefix: string, rest: string] {
  if (Buffer.byteLength(name) <= 100) return ['', name];
  const at = name.indexOf('/', name.length - 101);
  return [name.slice(0, at), name.slice(at + 1)];
}

function hasOwner(entry: Entry): entry is Entry & Ownership {
  return entry.type === 'file' || entry.type === 'folder';
}

function putText(out: Buffer, offset: number, room: number, text: string): void {
  const bytes = Buffer.from(text);
  if (bytes.length > room) throw new Error(`tar: "${text}" is longer than ${room} bytes`);
  bytes.copy(out, offset);
}

function putOctal(out: Buffer, offset: number, room: number, value: number): void {
  out.write(`${value.toString(8).padStart(room - 1, '0')}\0`, offset, 'latin1');
}
