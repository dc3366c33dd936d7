import { createHash } from 'node:crypto';
import type { CatalogueEntry } from './entry.ts';
import type { Entry } from './tar.ts';

/** What the benchmark pulls: 100 MB that do not compress, in 8 layers of a hundred files each. */
export const largeImage = 'docker.io/podwright/large:1';

const layers = 8;
const filesPerLayer = 100;
const fileBytes = 125_000;

/** The images that only the benchmark needs. */
export const benchImages: readonly CatalogueEntry[] = [
  {
    names: [largeImage],
    make: () => ({
      layers: Array.from({ length: layers }, (_, layer) => layerOf(layer)),
      config: { Cmd: ['none'] },
    }),
  },
];

function layerOf(layer: number): Entry[] {
  return Array.from({ length: filesPerLayer }, (_, file) => ({
    type: 'file',
    path: `layer${layer}-file${file}`,
    data: noise(`${layer}/${file}`, fileBytes),
  }));
}

/** Bytes that look random to a compressor and are the same every time. */
function noise(seed: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let made = 0; made < length; made += 32) parts.push(createHash('sha256').update(`${seed}/${made}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}
