import assert from 'node:assert/strict';
import { asksForRdt, type ClassSubject, intelRdt, refuseBlockIoClass } from '../../../src/spec/class-annotations.ts';
import { invalid } from './fixtures.ts';

const subject = (annotations: Record<string, string>, podAnnotations: Record<string, string> = {}): ClassSubject => ({
  containerName: 'app',
  annotations,
  podAnnotations,
});

describe('an RDT class by annotation', () => {
  const pod = { 'rdt.resources.beta.kubernetes.io/pod': 'silver' };

  it("is the container's own, then the Pod's for it, then the Pod's for all", () => {
    const forApp = { ...pod, 'rdt.resources.beta.kubernetes.io/container.app': 'gold' };
    const classes = ['silver', 'gold', 'iron'];
    assert.deepEqual(intelRdt(subject({}, pod), classes), { closID: 'silver' });
    assert.deepEqual(intelRdt(subject({}, forApp), classes), { closID: 'gold' });
    assert.deepEqual(intelRdt(subject({ 'io.kubernetes.cri.rdt-class': 'iron' }, forApp), classes), { closID: 'iron' });
    assert.equal(intelRdt(subject({}, { 'rdt.resources.beta.kubernetes.io/container.other': 'gold' }), classes), undefined);
    assert.equal(asksForRdt(subject({})), false);
  });

  it('is refused where the host has no RDT or no such class', () => {
    assert.throws(() => intelRdt(subject({}, pod), undefined), invalid('rdt.resources.beta.kubernetes.io/pod', '"silver"', 'resctrl'));
    assert.throws(() => intelRdt(subject({}, pod), ['gold']), invalid('"silver"', 'there are gold'));
  });
});

describe('a block I/O class by annotation', () => {
  it('is refused with the annotation, and an empty one is none', () => {
    const asked = subject({}, { 'blockio.resources.beta.kubernetes.io/container.app': 'slow' });
    assert.throws(() => refuseBlockIoClass(asked), invalid('blockio.resources.beta.kubernetes.io/container.app', '"slow"'));
    refuseBlockIoClass(subject({ 'io.kubernetes.cri.blockio-class': '' }));
  });
});
