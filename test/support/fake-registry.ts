import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { writeTar } from '../../hack/images/tar.ts';
import type { Entry } from '../../hack/images/tar.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/** A layer: text files by path, or whatever an archive has. */
export type FakeLayer = Readonly<Record<string, string>> | readonly Entry[];

export interface FakeImage {
  readonly os?: string;
  readonly architecture?: string;
  /** The one layer, or the top one. */
  readonly files?: FakeLayer;
  /** The layers below that one, the lowest first. */
  readonly lowerLayers?: readonly FakeLayer[];
  /** Whether its configuration says of the top layer that it is something else. */
  readonly wrongDiffId?: boolean;
  /** The `config` object of the image configuration. */
  readonly config?: object;
}

export interface StoredImage {
  readonly manifestDigest: string;
  readonly configDigest: string;
  /** Of the top layer. */
  readonly layerDigest: string;
  /** The digest of the top layer unpacked, which is the chain id of an image of one layer. */
  readonly diffId: string;
  readonly size: number;
}

/** What a request is answered with instead of what it asks for. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An image registry in memory, for what a real one cannot be made to do: refuse, hang, break off. */
export class FakeRegistry {
  readonly requests: { readonly method: string; readonly path: string; readonly authorization: string }[] = [];
  /** Asked before each request is served; `'hang'` never answers it. */
  intercept: (request: IncomingMessage) => Refusal | 'hang' | undefined = () => undefined;
  readonly #blobs = new Map<string, { readonly type: string; readonly data: Buffer }>();
  readonly #tags = new Map<string, string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** HOST:PORT, as in a reference. containerd speaks plain HTTP with 127.0.0.1. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Refuses whoever does not show this name and password by basic authentication. */
  requireBasic(username: string, password: string): void {
    const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    this.intercept = (request) =>
      request.headers.authorization === expected
        ? undefined
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="fake"' } };
  }

  /** Stores an image of one layer under a tag. */
  addImage(repository: string, tag: string, image: FakeImage = {}): StoredImage {
    const stored = this.#store(image);
    this.#tags.set(`${repository}:${tag}`, stored.manifestDigest);
    return stored;
  }

  /** Stores an index of images for several platforms under a tag. */
  addIndex(repository: string, tag: string, images: readonly FakeImage[]): { digest: string; images: StoredImage[] } {
    const stored = images.map((image) => this.#store(image));
    const manifests = stored.map(({ manifestDigest }, i) => ({
      mediaType: MANIFEST,
      digest: manifestDigest,
      size: this.#blobs.get(manifestDigest)?.data.length,
      platform: { os: images[i]?.os ?? 'linux', architecture: images[i]?.architecture ?? 'amd64' },
    }));
    const digest = this.#put(INDEX, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
    this.#tags.set(`${repository}:${tag}`, digest);
    return { digest, images: stored };
  }

  #store({ os = 'linux', architecture = 'amd64', files = {}, lowerLayers = [], wrongDiffId = false, config = {} }: FakeImage): StoredImage {
    const layers = [...lowerLayers, files].map((each) => this.#putLayer(each));
    const { diffId, digest: layerDigest } = layers.at(-1) ?? this.#putLayer(files);
    const diffIds = layers.map((layer) => layer.diffId);
    if (wrongDiffId) diffIds[diffIds.length - 1] = digestOf(Buffer.from('something else'));
    const configJson = JSON.stringify({ os, architecture, config, rootfs: { type: 'layers', diff_ids: diffIds } });
    const configDigest = this.#put('application/octet-stream', configJson);
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configDigest, size: configJson.length },
      layers: layers.map(({ digest, size }) => ({ mediaType: LAYER, digest, size })),
    });
    const manifestDigest = this.#put(MANIFEST, manifest);
    const size = layers.reduce((sum, layer) => sum + layer.size, manifest.length + configJson.length);
    return { manifestDigest, configDigest, layerDigest, diffId, size };
  }

  #putLayer(content: FakeLayer): { diffId: string; digest: string; size: number } {
    const layer = writeTar(entriesOf(content));
    const packed = gzipSync(layer);
    return { diffId: digestOf(layer), digest: this.#put('application/octet-stream', packed), size: packed.length };
  }

  #put(type: string, data: Buffer | string): string {
    const bytes = Buffer.from(data);
    const digest = digestOf(bytes);
    this.#blobs.set(digest, { type, data: bytes });
    return digest;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url = '/' } = request;
    const path = url.split('?')[0] ?? '/';
    this.requests.push({ method, path, authorization: request.headers.authorization ?? '' });
    const refusal = this.intercept(request);
    if (refusal === 'hang') return;
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers).end(refusal.body);
      return;
    }
    const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const digest = kind === 'manifests' ? (this.#tags.get(`${repository}:${reference}`) ?? reference) : reference;
    const blob = this.#blobs.get(digest ?? '');
    if (path === '/v2/') response.end('{}');
    else if (blob === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    else {
      const headers = { 'content-type': blob.type, 'content-length': blob.data.length, 'docker-content-digest': digest };
      response.writeHead(200, headers).end(method === 'HEAD' ? undefined : blob.data);
    }
  }
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function entriesOf(layer: FakeLayer): readonly Entry[] {
  if (isEntries(layer)) return layer;
  return Object.entries(layer).map(([path, text]) => ({ type: 'file', path, data: Buffer.from(text) }));
}

function isEntries(layer: FakeLayer): layer is readonly Entry[] {
  return Array.isArray(layer);
}
