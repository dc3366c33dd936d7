import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { catalogue, webImage } from '../../../hack/images/catalogue.ts';
import { parseImageName } from '../../../hack/images/image-name.ts';
import type { AuthConfig } from '../../../src/types/cri/runtime/v1/AuthConfig.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Registry } from '../../support/node/registry.ts';
import { TokenServer } from '../../support/node/token-server.ts';

const username = 'robot';
const password = 'correct-horse';
const identityToken = 'identity-of-robot';

describe('an image of a registry with a token server', function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let tokens: TokenServer;
  let registry: Registry;
  let image = '';
  const { repository, tag } = parseImageName(webImage);

  before(async function () {
    this.timeout(120_000);
    tokens = new TokenServer({ folder: path.join(cri().node.root, 'tokens'), username, password, identityToken });
    const server = await tokens.start();
    const all = catalogue.flatMap(({ names }) => names.map((name) => parseImageName(name).repository));
    const push = tokens.token([...new Set(all)].map((name) => ({ name, actions: ['pull', 'push'] })));
    registry = await cri().node.startRegistry({ tokens: { server, push } });
    image = `${registry.host}/${repository}:${tag}`;
  });
  after(() => tokens.stop());
  beforeEach(() => (tokens.requests.length = 0));
  afterEach(async () => {
    await cri().call('RemoveImage', { image: { image } });
    const log = await readFile(cri().podwright.logPath, 'utf8');
    for (const secret of [password, identityToken, Buffer.from(`${username}:${password}`).toString('base64'), 'eyJ']) {
      assert.ok(!log.includes(secret), `the log has ${secret}`);
    }
  });

  const pull = async (auth: AuthConfig): Promise<void> => {
    await cri().call('PullImage', { image: { image }, auth });
    assert.ok((await cri().call('ImageStatus', { image: { image } })).image, 'it is here');
  };
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const shown = (): Set<string> => new Set(tokens.requests.filter(({ method }) => method === 'GET').map(({ authorization }) => authorization));

  it('is pulled with name and password, which the token server gets and nobody else', async () => {
    await pull({ username, password });
    assert.deepEqual(shown(), new Set([basic]));
    assert.deepEqual(new Set(tokens.requests.flatMap(({ scopes }) => scopes)), new Set([`repository:${repository}:pull`]));
  });

  it('is pulled with both of them in `auth`, padded with NULs as old credential files have it', async () => {
    await pull({ auth: Buffer.from(`${username}:${password}\0\0\0\0`).toString('base64'), serverAddress: registry.host });
    assert.deepEqual(shown(), new Set([basic]));
  });

  it('is pulled with an identity token, which the token server exchanges', async () => {
    await pull({ identityToken, serverAddress: `http://${registry.host}/v2/` });
    assert.deepEqual(new Set(tokens.requests.map(({ grant }) => grant)), new Set(['refresh_token']));
  });

  it('is pulled with a registry token, for which no token server is asked', async () => {
    await pull({ registryToken: tokens.token([{ name: repository, actions: ['pull'] }]) });
    assert.deepEqual(tokens.requests, []);
  });

  it('is refused to a wrong password, an expired identity, and a token for something else', async () => {
    const wrong: AuthConfig[] = [
      { username, password: 'battery-staple' },
      { identityToken: 'of-somebody-else' },
      { registryToken: tokens.token([{ name: 'another/repository', actions: ['pull'] }]) },
    ];
    for (const auth of wrong) {
      const answer = await cri().try('PullImage', { image: { image }, auth });
      assert.ok([7, 16].includes(answer.code), `${answer.code}: ${answer.details}`);
      assert.ok(answer.details.includes(registry.host), answer.details);
      for (const secret of ['battery-staple', 'of-somebody-else', 'eyJ']) assert.ok(!answer.details.includes(secret), answer.details);
    }
  });

  it('is refused without credentials, and with those for another registry, which are shown to nobody', async () => {
    for (const auth of [{}, { username, password, serverAddress: 'registry.example:5000' }, { identityToken, serverAddress: 'https://docker.io' }]) {
      tokens.requests.length = 0;
      const answer = await cri().try('PullImage', { image: { image }, auth });
      assert.ok([7, 16].includes(answer.code), `${answer.code}: ${answer.details}`);
      assert.deepEqual(shown(), new Set(['']));
      assert.ok(tokens.requests.every(({ grant }) => grant === ''));
    }
    const registryToken = tokens.token([{ name: repository, actions: ['pull'] }]);
    const answer = await cri().try('PullImage', { image: { image }, auth: { registryToken, serverAddress: 'registry.example' } });
    assert.ok([7, 16].includes(answer.code), `${answer.code}: ${answer.details}`);
  });
});
