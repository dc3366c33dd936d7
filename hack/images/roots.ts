import type { CatalogueEntry } from './entry.ts';
import type { Entry } from './tar.ts';

/** Where the programs of an image are looked for. */
export const searchPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A file system with busybox as every command, and the users that images usually have. */
export function busyboxRoot(busybox: Buffer, applets: readonly string[]): Entry[] {
  return [
    ...['bin', 'dev', 'etc', 'home', 'proc', 'sys', 'usr', 'usr/bin', 'usr/sbin', 'sbin', 'var', 'var/run'].map(folder),
    { type: 'folder', path: 'root', mode: 0o700 },
    { type: 'folder', path: 'tmp', mode: 0o1777 },
    { type: 'folder', path: 'home/nobody', uid: 65534, gid: 65534 },
    { type: 'file', path: 'bin/busybox', data: busybox, mode: 0o755 },
    ...applets
      .filter((name) => name !== 'busybox')
      .map((name): Entry => ({ type: 'hardlink', path: `bin/${name}`, target: 'bin/busybox', mode: 0o755 })),
    text('etc/passwd', [
      'root:x:0:0:root:/root:/bin/sh',
      'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
      'www-data:x:33:33:www-data:/var/www:/bin/false',
      'app:x:1000:1000:an ordinary user:/home/app:/bin/sh',
      'nobody:x:65534:65534:nobody:/home/nobody:/bin/false',
    ]),
    text('etc/group', [
      'root:x:0:',
      'daemon:x:1:',
      'www-data:x:33:',
      'app:x:1000:',
      // Membership that only the image knows: what supplemental groups policy Merge adds and Strict does not.
      'group-defined-in-image:x:50000:app',
      'nobody:x:65534:',
    ]),
    text('etc/hosts', ['127.0.0.1 localhost']),
  ];
}

/** One static program and nothing else. */
export function programRoot(name: string, program: Buffer): Entry[] {
  return [{ type: 'file', path: name, data: program, mode: 0o755 }];
}

/** A folder entry, for a table of layers. */
export function folder(path: string): Entry {
  return { type: 'folder', path };
}

/** A text file entry, one array element a line. */
export function text(path: string, lines: readonly string[]): Entry {
  return { type: 'file', path, data: Buffer.from(`${lines.join('\n')}\n`) };
}

/** A program entry. */
export function program(path: string, data: Buffer, mode = 0o755): Entry {
  return { type: 'file', path, data, mode };
}

/** A script entry, of one command. */
export function script(path: string, command: string): Entry {
  return program(path, Buffer.from(`#!/bin/sh\n${command}\n`));
}

/** An image with a web server of some name and a shell beside it. */
export function webServer(names: readonly string[], path: string, args: readonly string[]): CatalogueEntry {
  return {
    names,
    make: (from) => ({
      layers: [busyboxRoot(from.busybox, from.applets), [folder('usr/local'), folder('usr/local/bin'), program(path, from.web)]],
      config: { Entrypoint: [`/${path}`, ...args], Env: [searchPath] },
    }),
  };
}
