// Builds dist/ with the TypeScript compiler; what it leaves runs with plain node and no dev dependency.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });

run(process.execPath, 'hack/generate-types.mjs');

// Built beside and then moved into place, so that a failed build leaves the last good one.
const [dist, fresh, stale] = ['dist', 'dist.new', 'dist.old'].map((name) => path.join(root, name));
for (const folder of [fresh, stale]) rmSync(folder, { recursive: true, force: true });
run(path.join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', fresh);
chmodSync(path.join(fresh, 'main.js'), 0o755);
if (existsSync(dist)) renameSync(dist, stale);
renameSync(fresh, dist);
rmSync(stale, { recursive: true, force: true });
