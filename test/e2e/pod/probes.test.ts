import assert from 'node:assert/strict';
import { programsImage } from '../../../hack/images/catalogue.ts';
import { isReady, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const ports = { started: 9001, ready: 9002, alive: 9003 } as const;
/** What is asked of a container, and by which port where a port has to do with it. */
type Question = keyof typeof ports;

/** A way to ask a container, and the shell commands there that make the answer yes or no. */
interface Handler {
  readonly how: string;
  readonly name: string;
  /** Shell commands, each with its end, that the container begins with. */
  readonly setup: string;
  readonly probe: (question: Question) => object;
  readonly yes: (question: Question) => string;
  readonly no: (question: Question) => string;
}

const withFiles = {
  yes: (question: Question) => `touch /answers/${question}`,
  no: (question: Question) => `rm -f /answers/${question}`,
};

const handlers: readonly Handler[] = [
  { how: 'by a command', name: 'exec', setup: '', probe: (question) => ({ exec: { command: ['test', '-e', `/answers/${question}`] } }), ...withFiles },
  { how: 'over HTTP', name: 'http', setup: 'httpd -p 9000 -h /answers;', probe: (question) => ({ httpGet: { port: 9000, path: `/${question}` } }), ...withFiles },
  {
    how: 'over TCP',
    name: 'tcp',
    setup: '',
    probe: (question) => ({ tcpSocket: { port: ports[question] } }),
    yes: (question) => `httpd -f -p ${ports[question]} > /dev/null 2>&1 < /dev/null & echo $! > /tmp/${question}`,
    no: (question) => `kill $(cat /tmp/${question})`,
  },
  {
    how: 'over gRPC',
    name: 'grpc',
    setup: Object.entries(ports).map(([question, port]) => `grpc-health ${port} /answers/${question} &`).join(' '),
    probe: (question) => ({ grpc: { port: ports[question] } }),
    ...withFiles,
  },
];

/** A container that is asked all three questions, and to begin with is alive, but not started up. */
function asked({ setup, probe, yes }: Handler): ReturnType<typeof shellContainer> {
  const often = { periodSeconds: 1, timeoutSeconds: 10 };
  return shellContainer('asked', `mkdir -p /answers; ${setup} ${yes('alive')}; ${idle}`, {
    image: programsImage,
    startupProbe: { ...probe('started'), ...often, failureThreshold: 600 },
    readinessProbe: { ...probe('ready'), ...often, failureThreshold: 1 },
    livenessProbe: { ...probe('alive'), ...often, failureThreshold: 2 },
  });
}

describe('a probe', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('probes');

  before(() =>
    k8s.run(
      ...handlers.map((each) => makePod(each.name, [asked(each), shellContainer('beside', idle)])),
      makePod('never-up', [shellContainer('asked', `trap 'exit 4' TERM; ${idle}`, { startupProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 } })], { restartPolicy: 'Never' }),
    ),
  );

  for (const { how, name, yes, no } of handlers) {
    describe(how, () => {
      it('says when a container has started up, before which nothing else is asked', async () => {
        await k8s.untilPod(name, 'running', ({ status }) => status?.phase === 'Running');
        // Readiness would be yes, were it asked.
        await k8s.exec(name, yes('ready'), 'asked');
        const asleep = statusOf(k8s.pod(name), 'asked');
        assert.equal(asleep.started, false);
        assert.equal(asleep.ready, false);

        await k8s.exec(name, yes('started'), 'asked');

        const ready = await k8s.untilReady(name);
        assert.equal(statusOf(ready, 'asked').started, true);
        assert.equal(statusOf(ready, 'asked').restartCount, 0);
      });

      it('takes a Pod from Ready and gives it back, with no container restarted', async () => {
        await k8s.exec(name, no('ready'), 'asked');
        await k8s.untilPod(name, 'not Ready', (pod) => !isReady(pod));
        await k8s.exec(name, yes('ready'), 'asked');
        const again = await k8s.untilReady(name);
        assert.deepEqual(again.status?.containerStatuses?.map(({ restartCount }) => restartCount), [0, 0]);
      });

      it('has a container restarted that is alive no longer, and no other', async () => {
        const before = await k8s.untilReady(name);
        await k8s.exec(name, no('alive'), 'asked');
        // It has to start up again; the kubelet takes that of the container before for its own at first.
        const after = await k8s.untilPod(name, 'restarted and starting up', (pod) => {
          const { restartCount, started, state } = statusOf(pod, 'asked');
          return restartCount > 0 && state?.running !== undefined && started === false;
        });
        assert.notEqual(statusOf(after, 'asked').containerID, statusOf(before, 'asked').containerID);
        assert.equal(statusOf(after, 'asked').lastState?.terminated?.exitCode, 0);
        assert.equal(statusOf(after, 'beside').containerID, statusOf(before, 'beside').containerID);
      });
    });
  }

  it('ends a container that does not start up', async () => {
    const pod = await k8s.untilEnded('never-up');
    assert.equal(statusOf(pod, 'asked').state?.terminated?.exitCode, 4);
    await k8s.untilEvent('never-up', 'Unhealthy', /Startup probe failed/);
  });
});
