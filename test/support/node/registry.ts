import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildImages } from '../../../hack/images/build.ts';
import { pushImages } from '../../../hack/images/push.ts';
import { Daemon } from './daemon.ts';
import type { TokenAuth } from './token-server.ts';

const run = promisify(execFile);

/** The registries of the world that a node's own one stands in for. */
const mirroredHosts = ['registry.k8s.io', 'docker.io', 'gcr.io', 'k8s.gcr.io', 'public.ecr.aws'];

export interface RegistryOptions {
  /** Its own folder, which need not exist. */
  readonly folder: string;
  /** With these it asks everybody for them. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** With this it asks everybody for a token of that server; `push` is one to fill it with. */
  readonly tokens?: { readonly server: TokenAuth; readonly push: string };
  /** Whether to fill it with the test images; true where not said. */
  readonly images?: boolean;
  /** The address to listen at; 127.0.0.1 where not said. */
  readonly address?: string | undefined;
  /** The pinned network namespace to run in. */
  readonly netns?: string | undefined;
  /** A port to take again after a restart; a free one where not said. */
  readonly port?: number;
}

/** A private image registry, filled with the test images. */
export class Registry {
  readonly #options: RegistryOptions;
  #daemon: Daemon | undefined;
  #port: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  /** `127.0.0.1:PORT`, as it stands in an image name. */
  get host(): string {
    return `${this.#address}:${this.#port}`;
  }

  get #address(): string {
    return this.#options.address ?? '127.0.0.1';
  }

  get url(): string {
    return `http://${this.host}`;
  }

  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Starts it, waits until it listens, and pushes the images. After a stop: starts it on the same port. */
  async start(): Promise<this> {
    const { folder } = this.#options;
    const isFirst = this.#daemon === undefined;
    await mkdir(folder, { recursive: true });
    const config = path.join(folder, 'registry.yml');
    await writeFile(config, JSON.stringify(await this.#config(), undefined, 2));

    const logPath = path.join(folder, 'registry.log');
    await writeFile(logPath, '');
    this.#daemon = new Daemon({
      name: 'registry',
      command: 'docker-registry',
      args: ['serve', config],
      logPath,
      env: { OTEL_TRACES_EXPORTER: 'none' },
      netns: this.#options.netns,
    });
    this.#daemon.start();
    await this.#daemon.until('it says where it listens', async () => {
      const port = /listening on [\d.]+:(\d+)/.exec(await readFile(logPath, 'utf8'))?.[1];
      if (port !== undefined) this.#port = Number(port);
      return port !== undefined;
    });
    if (isFirst && this.#options.images !== false) await pushImages(await buildImages(), this.#pushTarget());
    return this;
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop('SIGKILL');
  }

  /** Writes a `hosts.toml` for every host that it stands in for, as containerd reads them. Only it is asked, never the world. */
  async writeHosts(certsFolder: string): Promise<void> {
    for (const host of [...mirroredHosts, this.host]) {
      await mkdir(path.join(certsFolder, host), { recursive: true });
      await writeFile(path.join(certsFolder, host, 'hosts.toml'), `server = "${this.url}"\n`);
    }
  }

  #pushTarget(): { url: string; authorization?: string } {
    const { credentials, tokens } = this.#options;
    if (tokens !== undefined) return { url: this.url, authorization: `Bearer ${tokens.push}` };
    if (credentials === undefined) return { url: this.url };
    const basic = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
    return { url: this.url, authorization: `Basic ${basic}` };
  }

  async #config(): Promise<object> {
    const { folder, credentials, tokens } = this.#options;
    return {
      version: '0.1',
      log: { level: 'info', fields: { service: 'registry' } },
      storage: {
        filesystem: { rootdirectory: path.join(folder, 'storage') },
        delete: { enabled: true },
        cache: { blobdescriptor: 'inmemory' },
      },
      http: { addr: this.host, secret: 'of a test only' },
      ...(tokens && { auth: { token: tokens.server } }),
      ...(credentials && { auth: { htpasswd: { realm: 'podwright', path: await this.#writeHtpasswd(credentials) } } }),
    };
  }

  /** The registry takes bcrypt only, and Debian's perl, which is always there, knows it. */
  async #writeHtpasswd({ username, password }: { username: string; password: string }): Promise<string> {
    const salt = '$2b$05$abcdefghijklmnopqrstuu';
    const { stdout: hash } = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, salt]);
    const file = path.join(this.#options.folder, 'htpasswd');
    await writeFile(file, `${username}:${hash}\n`);
    return file;
  }
}
