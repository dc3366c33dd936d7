import assert from 'node:assert/strict';
import { loadDefinitions } from '../../../src/containerd/definitions.ts';
import { toEvent } from '../../../src/containerd/event.ts';
import { TypeUrls } from '../../../src/containerd/typeurl.ts';

const definitions = loadDefinitions();
const types = new TypeUrls(definitions);

function envelope(topic: string, typeUrl: string, message: object) {
  const value = definitions.message(typeUrl)?.serialize(message) ?? Buffer.alloc(0);
  return {
    topic,
    namespace: 'k8s.io',
    timestamp: { seconds: '5', nanos: 6 },
    event: { type_url: typeUrl, value },
  };
}

const exit = { containerId: 'c', pid: 7, exitStatus: 137, exitedAt: { seconds: 1, nanos: 2 } };

describe('events', () => {
  it('of the init process have no exec id, whether containerd repeats the container’s or leaves it out', () => {
    const exited = toEvent(types, envelope('/tasks/exit', 'containerd.events.TaskExit', { ...exit, id: 'c' }));
    const expected = { containerId: 'c', execId: '', pid: 7, exitStatus: 137, exitedAtNs: 1_000_000_002n, atNs: 5_000_000_006n };
    assert.deepEqual(exited, { topic: '/tasks/exit', type: 'taskExit', ...expected });
    const deleted = toEvent(types, envelope('/tasks/delete', 'containerd.events.TaskDelete', exit));
    assert.deepEqual(deleted, { topic: '/tasks/delete', type: 'taskDelete', ...expected });
  });

  it('of an exec have its id', () => {
    const event = toEvent(types, envelope('/tasks/exit', 'containerd.events.TaskExit', { ...exit, id: 'e' }));
    assert.equal(event.type === 'taskExit' && event.execId, 'e');
  });

  const cases: [string, string, object, object][] = [
    ['/tasks/oom', 'containerd.events.TaskOOM', { containerId: 'c' }, { type: 'taskOom', containerId: 'c' }],
    ['/tasks/create', 'containerd.events.TaskCreate', { containerId: 'c', pid: 1 }, { type: 'taskCreate', containerId: 'c', pid: 1 }],
    ['/tasks/start', 'containerd.events.TaskStart', { containerId: 'c', pid: 1 }, { type: 'taskStart', containerId: 'c', pid: 1 }],
    ['/containers/create', 'containerd.events.ContainerCreate', { id: 'c' }, { type: 'containerCreate', containerId: 'c' }],
    ['/containers/update', 'containerd.events.ContainerUpdate', { id: 'c' }, { type: 'containerUpdate', containerId: 'c' }],
    ['/containers/delete', 'containerd.events.ContainerDelete', { id: 'c' }, { type: 'containerDelete', containerId: 'c' }],
    ['/images/create', 'containerd.services.images.v1.ImageCreate', { name: 'i' }, { type: 'imageCreate', name: 'i' }],
    ['/images/update', 'containerd.services.images.v1.ImageUpdate', { name: 'i' }, { type: 'imageUpdate', name: 'i' }],
    ['/images/delete', 'containerd.services.images.v1.ImageDelete', { name: 'i' }, { type: 'imageDelete', name: 'i' }],
    ['/snapshot/prepare', 'containerd.events.SnapshotPrepare', { key: 'k' }, { type: 'other' }],
    ['/made/up', 'no.such.Message', {}, { type: 'other' }],
  ];
  for (const [topic, typeUrl, message, expected] of cases) {
    it(`of topic ${topic} are read`, () => {
      const event = toEvent(types, envelope(topic, typeUrl, message));
      assert.deepEqual(event, { topic, atNs: 5_000_000_006n, ...expected });
    });
  }

  it('that are not what their topic says are data loss', () => {
    assert.throws(() => toEvent(types, envelope('/tasks/exit', 'containerd.events.TaskOOM', { containerId: 'c' })), /TaskOOM/);
  });
});
