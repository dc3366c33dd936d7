import path from 'node:path';
import type { NodeFacts, NodeNetwork } from '../node/facts.ts';
import { Authority, type Identity, makeTokenKey } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';

/** The addresses of Services; a network of the node's own has room for it, whatever the machine's networks are. */
export const serviceSubnet = '10.96.0.0/16';
const apiServiceAddress = '10.96.0.1';

/** Who may say on whose behalf a request comes (the API server's aggregation layer). */
export const frontProxyName = 'front-proxy-client';

/** The port of the API server at the node's address. */
export const apiPort = 6443;

/** Who is who in a cluster: certificates, and a kubeconfig for each client of the API server. */
export interface Secrets {
  readonly authority: Identity;
  readonly apiServer: Identity;
  /** As whom the API server comes to the kubelet. */
  readonly kubeletClient: Identity;
  readonly kubelet: Identity;
  /** As whom the API server comes to API servers behind it. */
  readonly frontProxy: Identity;
  /** Whoever has it may do anything. */
  readonly admin: Identity;
  readonly tokenKeyFile: string;
  readonly kubeconfigs: Readonly<Record<Client, string>>;
}

export type Client = 'admin' | 'controller-manager' | 'scheduler' | 'proxy' | 'kubelet';

/** Makes them all, in a folder. The names and groups are those that RBAC's and the Node authorizer's own rules know. */
export async function makeSecrets(folder: string, facts: NodeFacts, network: NodeNetwork): Promise<Secrets> {
  const authority = await Authority.create(folder);
  const address = `IP:${network.nodeAddress}`;
  const apiNames = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  const apiHosts = [...apiNames.map((name) => `DNS:${name}`), `IP:${apiServiceAddress}`, address, 'IP:127.0.0.1'];
  const [apiServer, kubeletClient, kubelet, frontProxy, admin, manager, scheduler, proxy, tokenKeyFile] = await Promise.all([
    authority.issue('apiserver', { name: 'kube-apiserver', hosts: apiHosts }),
    authority.issue('kubelet-client', { name: 'kube-apiserver-kubelet-client', organization: 'system:masters' }),
    authority.issue('kubelet', { name: `system:node:${facts.name}`, organization: 'system:nodes', hosts: [`DNS:${facts.name}`, address] }),
    authority.issue('front-proxy', { name: frontProxyName }),
    authority.issue('admin', { name: 'admin', organization: 'system:masters' }),
    authority.issue('controller-manager', { name: 'system:kube-controller-manager' }),
    authority.issue('scheduler', { name: 'system:kube-scheduler' }),
    authority.issue('proxy', { name: 'system:kube-proxy' }),
    makeTokenKey(folder),
  ]);
  const server = `https://${network.nodeAddress}:${apiPort}`;
  const kubeconfig = (client: Client, user: Identity): Promise<string> =>
    writeKubeconfig(path.join(folder, `${client}.conf`), server, authority.self, user);
  const kubeconfigs = {
    admin: await kubeconfig('admin', admin),
    'controller-manager': await kubeconfig('controller-manager', manager),
    scheduler: await kubeconfig('scheduler', scheduler),
    proxy: await kubeconfig('proxy', proxy),
    kubelet: await kubeconfig('kubelet', kubelet),
  };
  return { authority: authority.self, apiServer, kubeletClient, kubelet, frontProxy, admin, tokenKeyFile, kubeconfigs };
}
