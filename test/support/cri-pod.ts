import assert from 'node:assert/strict';
import { busyboxImage } from '../../hack/images/catalogue.ts';
import type { ContainerConfig } from '../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { ContainerStatus__Output } from '../../src/types/cri/runtime/v1/ContainerStatus.ts';
import type { LinuxContainerSecurityContext } from '../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import type { PodSandboxConfig } from '../../src/types/cri/runtime/v1/PodSandboxConfig.ts';
import type { PodSandboxStatus__Output } from '../../src/types/cri/runtime/v1/PodSandboxStatus.ts';
import type { CriNode, ResponseOf } from './cri-node.ts';
import { type LogRecord, readRecords, readWholeRecords, streamText } from './log-records.ts';
import { eventually } from './eventually.ts';

/** What a command of ExecSync ended with. */
export interface ExecOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A Pod's sandbox under test. */
export class Pod {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly #cri: CriNode;
  #serial = 0;

  constructor(cri: CriNode, id: string, config: PodSandboxConfig) {
    this.#cri = cri;
    this.id = id;
    this.config = config;
  }

  /** A container's config; where nothing is said it is busybox, sleeping, in a PID namespace as the Pod has it. */
  containerConfig(given: ContainerConfig = {}): ContainerConfig {
    const name = given.metadata?.name ?? `container-${++this.#serial}`;
    const namespaceOptions = this.config.linux?.securityContext?.namespaceOptions ?? null;
    const security: LinuxContainerSecurityContext = { namespaceOptions, ...given.linux?.securityContext };
    return {
      metadata: { name, attempt: 0 },
      image: { image: busyboxImage },
      command: ['sleep', '10000'],
      logPath: `${name}.log`,
      ...given,
      linux: { ...given.linux, securityContext: security },
    };
  }

  /** Creates a container. */
  async create(given: ContainerConfig = {}): Promise<Container> {
    const config = this.containerConfig(given);
    const { containerId } = await this.#cri.call('CreateContainer', {
      podSandboxId: this.id,
      config,
      sandboxConfig: this.config,
    });
    return new Container(this.#cri, containerId);
  }

  /** Creates a container and starts it. */
  async run(given: ContainerConfig = {}): Promise<Container> {
    const container = await this.create(given);
    await container.start();
    return container;
  }

  /** Runs a shell script as a container. */
  async runScript(script: string, given: ContainerConfig = {}): Promise<Container> {
    return this.run({ command: ['sh', '-c', script], ...given });
  }

  /** Runs a shell script as a container to its end and returns what it wrote to stdout. */
  async output(script: string, given: ContainerConfig = {}): Promise<string> {
    const container = await this.runScript(script, given);
    await container.ended();
    return container.stdout();
  }

  async status(): Promise<PodSandboxStatus__Output> {
    const { status } = await this.#cri.call('PodSandboxStatus', { podSandboxId: this.id });
    assert.ok(status);
    return status;
  }

  /** The process id of the pause container; 0 while there is none. */
  async pausePid(): Promise<number> {
    const { info } = await this.#cri.call('PodSandboxStatus', { podSandboxId: this.id, verbose: true });
    return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid;
  }

  /** Waits for the pause container, which may still be in the making when the sandbox is ready. */
  async isComplete(): Promise<void> {
    await eventually(`the pause container of ${this.id} runs`, async () => (await this.pausePid()) > 0);
  }

  async ip(): Promise<string> {
    return (await this.status()).network?.ip ?? '';
  }

  async stop(): Promise<void> {
    await this.#cri.call('StopPodSandbox', { podSandboxId: this.id });
  }

  async remove(): Promise<void> {
    await this.#cri.call('RemovePodSandbox', { podSandboxId: this.id });
  }
}

/** A container under test. */
export class Container {
  readonly id: string;
  readonly #cri: CriNode;

  constructor(cri: CriNode, id: string) {
    this.#cri = cri;
    this.id = id;
  }

  async start(): Promise<void> {
    await this.#cri.call('StartContainer', { containerId: this.id });
  }

  async stop(timeoutS = 0): Promise<void> {
    await this.#cri.call('StopContainer', { containerId: this.id, timeout: timeoutS });
  }

  async remove(): Promise<void> {
    await this.#cri.call('RemoveContainer', { containerId: this.id });
  }

  async status(): Promise<ContainerStatus__Output> {
    const { status } = await this.#cri.call('ContainerStatus', { containerId: this.id });
    assert.ok(status);
    return status;
  }

  /** Its first process, as the host numbers it. */
  async pid(): Promise<number> {
    const { info } = await this.#cri.call('ContainerStatus', { containerId: this.id, verbose: true });
    return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid;
  }

  /** Waits for its end. */
  async ended(timeoutMs = 30_000): Promise<ContainerStatus__Output> {
    return eventually(
      `container ${this.id} has ended`,
      async () => {
        const status = await this.status();
        return status.state === 'CONTAINER_EXITED' && status;
      },
      timeoutMs,
    );
  }

  /** Runs a command in it. */
  async exec(cmd: readonly string[], timeoutS = 0): Promise<ResponseOf<'ExecSync'>> {
    return this.#cri.call('ExecSync', { containerId: this.id, cmd: [...cmd], timeout: timeoutS });
  }

  /** Runs a shell script in it that may end in any way. */
  async try(script: string): Promise<ExecOutput> {
    const { stdout, stderr, exitCode } = await this.exec(['sh', '-c', script]);
    return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
  }

  /** Runs a shell script in it that has to succeed and returns what it wrote, without the last line end. */
  async sh(script: string): Promise<string> {
    const { stdout, stderr, exitCode } = await this.try(script);
    assert.equal(exitCode, 0, `${script}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** The records of its log. */
  async records(): Promise<LogRecord[]> {
    return readRecords((await this.status()).logPath);
  }

  /** What it wrote to stdout until now, as its log has it. */
  async stdout(): Promise<string> {
    return streamText(await this.records(), 'stdout');
  }

  /** Waits until its stdout, as its log has it, matches. */
  async says(pattern: RegExp): Promise<string> {
    let text = '';
    return eventually(
      () => `container ${this.id} says ${String(pattern)}; it said ${JSON.stringify(text.slice(-500))}`,
      async () => {
        text = streamText(readWholeRecords((await this.status()).logPath), 'stdout');
        return pattern.test(text) && text;
      },
    );
  }
}
