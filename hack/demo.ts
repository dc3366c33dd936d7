// demo.ts [--keep]: a kubelet runs a Pod through podwright, told as it happens, and taken down again.
// demo.ts --stop:   ends the one that was kept.
// KEEP=1 in the environment means --keep. To be run as root; ends with 0 when all went well.
import { parseArgs } from 'node:util';
import { runDemo, stopKept } from './demo/acts.ts';
import { Screen } from './screen/screen.ts';

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false }, stop: { type: 'boolean', default: false } } });
const screen = new Screen(process.stdout, process.env);
const keep = values.keep || !['', '0', undefined].includes(process.env['KEEP']);

if (process.getuid?.() !== 0) {
  console.error('the demo needs root: it makes namespaces, mounts and cgroups');
  process.exit(77);
}
// Nobody reads any longer, as in `make demo | head`: leaving takes all down.
process.stdout.on('error', () => process.exit(1));

// Exits by hand: the daemons of a kept node are no reason to stay.
process.exit(values.stop ? await stopKept(screen) : await runDemo(screen, { keep }));
