import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { stringify } from 'smol-toml';
import { pauseImage } from '../../../hack/images/catalogue.ts';
import { Daemon } from './daemon.ts';
import type { NodeFacts } from './facts.ts';
import { cniFolders } from './network.ts';

/** A configuration file as data: tables within tables. */
export interface Table {
  readonly [key: string]: string | number | boolean | readonly string[] | Table;
}

export interface PodwrightOptions {
  /** Tells several on one node apart; the first is `p`. */
  readonly name?: string;
  /** Laid over the node's configuration, table by table. */
  readonly config?: Table;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a podwright needs of the node it runs on. */
export interface PodwrightSeat {
  readonly facts: NodeFacts;
  readonly runcPath: string;
  readonly cniFolder: string;
  readonly certsFolder: string;
  readonly cgroupProcs: readonly string[];
}

const mainPath = path.join(import.meta.dirname, '../../../dist/main.js');

/** The socket of the podwright called `name` on a node. */
export function podwrightSocket(root: string, name = 'p'): string {
  return path.join(root, name, 'podwright.sock');
}

/** A podwright on a test node. */
export class PodwrightDaemon {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configPath: string;
  readonly #config: Table;
  readonly #daemon: Daemon;

  constructor(seat: PodwrightSeat, options: PodwrightOptions) {
    const folder = path.join(seat.facts.root, options.name ?? 'p');
    this.root = path.join(folder, 'root');
    this.state = path.join(folder, 'state');
    this.socket = podwrightSocket(seat.facts.root, options.name);
    this.configPath = path.join(folder, 'config.toml');
    this.#config = merge(this.#defaults(seat), options.config ?? {});
    this.#daemon = new Daemon({
      name: 'podwright',
      command: process.execPath,
      args: [mainPath, '--config', this.configPath, ...(options.args ?? [])],
      logPath: path.join(folder, 'podwright.log'),
      ...(options.env && { env: options.env }),
      cgroupProcs: seat.cgroupProcs,
      netns: seat.facts.network?.netns,
    });
  }

  get logPath(): string {
    return this.#daemon.logPath;
  }

  get pid(): number | undefined {
    return this.#daemon.pid;
  }

  /** How it ended: an exit code or a signal's name; undefined while it runs. */
  get ending(): number | string | undefined {
    return this.#daemon.ending;
  }

  /** Starts it and waits for its socket, which is there only when it is ready to serve. */
  async start(): Promise<void> {
    await this.launch();
    await this.#daemon.until(`${this.socket} takes connections`, () => takesConnections(this.socket));
  }

  /** Starts it and waits for nothing: for a start that is meant to fail, or to wait. */
  async launch(): Promise<void> {
    if (!existsSync(mainPath)) throw new Error(`${mainPath} is not there; run "make build"`);
    await mkdir(path.dirname(this.configPath), { recursive: true });
    await writeFile(this.configPath, stringify(this.#config));
    this.#daemon.start();
  }

  /** Ends it with a signal, SIGKILL unless said. Its containers run on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#daemon.stop(signal);
  }

  /** Kills it and starts it again. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#daemon.ended();
  }

  #defaults({ facts, runcPath, cniFolder, certsFolder }: PodwrightSeat): Table {
    return {
      version: 1,
      socket: this.socket,
      root: this.root,
      state: this.state,
      containerd: { address: facts.containerdSocket, namespace: facts.name },
      images: { config_path: certsFolder, sandbox: pauseImage },
      cni: { conf_dir: cniFolders(facts.root).confFolder, bin_dirs: [cniFolder] },
      runtimes: { default: 'runc', runc: { type: 'io.containerd.runc.v2', options: { BinaryName: runcPath } } },
      log: { level: 'debug' },
    };
  }
}

/** A file alone proves nothing: a killed podwright leaves its own. */
function takesConnections(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

function merge(under: Table, over: Table): Table {
  const merged: Record<string, Table[string]> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTable(below) && isTable(value) ? merge(below, value) : value;
  }
  return merged;
}

function isTable(value: Table[string] | undefined): value is Table {
  return typeof value === 'object' && !Array.isArray(value);
}
