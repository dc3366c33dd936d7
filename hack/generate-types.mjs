// Writes src/types/ from proto/ with proto-loader's generator. The output is never edited nor committed.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  // The generator leaves imports unused that our compiler settings refuse; its types are checked where they are used.
  for (const name of readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))) {
    const file = path.join(out, name);
    writeFileSync(file, `// @ts-nocheck\n${readFileSync(file, 'utf8')}`);
  }
}
