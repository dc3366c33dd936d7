import type { CatalogueEntry, Ingredients } from './entry.ts';
import { buildImage } from './oci.ts';
import { busyboxRoot, folder, program, programRoot, script, searchPath, text, webServer } from './roots.ts';
import type { Entry } from './tar.ts';
import { withoutApplet } from './without-applet.ts';

const e2e = 'registry.k8s.io/e2e-test-images';

/**
 * Stand-ins for the images that Kubernetes' node suite pulls, under the names that are written in it. agnhost is
 * upstream's own program; the tools that the original has beside it are busybox's.
 */
export const nodeSuiteImages: readonly CatalogueEntry[] = [
  {
    names: [`${e2e}/agnhost:2.66.1`, `${e2e}/agnhost:2.55`],
    make: (from) => ({
      layers: [busyboxLayer(from), agnhostLayer(from), registryLayer(from)],
      config: { Entrypoint: ['/agnhost'], Cmd: ['pause'], Env: [searchPath], ExposedPorts: { '8080/tcp': {} } },
    }),
  },
  {
    names: [`${e2e}/busybox:1.37.0-2`],
    make: (from) => ({ layers: [busyboxLayer(from), [program('bin/sh', from.shell)]], config: { Cmd: ['sh'], Env: [searchPath] } }),
  },
  {
    names: [`${e2e}/ipc-utils:1.4`],
    make: (from) => ({
      layers: [busyboxLayer(from), [script('bin/ipcs', 'exec cat /proc/sysvipc/shm')]],
      config: { Cmd: ['sh'], Env: [searchPath] },
    }),
  },
  {
    names: [`${e2e}/nonroot:1.5`],
    make: (from) => ({ layers: [busyboxLayer(from)], config: { Cmd: ['sh'], User: '1234', Env: [searchPath] } }),
  },
  {
    names: [`${e2e}/nonewprivs:1.4`],
    make: (from) => ({
      layers: [[program('usr/local/bin/nnp', from.effectiveUid, 0o4755)]],
      config: { Cmd: ['nnp'], Env: [searchPath] },
    }),
  },
  // The name of the process is looked for.
  webServer([`${e2e}/nginx:1.27.0-2`], 'usr/sbin/nginx', ['80', '/var/run/nginx.pid']),
  webServer([`${e2e}/nginx:1.28.0-2`], 'usr/sbin/nginx', ['80', '/var/run/nginx.pid']),
  // `hostname -f` asks the C library, and a static one has nobody to ask.
  {
    names: [`${e2e}/glibc-dns-testing:2.1.1`],
    make: (from) => ({
      layers: [busyboxLayer(from), [...from.dynamic, { type: 'symlink', path: 'bin/sh', target: 'dash' }]],
      config: { Cmd: ['sleep', '3600'], Env: [searchPath] },
    }),
  },
  // Only mounted, never run.
  {
    names: [`${e2e}/kitten:1.8`],
    make: (from) => ({
      layers: [
        programRoot('pause', from.pause),
        [folder('etc'), text('etc/os-release', ['NAME="Alpine Linux"']), text('data.json', ['{ "image": "kitten.jpg" }'])],
      ],
      config: { Entrypoint: ['/pause'], Env: [searchPath] },
    }),
  },
];

function busyboxLayer(from: Ingredients): Entry[] {
  return [...busyboxRoot(from.busybox, from.applets), program('bin/nmeter', from.clock)];
}

function agnhostLayer({ agnhost, certificate, busybox, datagram, fetch }: Ingredients): Entry[] {
  if (agnhost === undefined || certificate === undefined) throw new Error('agnhost has not been built');
  return [
    program('agnhost', agnhost),
    { type: 'symlink', path: 'agnhost-2', target: 'agnhost' },
    { type: 'file', path: 'localhost.key', data: certificate.key },
    { type: 'file', path: 'localhost.crt', data: certificate.certificate },
    folder('uploads'),
    program('bin/sh', withoutApplet(busybox, 'nc')),
    program('bin/nc', datagram),
    program('bin/curl', fetch),
    script('bin/bash', 'exec sh "$@"'),
    text('etc/passwd', ['root:x:0:0:root:/root:/bin/sh', 'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh']),
    text('etc/group', ['root:x:0:', 'user-defined-in-image:x:1000:', 'group-defined-in-image:x:50000:user-defined-in-image']),
  ];
}

/** What `agnhost fake-registry-server` serves: an image called pause:testing. */
function registryLayer(from: Ingredients): Entry[] {
  const image = buildImage({ layers: [programRoot('pause', from.pause)], config: { Entrypoint: ['/pause'] }, index: true });
  const root = 'var/registry/pause';
  const stored = (kind: string, digest: string, data: Buffer): Entry => {
    const hash = digest.slice('sha256:'.length);
    return { type: 'file', path: `${root}/${kind}/sha256/${hash.slice(0, 2)}/${hash}/data`, data };
  };
  return [
    ...[...image.blobs].map(([digest, data]) => stored('blobs', digest, data)),
    ...image.manifests.map(({ descriptor, data }) => stored('manifests', descriptor.digest, data)),
    text(`${root}/manifests/testing`, [image.top.digest]),
  ];
}
