import { busyboxImage, webImage } from '../images/catalogue.ts';
import type { Pod } from '../../test/support/node/kubelet.ts';

const site = { name: 'site', mountPath: '/site' };

/** A shell that ends at once when it is told to: as PID 1 it has no default action for TERM. */
const shell = (script: string): readonly string[] => ['sh', '-c', `trap 'exit 0' TERM; ${script}`];

const endless = (script: string): readonly string[] => shell(`while :; do ${script}; sleep 1 & wait $!; done`);

/**
 * The Pod of the demonstration: an init container that writes a page into a shared volume, a sidecar that
 * follows a log in it, a web server that serves the page, and a reader that fetches it over localhost.
 */
export const demoPod: Pod = {
  metadata: { name: 'demo', namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 5,
    volumes: [{ name: site.name, emptyDir: {} }],
    initContainers: [
      {
        name: 'seed',
        image: busyboxImage,
        command: ['sh', '-c', 'echo "a page from $(hostname)" > /site/index.html; : > /site/requests.log; echo wrote the page'],
        volumeMounts: [site],
      },
      {
        name: 'log-tail',
        image: busyboxImage,
        restartPolicy: 'Always',
        command: shell('tail -F /site/requests.log & wait'),
        volumeMounts: [site],
      },
    ],
    containers: [
      {
        name: 'web',
        image: webImage,
        command: shell('echo serving /site on port 8080; httpd -f -v -p 8080 -h /site 2>> /site/requests.log & wait'),
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
        volumeMounts: [site],
      },
      {
        name: 'reader',
        image: busyboxImage,
        // Without -T: Debian's static busybox crashes on it.
        command: endless('if wget -q -O /tmp/page http://localhost:8080/; then echo "got: $(cat /tmp/page)"; else echo no answer yet; fi'),
        livenessProbe: {
          exec: { command: ['sh', '-c', 'test $(($(date +%s) - $(stat -c %Y /tmp/page))) -lt 10'] },
          initialDelaySeconds: 2,
          periodSeconds: 2,
        },
      },
    ],
  },
};
