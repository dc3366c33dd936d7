import assert from 'node:assert/strict';
import { speakingImage } from '../../../hack/images/catalogue.ts';
import { makePod, usePodSuite } from './suite.ts';

const command = ['echo', "the Pod's command"];
const args = ["and the Pod's arguments"];

const combinations: readonly [string, string, object, string][] = [
  ['the image has both where the Pod has neither', 'neither', {}, "the image's entrypoint and the image's arguments"],
  ['args replace CMD and leave ENTRYPOINT', 'args', { args }, "the image's entrypoint and the Pod's arguments"],
  ['command replaces both ENTRYPOINT and CMD', 'command', { command }, "the Pod's command"],
  ['command and args replace both', 'both', { command, args }, "the Pod's command and the Pod's arguments"],
];

describe('what a container runs', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('command');

  before(async () => {
    const containers = combinations.map(([, name, fields]) => ({ name, image: speakingImage, ...fields }));
    const variables = { name: 'variables', image: speakingImage, env: [{ name: 'WHO', value: 'me' }], args: ['$(WHO) $(NOBODY) $$(WHO)'] };
    await k8s.run(makePod('words', [...containers, variables], { restartPolicy: 'Never' }));
    await k8s.untilEnded('words');
  });

  for (const [what, container, , words] of combinations) {
    it(what, async () => {
      assert.equal(await k8s.logs('words', container), `${words}\n`);
    });
  }

  it('gets its variables put in where they are named, and only there', async () => {
    assert.equal(await k8s.logs('words', 'variables'), "the image's entrypoint me $(NOBODY) $(WHO)\n");
  });
});
