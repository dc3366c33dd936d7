import type { CatalogueEntry, Ingredients } from './entry.ts';
import { goArchitecture, type RunConfig } from './oci.ts';
import { busyboxRoot, program, programRoot, script, searchPath, text, webServer } from './roots.ts';
import type { Entry } from './tar.ts';
import { withoutApplet } from './without-applet.ts';

const e2e = 'registry.k8s.io/e2e-test-images';
const staging = 'gcr.io/k8s-staging-cri-tools';

/**
 * Stand-ins for the images that critest pulls, under the names that are written in it. One cannot be had:
 * test-image-digest is named by a digest that only the original's bytes have.
 */
export const critestImages: readonly CatalogueEntry[] = [
  {
    names: [`${e2e}/busybox:1.29-2`],
    make: (from) => ({ layers: [busyboxLayer(from), shellLayer(from)], config: { Cmd: ['sh'], Env: [searchPath] } }),
  },
  // The name of the process and the words in its command line are looked for.
  webServer([`${e2e}/nginx:1.14-2`], 'usr/sbin/nginx', ['80', '/var/run/nginx.pid', 'master process']),
  // Its name is looked for in its log.
  webServer([`${e2e}/httpd:2.4.39-4`], 'usr/local/bin/httpd', ['80']),
  webServer([`${staging}/hostnet-nginx-${goArchitecture()}:latest`], 'usr/sbin/nginx', ['12003']),
  {
    names: [`${e2e}/nonewprivs:1.3`],
    make: (from) => ({
      layers: [[program('effective-uid', from.effectiveUid, 0o4755)]],
      config: { Entrypoint: ['/effective-uid'], Env: [searchPath] },
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
      config: { Cmd: ['sh'], User: '1000', Env: [searchPath] },
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
    program('bin/sh', withoutApplet(from.busybox, 'ls')),
    script('bin/pgrep', 'exec pidof "$@"'),
    script('bin/ipcs', 'exec cat /proc/sysvipc/shm'),
  ];
}

/** An image that differs from every other and does nothing when it is run. */
function idle(names: string | readonly string[], config: RunConfig = {}): CatalogueEntry {
  const [first = ''] = [names].flat();
  return {
    names: [names].flat(),
    make: (from) => ({
      layers: [programRoot('pause', from.pause), [text('name', [first])]],
      config: { Entrypoint: ['/pause'], Env: [searchPath], ...config },
    }),
  };
}
