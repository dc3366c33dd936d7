import assert from 'node:assert/strict';
import { containerAnnotations, passedAnnotations } from '../../../src/spec/annotations.ts';
import { sandboxConfig } from './fixtures.ts';

describe('annotations for the runtime', () => {
  it('are those whose name a glob of the handler matches', () => {
    const annotations = { 'run.oci/a': '1', 'run.oci/b/c': '2', 'io.katacontainers.x': '3', other: '4' };
    assert.deepEqual(passedAnnotations(annotations, ['run.oci/*', 'io.katacontainers.*']), { 'run.oci/a': '1', 'io.katacontainers.x': '3' });
    assert.deepEqual(passedAnnotations(annotations, []), {});
  });

  it('cannot pretend to be what podwright itself tells the runtime', () => {
    const passed = { 'io.kubernetes.cri.container-type': 'sandbox', mine: 'x' };
    const told = containerAnnotations({ sandboxId: 's', sandboxConfig: sandboxConfig(), containerName: 'c', imageName: 'i', passed });
    assert.equal(told['io.kubernetes.cri.container-type'], 'container');
    assert.equal(told['mine'], 'x');
  });
});
