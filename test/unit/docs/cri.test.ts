import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';

const root = path.join(import.meta.dirname, '../../..');

/** Every RPC of the CRI, and every field of each message that a request holds, as `Message.field`. */
function contract(): string[] {
  const proto = new protobuf.Root().loadSync(path.join(root, 'proto/cri/runtime/v1/api.proto'), { keepCase: true });
  proto.resolveAll();
  const names: string[] = [];
  const seen = new Set<protobuf.Type>();
  const add = (type: protobuf.Type): void => {
    if (seen.has(type)) return;
    seen.add(type);
    for (const field of type.fieldsArray) {
      names.push(`${type.name}.${field.name}`);
      if (field.resolvedType instanceof protobuf.Type) add(field.resolvedType);
    }
  };
  for (const service of ['runtime.v1.RuntimeService', 'runtime.v1.ImageService']) {
    for (const method of proto.lookupService(service).methodsArray) {
      names.push(method.name);
      if (method.resolvedRequestType !== null) add(method.resolvedRequestType);
    }
  }
  return names;
}

/** The words in backticks. */
function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

describe('docs/cri.md', () => {
  const rows = readFileSync(path.join(root, 'docs/cri.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [names = '', what = '', tests = '', ...more] = line.split('|').slice(1, -1).map((cell) => cell.trim());
      assert.deepEqual(more, [], `a row of three cells: ${line}`);
      return { names: codes(names), what, tests };
    });

  it('has every RPC and every field of a request once, and no other', () => {
    assert.deepEqual(rows.flatMap(({ names }) => names).toSorted(), contract().toSorted());
  });

  it('names a test, and one that is there, for all that is not marked as not done', () => {
    for (const { names, what, tests } of rows) {
      const isDone = !/^not (yet|looked at)\b/.test(what);
      assert.equal(codes(tests).length > 0, isDone, `${names.join(', ')}: a test for what is done, and for that only`);
      const missing = codes(tests).filter((test) => !existsSync(path.join(root, 'test', `${test}.test.ts`)));
      assert.deepEqual(missing, [], names.join(', '));
    }
  });

  it('names a test for each corner case, and one that is there', () => {
    const cases = readFileSync(path.join(root, 'docs/cri.md'), 'utf8')
      .split('\n')
      .filter((line) => /^\| \d/.test(line))
      .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
    assert.deepEqual(cases.map(([number]) => Number(number)), Array.from({ length: 87 }, (_, n) => n + 1));
    for (const [number, what, tests = ''] of cases) {
      assert.ok(what !== '' && codes(tests).length > 0, `#${number}`);
      const missing = codes(tests).filter((test) => !existsSync(path.join(root, 'test', `${test}.test.ts`)));
      assert.deepEqual(missing, [], `#${number}`);
    }
  });

  it('says for what reason a field is not looked at', () => {
    for (const { names, what } of rows) assert.ok(what !== 'not looked at' && what !== '', names.join(', '));
  });

  it('says of those RPCs and no others that they are not there for which there is no handler', () => {
    const handlers = readFileSync(path.join(root, 'src/app/handlers.ts'), 'utf8');
    for (const { names, what } of rows) {
      for (const name of names.filter((each) => !each.includes('.'))) {
        assert.equal(new RegExp(`^ +${name}:`, 'm').test(handlers), what !== 'not yet', name);
      }
    }
  });
});
