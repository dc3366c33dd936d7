// sweep.ts [FOLDER...]: removes the test nodes in these folders, or else every one whose owner has died.
import { readFacts } from '../../test/support/node/facts.ts';
import { removeNode, sweepNodes } from '../../test/support/node/remove.ts';

const folders = process.argv.slice(2);
for (const folder of folders) {
  const facts = await readFacts(folder);
  if (facts !== undefined) await removeNode(facts);
}
if (folders.length === 0) for (const name of await sweepNodes()) console.log(`removed ${name}`);
