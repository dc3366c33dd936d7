import type { CatalogueEntry, Ingredients } from './entry.ts';
import { busyboxRoot, folder, program, programRoot, searchPath, text } from './roots.ts';

const busyboxLayer = (from: Ingredients) => busyboxRoot(from.busybox, from.applets);

/** The sandbox image, where nobody names another. */
export const pauseImage = 'registry.k8s.io/pause:3.10.2';
/** A shell and its tools. */
export const busyboxImage = 'registry.k8s.io/e2e-test-images/busybox:1.37.0-2';
/** Serves /www on port 8080. */
export const webImage = 'docker.io/podwright/web:1';
/** Has something in every field of its configuration that a container inherits. */
export const configuredImage = 'docker.io/podwright/configured:1';
/** Says some words unless it is told what to do, and has the program `ipc` (ipc.c). */
export const speakingImage = 'docker.io/podwright/speaking:1';
/** A shell, `grpc-health` (grpc-health.c), and `effective-uid` (effective-uid.c), which is root's and has the setuid bit. */
export const programsImage = 'docker.io/podwright/programs:1';
/** Declares volumes: with content, behind a link, behind a link that leads out of any root, and where nothing is. */
export const volumesImage = 'docker.io/podwright/volumes:1';
/** Is for another platform than this machine's, behind an index. */
export const foreignImage = 'docker.io/podwright/foreign:1';

/**
 * The images that a test node's registry holds. A test that needs another image adds a line here.
 * Two names that differ in their host only are one repository of the registry, so they must be one image.
 */
export const catalogue: readonly CatalogueEntry[] = [
  {
    names: [pauseImage, 'registry.k8s.io/pause:3.10.1'],
    make: (from) => ({
      layers: [programRoot('pause', from.pause)],
      config: { Entrypoint: ['/pause'], User: '65535:65535', WorkingDir: '/', Env: [searchPath] },
      index: true,
    }),
  },
  {
    names: [busyboxImage, 'docker.io/library/busybox:1.37', 'docker.io/library/busybox:latest'],
    make: (from) => ({ layers: [busyboxLayer(from)], config: { Cmd: ['sh'], Env: [searchPath] } }),
  },
  {
    names: [webImage],
    make: (from) => ({
      layers: [busyboxLayer(from), [folder('www'), text('www/index.html', ['hello from podwright'])]],
      config: {
        Entrypoint: ['httpd', '-f', '-v', '-h', '/www'],
        Cmd: ['-p', '8080'],
        Env: [searchPath],
        ExposedPorts: { '8080/tcp': {} },
      },
    }),
  },
  {
    names: [configuredImage],
    make: (from) => ({
      layers: [
        busyboxLayer(from),
        [folder('work'), folder('data'), { type: 'folder', path: 'home/app', uid: 1000, gid: 1000 }],
        [{ type: 'symlink', path: 'link', target: '/work' }],
      ],
      config: {
        Entrypoint: ['sh', '-c'],
        Cmd: ['trap "echo got USR1; exit 7" USR1; echo "$FROM_IMAGE $(id -u) $(pwd)"; while :; do sleep 0.1; done'],
        User: 'app',
        WorkingDir: '/work',
        Env: [searchPath, 'FROM_IMAGE=yes'],
        StopSignal: 'SIGUSR1',
        Volumes: { '/data': {} },
        Labels: { 'podwright.test': 'configured' },
      },
    }),
  },
  {
    names: [speakingImage],
    make: (from) => ({
      layers: [busyboxLayer(from), [program('bin/ipc', from.ipc)]],
      config: { Entrypoint: ['echo', "the image's entrypoint"], Cmd: ["and the image's arguments"], Env: [searchPath] },
    }),
  },
  {
    names: [programsImage],
    make: (from) => ({
      layers: [busyboxLayer(from), [program('bin/grpc-health', from.grpcHealth), program('bin/effective-uid', from.effectiveUid, 0o4755)]],
      config: { Cmd: ['sh'], Env: [searchPath] },
    }),
  },
  {
    names: [volumesImage],
    make: (from) => ({
      layers: [
        busyboxLayer(from),
        [
          { type: 'folder', path: 'data', uid: 1000, gid: 2000, mode: 0o2770 },
          { type: 'file', path: 'data/note', uid: 1000, gid: 50_000, mode: 0o640, data: Buffer.from('from the image\n') },
          { type: 'symlink', path: 'data/passwd', target: '/etc/passwd' },
          { type: 'folder', path: 'data/sub', uid: 33 },
          { type: 'file', path: 'data/sub/deep', data: Buffer.from('deep\n') },
        ],
        [
          { type: 'symlink', path: 'linked', target: 'data/sub' },
          { type: 'symlink', path: 'escape', target: '../../../../../../../../root/.ssh' },
          { type: 'symlink', path: 'outside', target: '../../../../../../../../etc/os-release' },
        ],
      ],
      config: { Cmd: ['sh'], Env: [searchPath], Volumes: { '/data': {}, '/linked': {}, '/new/one': {} } },
    }),
  },
  {
    names: [foreignImage],
    make: (from) => ({
      layers: [programRoot('pause', from.pause)],
      config: { Entrypoint: ['/pause'] },
      architecture: 's390x',
      index: true,
    }),
  },
];
