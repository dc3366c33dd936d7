// Builds dist/ with the TypeScript compiler; what it leaves runs with plain node and no dev dependency.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: 'inherit' });

run(process.execPath, 'hack/generate-types.mjs');
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
run(path.join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json');
const main = path.join(root, 'dist/main.js');
if (existsSync(main)) chmodSync(main, 0o755);
