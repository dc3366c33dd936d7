import { writeFile } from 'node:fs/promises';
import type { Identity } from './certificates.ts';

/** Writes a kubeconfig: where the API server is, whom to believe, and as whom to come. JSON is YAML. */
export async function writeKubeconfig(file: string, server: string, authority: Identity, user: Identity): Promise<string> {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'podwright', cluster: { server, 'certificate-authority-data': base64(authority.cert) } }],
    users: [{ name: 'me', user: { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) } }],
    contexts: [{ name: 'podwright', context: { cluster: 'podwright', user: 'me' } }],
    'current-context': 'podwright',
  };
  await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  return file;
}
