// Compares proto/, which is in our own words, with the upstream modules that hack/tools/protos pins.
// Prints each difference on a line and fails when there is one. Needs Go for the modules, and no protoc.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { compareContracts, type Extent } from './check-proto/compare.ts';
import { readContract } from './check-proto/contract.ts';

const root = path.resolve(import.meta.dirname, '..');

interface Family {
  readonly name: string;
  readonly extent: Extent;
  /** Where the module's own .proto files are rooted, below what `build.sh protos` prints. */
  readonly upstream: string;
  /** Files of others that upstream imports and no pinned module carries as text. */
  readonly unchecked: readonly string[];
}

const families: readonly Family[] = [
  { name: 'cri', extent: 'whole', upstream: 'k8s.io/cri-api/pkg/apis', unchecked: [] },
  {
    name: 'containerd',
    extent: 'used',
    upstream: 'github.com/containerd/containerd/api',
    unchecked: ['google/rpc/status.proto'],
  },
];

const modules = execFileSync(path.join(root, 'hack/tools/build.sh'), ['protos'], { encoding: 'utf8' }).trim();
const differences = families.flatMap((family) => checkFamily(family));
for (const difference of differences) console.log(difference);
console.log(`check-proto: ${differences.length === 0 ? 'no difference' : `${differences.length} differences`}`);
process.exitCode = differences.length === 0 ? 0 : 1;

function checkFamily({ name, extent, upstream, unchecked }: Family): string[] {
  const ourFolder = path.join(root, 'proto', name);
  const theirFolder = path.join(modules, upstream);
  const files = protosBelow(ourFolder).filter((file) => !unchecked.includes(file));
  const missing = files.filter((file) => !existsSync(path.join(theirFolder, file)));
  if (missing.length > 0) return missing.map((file) => `proto/${name}/${file}: upstream has no such file`);
  const ours = readContract([ourFolder], files);
  // Upstream's imports of what it does not carry itself are found in ours.
  const theirs = readContract([theirFolder, ourFolder], files);
  return compareContracts(ours, theirs, extent).map((line) => `${name}: ${line}`);
}

function protosBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.proto'))
    .toSorted();
}
