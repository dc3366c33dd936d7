import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Containerd } from '../../../src/containerd/client.ts';
import { loadDefinitions } from '../../../src/containerd/definitions.ts';
import type { ServiceDefinitions } from '../../../src/containerd/definitions.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { Log } from '../../../src/lib/log.ts';

type Services = { readonly [S in keyof ServiceDefinitions]?: UntypedServiceImplementation };

/** A gRPC server on a socket of its own that answers as a test wants, and a client of it. */
export class StubContainerd {
  readonly #folder = mkdtempSync('/tmp/podwright-stub-');
  readonly #closers: (() => void)[] = [];
  #server: Server | undefined;

  get address(): string {
    return path.join(this.#folder, 'c.sock');
  }

  /** Serves the given methods; the rest is unimplemented. */
  async serve(services: Services): Promise<void> {
    const definitions = loadDefinitions().services;
    const server = new Server();
    for (const [name, implementation] of Object.entries(services)) {
      const definition = definitions[name as keyof ServiceDefinitions];
      server.addService(definition as unknown as ServiceDefinition, implementation as UntypedServiceImplementation);
    }
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.address}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#server = server;
  }

  /** Ends the server as a killed process would: every connection breaks. */
  kill(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    rmSync(this.address, { force: true });
  }

  client(log: Log = silentLog): Containerd {
    const client = new Containerd({ address: this.address, namespace: 'stub', log });
    this.#closers.push(() => client.close());
    return client;
  }

  close(): void {
    for (const close of this.#closers) close();
    this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
