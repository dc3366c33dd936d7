// Writes src/types/ from proto/ with proto-loader's generator. The output is never edited nor committed.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const generator = path.join(root, 'node_modules/.bin/proto-loader-gen-types');

/** Every .proto below `folder`, relative to it. */
function protosBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .toSorted();
}

for (const family of ['cri', 'containerd']) {
  const include = path.join(root, 'proto', family);
  const out = path.join(root, 'src/types', family);
  rmSync(out, { recursive: true, force: true });
  const files = protosBelow(include);
  if (files.length === 0) continue;
  execFileSync(
    generator,
    [
      ...files, // first: --includeDirs takes every word that follows it
      '--longs=String',
      '--enums=String',
      '--defaults',
      '--oneofs',
      '--importFileExtension=.ts',
      '--grpcLib=@grpc/grpc-js',
      `--outDir=${out}`,
      `--includeDirs=${include}`,
    ],
    { cwd: include, stdio: ['ignore', 'ignore', 'inherit'] },
  );
}
