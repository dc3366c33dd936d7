import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../node/run.ts';

/** A certificate and its key: where they are, and what is in there, as PEM. */
export interface Identity {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** For whom a certificate is: to Kubernetes the name is the user, and the organization one of its groups. */
export interface Subject {
  readonly name: string;
  readonly organization?: string;
  /** What a server is reached as, in openssl's words: `DNS:kubernetes`, `IP:10.96.0.1`. */
  readonly hosts?: readonly string[];
}

const days = '365';

/** Nothing of the machine's openssl.cnf is to get into a certificate. */
const config = '[req]\ndistinguished_name = dn\n[dn]\n';

/** A certificate authority for one cluster, made by Debian's openssl; Node has no way to sign a certificate. */
export class Authority {
  readonly #folder: string;
  readonly #self: Identity;

  private constructor(folder: string, self: Identity) {
    this.#folder = folder;
    this.#self = self;
  }

  /** Makes one in a folder, which is made too. */
  static async create(folder: string): Promise<Authority> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path.join(folder, 'openssl.cnf'), config);
    const usage = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,digitalSignature,keyCertSign'];
    return new Authority(folder, await request(folder, 'ca', '/CN=podwright-cluster', usage));
  }

  /** Its own certificate, which is what there is to be trusted. */
  get self(): Identity {
    return this.#self;
  }

  /** Makes a certificate that holds for a client, and for a server at the subject's hosts. */
  issue(file: string, { name, organization, hosts = [] }: Subject): Promise<Identity> {
    const usage = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      `extendedKeyUsage=clientAuth${hosts.length > 0 ? ',serverAuth' : ''}`,
      ...(hosts.length > 0 ? [`subjectAltName=${hosts.join(',')}`] : []),
    ];
    const subject = `${organization === undefined ? '' : `/O=${organization}`}/CN=${name}`;
    return request(this.#folder, file, subject, usage, this.#self);
  }
}

/** Makes a key and a certificate for it; signed by itself where there is no `issuer`. */
async function request(folder: string, name: string, subject: string, extensions: readonly string[], issuer?: Identity): Promise<Identity> {
  const [certFile, keyFile] = [path.join(folder, `${name}.crt`), path.join(folder, `${name}.key`)];
  const what = `req -x509 -config ${folder}/openssl.cnf -days ${days}`.split(' ');
  const newKey = `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ${keyFile} -out ${certFile}`.split(' ');
  const signer = issuer === undefined ? [] : ['-CA', issuer.certFile, '-CAkey', issuer.keyFile];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  await run('openssl', [...what, ...newKey, ...signer, ...added, '-subj', subject]);
  return { certFile, keyFile, cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

/** Makes the key that service accounts' tokens are signed with; returns its file. */
export async function makeTokenKey(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = path.join(folder, 'service-accounts.key');
  await writeFile(file, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return file;
}
