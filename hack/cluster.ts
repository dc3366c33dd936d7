// cluster.ts [--runtime=containerd]: brings up a cluster of one node on podwright, or on containerd's own CRI, and leaves it running.
// cluster.ts --stop:                 takes down every one that runs.
// To be run as root; ends with 0 when all went well.
import { parseArgs } from 'node:util';
import { startKept, stopKept } from './cluster/kept.ts';
import { Screen } from './screen/screen.ts';

const { values } = parseArgs({
  options: { stop: { type: 'boolean', default: false }, runtime: { type: 'string', default: 'podwright' } },
});
const { runtime } = values;
const screen = new Screen(process.stdout, process.env);

if (process.getuid?.() !== 0) {
  console.error('a cluster needs root: it makes namespaces, mounts and cgroups');
  process.exit(77);
}
if (runtime !== 'podwright' && runtime !== 'containerd') {
  console.error(`--runtime=${runtime}: it is podwright or containerd`);
  process.exit(64);
}
// Nobody reads any longer, as in `make cluster | head`: leaving takes all down.
process.stdout.on('error', () => process.exit(1));

// Exits by hand: the daemons of a kept cluster are no reason to stay.
process.exit(values.stop ? await stopKept(screen) : await startKept(screen, runtime));
