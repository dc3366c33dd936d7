import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Which folder may import which: itself and what stands here. Siblings such as spec and containerd know
 * nothing of each other; app.ts, which alone knows all, puts them together.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ['app', 'config', 'cri', 'streaming', 'linux', 'lib'],
  app: ['config', 'cri', 'streaming', 'pod', 'spec', 'image', 'containerd', 'cni', 'io', 'linux', 'lib'],
  config: ['lib'],
  cri: ['pod', 'spec', 'image', 'containerd', 'cni', 'io', 'linux', 'lib'],
  streaming: ['pod', 'spec', 'image', 'containerd', 'cni', 'io', 'linux', 'lib'],
  pod: ['spec', 'image', 'containerd', 'cni', 'io', 'linux', 'lib'],
  spec: ['linux', 'lib'],
  image: ['linux', 'lib'],
  containerd: ['linux', 'lib'],
  cni: ['linux', 'lib'],
  io: ['linux', 'lib'],
  linux: ['lib'],
  lib: [],
};

/** Packages that only one or two folders may know. */
const packages: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['containerd', 'cri'],
  '@grpc/proto-loader': ['containerd', 'cri'],
  koffi: ['linux'],
  pino: ['main', 'app'],
  ws: ['streaming'],
  'smol-toml': ['config', 'image'],
  yaml: ['app', 'spec'],
};

const root = fileURLToPath(new URL('../../src/', import.meta.url));

interface Import {
  readonly file: string;
  readonly target: string;
  /** Gone when the program runs. */
  readonly typesOnly: boolean;
}

/** Every import of every source file that is not generated. */
function imports(): Import[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('types/'),
  );
  return files.flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8');
    const targets = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gmu)];
    return targets.map((match) => ({
      file,
      target: match[1] ?? match[2] ?? '',
      typesOnly: /^(?:import|export) type\b/u.test(match[0]),
    }));
  });
}

/** The layer a path below src/ belongs to: its first folder, or the name of a file directly in src/. */
function layerOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/u, '');
}

/** A relative import as a path below src/; undefined for a package. */
function inside({ file, target }: Import): string | undefined {
  return target.startsWith('.') ? path.posix.normalize(path.posix.join(path.posix.dirname(file), target)) : undefined;
}

describe('the layers of src/', () => {
  it('import only downwards and never a sibling', () => {
    const wrong = imports().flatMap((one) => {
      const target = inside(one);
      if (target === undefined || target.startsWith('types/')) return [];
      const [from, to] = [layerOf(one.file), layerOf(target)];
      return from === to || allowed[from]?.includes(to) ? [] : [`${one.file} imports ${target}`];
    });
    assert.deepEqual(wrong, []);
  });

  it('are all known here', () => {
    const unknown = new Set(imports().map(({ file }) => layerOf(file)));
    assert.deepEqual([...unknown].filter((layer) => allowed[layer] === undefined), []);
  });

  it('keep each package to the folders that need it', () => {
    const wrong = imports().flatMap((one) => {
      const { target, file } = one;
      if (target.startsWith('.') || target.startsWith('node:')) return [];
      const users = packages[target];
      return users?.includes(layerOf(file)) ? [] : [`${file} imports ${target}`];
    });
    assert.deepEqual(wrong, []);
  });

  it('have no cycles between files that are there when the program runs', () => {
    const edges = new Map<string, string[]>();
    for (const one of imports().filter(({ typesOnly }) => !typesOnly)) {
      const target = inside(one);
      if (target !== undefined) edges.set(one.file, [...(edges.get(one.file) ?? []), target]);
    }
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const target of edges.get(file) ?? []) visit(target, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of edges.keys()) visit(file, []);
    assert.deepEqual(cycles, []);
  });
});
