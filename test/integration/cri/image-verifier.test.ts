import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { busyboxImage, configuredImage, webImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';

describe('an image that a verifier of containerd judges', function () {
  this.timeout(60_000);
  const cri = useCriNode();
  const seen = (): string => path.join(cri().node.root, 'verified');

  /** A program as containerd's bindir plugin calls them (containerd docs/image-verification.md). */
  async function verifier(script: string): Promise<void> {
    const folder = cri().node.containerd.verifiersFolder;
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'signed'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const pull = (image: string) => cri().try('PullImage', { image: { image } });
  const isHere = async (image: string): Promise<boolean> => (await cri().call('ImageStatus', { image: { image } })).image !== null;

  afterEach(async () => {
    await rm(cri().node.containerd.verifiersFolder, { recursive: true, force: true });
    await cri().call('PullImage', { image: { image: busyboxImage } });
  });

  it('is refused with the word that the kubelet knows and the verifier’s reason, and no other is', async () => {
    await verifier(`echo "$@" >> ${seen()}; case "$*" in *podwright/web*) echo "no signature found: 404"; exit 1;; esac; echo fine`);
    const answer = await pull(webImage);
    assert.equal(answer.code, 2, answer.details);
    assert.match(answer.details, /^SignatureValidationFailed: pull image "docker\.io\/podwright\/web:1" .*: no signature found: 404/);
    assert.equal(await isHere(webImage), false);
    assert.equal((await pull(configuredImage)).code, 0);
    // The verifier is asked about the name that was asked for, and the digest that would be pulled.
    assert.match(await readFile(seen(), 'utf8'), /-name docker\.io\/podwright\/web:1 -digest sha256:[0-9a-f]{64}/);
    await cri().call('RemoveImage', { image: { image: configuredImage } });
  });

  it('is refused where the verifier gives no answer in time', async () => {
    await verifier('exec sleep 60');
    const answer = await pull(webImage);
    assert.match(answer.details, /^SignatureValidationFailed: pull image .*signed/);
    assert.equal(await isHere(webImage), false);
  });

  it('stays where it is, and runs, when it is refused anew', async () => {
    await verifier('echo revoked; exit 1');
    assert.match((await pull(busyboxImage)).details, /^SignatureValidationFailed: .*revoked/);
    assert.equal(await isHere(busyboxImage), true);
    const pod = await cri().runPod();
    await pod.run({ command: ['sleep', '60'] });
  });
});
