import type { CatalogueEntry, Ingredients } from './entry.ts';
import { goArchitecture, type RunConfig } from './oci.ts';
import { busyboxRoot, folder, programRoot, text } from './roots.ts';
import type { Entry } from './tar.ts';
import { withoutApplet } from './without-applet.ts';

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const e2e = 'registry.k8s.io/e2e-test-images';
const staging = 'gcr.io/k8s-staging-cri-tools';

/**
 * Stand-ins for the images that critest pulls, under the names that are written in it. One cannot be had:
 * test-image-digest is named by a digest that only the original's bytes have.
 */
export const critestImages: readonly CatalogueEntry[] = [
  {
    names: [`${e2e}/busybox:1.29-2`],
    make: (from) => ({ layers: [busyboxLayer(from), shellLayer(from)], config: { Cmd: ['sh'], Env: [path] } }),
  },
  // The name of the process and the words in its command line are looked for.
  webServer([`${e2e}/nginx:1.14-2`], 'usr/sbin/nginx', ['80', '/var/run/nginx.pid', 'master process']),
  // Its name is looked for in its log.
  webServer([`${e2e}/httpd:2.4.39-4`], 'usr/local/bin/httpd', ['80']),
  webServer([`${staging}/hostnet-nginx-${goArchitecture()}:latest`], 'usr/sbin/nginx', ['12003']),
  {
    names: [`${e2e}/nonewprivs:1.3`],
    make: (from) => ({
      layers: [[{ type: 'file', path: 'effective-uid', data: from.effectiveUid, mode: 0o4755 }]],
      config: { Entrypoint: ['/effective-uid'], Env: [path] },
    }),
  },
  {
    names: [`${staging}/test-image-predefined-group:latest`],
    make: (from) => ({
      layers: [
        busyboxLayer(from),
        [
          text('etc/passwd', ['root:x:0:0:root:/root:/bin/sh', 'default-user:x:1000:1000::/home/default-user:/bin/sh']),
          text('etc/group', ['root:x:0:', 'default-user:x:1000:', 'group-defined-in-image:x:50000:default-user']),
        ],
      ],
      config: { Cmd: ['sh'], User: '1000', Env: [path] },
    }),
  },
  // Only looked at, never run.
  idle(`${staging}/test-image-user-uid:latest`, { User: '1002' }),
  idle(`${staging}/test-image-user-username:latest`, { User: 'www-data' }),
  idle(`${staging}/test-image-user-uid-group:latest`, { User: '1003:1004' }),
  idle(`${staging}/test-image-user-username-group:latest`, { User: 'www-data:1004' }),
  idle(`${staging}/test-image-latest:latest`),
  idle(`${staging}/test-image-tag:test`),
  idle(`${staging}/test-image-tag:all`),
  ...['1', '2', '3'].map((number) => idle(`${staging}/test-image-${number}:latest`)),
  // Several names of one image: three tags, and one tag under two hosts, k8s.gcr.io being the other.
  idle([1, 2, 3].map((tag) => `${staging}/test-image-tags:${tag}`)),
  idle('registry.k8s.io/pause:3.9'),
];

function busyboxLayer(from: Ingredients): Entry[] {
  return busyboxRoot(from.busybox, from.applets);
}

/** A shell that runs /bin/ls from the file system, and commands that Debian's busybox lacks. */
function shellLayer(from: Ingredients): Entry[] {
  return [
    { type: 'file', path: 'bin/sh', data: withoutApplet(from.busybox, 'ls'), mode: 0o755 },
    script('bin/pgrep', 'exec pidof "$@"'),
    script('bin/ipcs', 'exec cat /proc/sysvipc/shm'),
  ];
}

function script(path: string, command: string): Entry {
  return { type: 'file', path, data: Buffer.from(`#!/bin/sh\n${command}\n`), mode: 0o755 };
}

/** A web server and a shell beside it. */
function webServer(names: readonly string[], program: string, args: readonly string[]): CatalogueEntry {
  return {
    names,
    make: (from) => ({
      layers: [
        busyboxLayer(from),
        [folder('usr/local'), folder('usr/local/bin'), { type: 'file', path: program, data: from.web, mode: 0o755 }],
      ],
      config: { Entrypoint: [`/${program}`, ...args], Env: [path] },
    }),
  };
}

/** An image that differs from every other and does nothing when it is run. */
function idle(names: string | readonly string[], config: RunConfig = {}): CatalogueEntry {
  const [first = ''] = [names].flat();
  return {
    names: [names].flat(),
    make: (from) => ({
      layers: [programRoot('pause', from.pause), [text('name', [first])]],
      config: { Entrypoint: ['/pause'], Env: [path], ...config },
    }),
  };
}
