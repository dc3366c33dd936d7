import path from 'node:path';
import { apparmorHost, DefaultApparmor } from './app/apparmor.ts';
import { warnOfCriPlugin } from './app/check/cri-plugin.ts';
import { claimPlaces } from './app/claim.ts';
import { linuxKernel } from './app/linux-kernel.ts';
import { endLostShims, findLostShims, LostShims } from './app/lost-shims.ts';
import { buildImages } from './app/images.ts';
import { containerDefaults } from './app/container-defaults.ts';
import { nodeFiles } from './app/node-files.ts';
import { buildNetwork } from './app/network.ts';
import { buildRuntimes } from './app/runtimes.ts';
import { buildHandlers } from './app/handlers.ts';
import { startStreaming } from './app/streaming.ts';
import type { Config } from './config/config.ts';
import { endOrphanedPlugins } from './cni/orphans.ts';
import { Containerd } from './containerd/client.ts';
import { CriServer } from './cri/server.ts';
import { loadCriServices } from './cri/service.ts';
import { FifoHolder } from './io/fifo-holder.ts';
import { LogPump } from './io/log-pump.ts';
import { systemClock } from './lib/clock.ts';
import { CodedError, messageOf } from './lib/errors.ts';
import { KeyedLock } from './lib/keyed-lock.ts';
import type { Log } from './lib/log.ts';
import { readKernelFacts } from './linux/host-facts.ts';
import { readLxcContexts } from './linux/selinux.ts';
import { bootId } from './linux/procfs.ts';
import type { ContainerStatusRecord } from './pod/container-records.ts';
import type { Container } from './pod/container.ts';
import { Creations } from './pod/creations.ts';
import { PodEvents } from './pod/events.ts';
import { ExitWatcher } from './pod/exits.ts';
import { Folders } from './pod/folders.ts';
import { IdStore } from './pod/id-store.ts';
import type { Parts } from './pod/parts.ts';
import type { OwedRecord } from './pod/owed.ts';
import { PauseKeeper } from './pod/pause.ts';
import { RecordFiles } from './pod/record-files.ts';
import { markBroken } from './pod/recover-sandbox.ts';
import { recover } from './pod/recover.ts';
import { StatsReader } from './pod/stats.ts';
import type { Sandbox, SandboxRecord } from './pod/sandbox.ts';
import { parseLxcContexts } from './spec/selinux.ts';

/** How long calls under way may take to end when podwright is told to stop, ms. */
const drainMs = 10_000;
/** How long a containerd that takes the connection may keep us without an answer where it is asked once, ms. */
const oneTryMs = 5_000;

/** A podwright that serves. */
export interface App {
  /** Ends serving and lets go of everything; the containers run on. */
  stop(): Promise<void>;
}

/**
 * Builds every part, brings memory in step with what is there, and only then opens the socket. Rejects with
 * UNAVAILABLE when containerd cannot be reached within `waitMs`, with ALREADY_EXISTS when another podwright
 * has the same socket, root or state.
 */
export async function startApp(config: Config, log: Log, options: { readonly waitMs: number }): Promise<App> {
  const clock = systemClock();
  const folders = new Folders(config.root, config.state);
  const defaults = await containerDefaults(config);
  const giveBack = await claimPlaces(config);
  const services = loadCriServices();
  const containerd = new Containerd({ ...config.containerd, log, clock });
  await waitForContainerd(containerd, config, options.waitMs);
  await containerd.namespaces.ensure(config.containerd.namespace);

  await warnOfCriPlugin(containerd, log);

  const host = await readKernelFacts();
  const apparmor = new DefaultApparmor(apparmorHost(containerd), clock, log);
  if (host.apparmorEnabled) apparmor.start();
  const selinux = host.selinuxEnabled ? parseLxcContexts((await readLxcContexts()) ?? '') : undefined;
  const runtimes = await buildRuntimes(config, containerd, host, log);
  const images = await buildImages({ config, containerd, folders, clock, log });
  const network = await buildNetwork({ config, clock, log });
  const holder = new FifoHolder(log, clock, config.state);
  const logs = new LogPump(log, clock, { holder });
  logs.start();

  const sandboxes = new IdStore<Sandbox>('pod sandbox');
  const containers = new IdStore<Container>('container');
  const sandboxRecords = new RecordFiles<SandboxRecord>(folders.sandboxes, 'sandbox.json', log);
  const base = {
    log,
    clock,
    folders,
    host: selinux === undefined ? host : { ...host, selinux },
    kernel: linuxKernel(host.cgroupVersion, apparmor),
    bootId: await bootId(),
    namespace: config.containerd.namespace,
    sandboxImage: config.images.sandbox,
    containerd,
    images: images.pods,
    network: network.pods,
    logs,
    runtimes,
    ...nodeFiles(config, log),
    containerDefaults: defaults,
    containerConfigs: services.containerConfigs,
    sandboxes,
    containers,
    sandboxNames: new Creations('pod sandbox'),
    containerNames: new Creations('container'),
    sandboxRecords,
    containerRecords: new RecordFiles<ContainerStatusRecord>(folders.containers, 'status.json', log),
    owedRecords: new RecordFiles<OwedRecord>(folders.owed, 'owed.json', log),
    sandboxLocks: new KeyedLock(),
    containerLocks: new KeyedLock(),
    events: new PodEvents({ log, sandboxes, containers }),
  };
  const onPauseLost = (id: string): void => {
    const sandbox = sandboxes.find(id);
    if (sandbox === undefined) return;
    markBroken(base, sandbox).catch((error: unknown) => {
      log.error({ podSandboxId: id, error: messageOf(error) }, 'a lost pod sandbox could not be recorded');
    });
  };
  const parts: Parts = { ...base, pauses: new PauseKeeper(base, onPauseLost), exits: new ExitWatcher(base) };
  const orphans = await endOrphanedPlugins(path.join(folders.state, 'sandboxes'));
  if (orphans > 0) log.warn({ orphans }, 'waited for CNI plugins that an earlier podwright had left running');
  await recover(parts);
  const shims = await endLostShims(containerd, config.containerd);
  if (shims > 0) log.warn({ shims }, 'killed shims that containerd had lost');
  const lostShims = new LostShims(() => findLostShims(containerd, config.containerd), () => sandboxes.removals, log);
  const tookOver = holder.takeOver();
  network.cleanUp(() => [...sandboxes.values()].map(({ id }) => id));

  const stats = new StatsReader(parts);
  const streaming = await startStreaming(config.streaming, parts, log);
  const { address } = config.metrics;
  const metrics = address === '' ? undefined : new (await import('./app/metrics.ts')).Metrics(address, services);
  const server = new CriServer({
    socket: config.socket,
    services,
    handlers: buildHandlers({ config, parts, services, images, network, containerd, stats, streams: streaming.streams }),
    log,
    clock,
    onEnded: metrics?.onEnded,
  });
  const { puller } = images;
  await metrics?.serve({ running: () => server.running, parts, puller, logs, streaming, containerd }, log);
  await server.start();
  lostShims.start();
  // So that the first Pod does not wait for it (0.2 s and more); a Pod that comes sooner shares the pull.
  images.pods.ensure(config.images.sandbox, runtimes.get('').snapshotter).catch((error: unknown) => {
    log.debug({ image: config.images.sandbox, error: messageOf(error) }, 'the sandbox image cannot be pulled yet');
  });

  return {
    async stop() {
      lostShims.stop();
      await server.stop(drainMs);
      await metrics?.stop();
      await streaming.stop(drainMs);
      // What is still being created then is taken back by the next start.
      const created = Promise.all([parts.sandboxNames.settle(), parts.containerNames.settle()]);
      await Promise.race([created, clock.sleep(drainMs)]);
      holder.stop();
      await Promise.all([parts.pauses.letGo(), parts.exits.stop(), tookOver]);
      await Promise.all([logs.stop(), images.stop(), network.stop(), apparmor.stop()]);
      containerd.close();
      giveBack();
    },
  };
}

/** Waits until containerd answers, but no longer than `waitMs`; with 0 it is asked once. */
async function waitForContainerd(containerd: Containerd, config: Config, waitMs: number): Promise<void> {
  try {
    // A wait of no time would be over before the connection is made. A call ends with it, one way or the other.
    if (waitMs === 0) await containerd.version({ timeoutMs: oneTryMs });
    else await containerd.waitReady(AbortSignal.timeout(waitMs));
  } catch (error) {
    const reason = waitMs === 0 ? messageOf(error) : containerd.state().reason;
    containerd.close();
    const address = path.resolve(config.containerd.address);
    throw new CodedError('unavailable', `containerd does not answer at ${address}: ${reason}`, { cause: error });
  }
}
