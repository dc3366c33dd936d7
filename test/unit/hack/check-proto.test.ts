import { strict as assert } from 'node:assert';
import { compareContracts, type Extent } from '../../../hack/check-proto/compare.ts';
import { parseContract, readContract } from '../../../hack/check-proto/contract.ts';

const upstream = `
  syntax = "proto3";
  package p.v1;
  service S {
    rpc Get(Request) returns (Answer);
    rpc Watch(Request) returns (stream Answer);
  }
  message Request {
    string id = 1;
    repeated string tags = 2;
    map<string, int32> counts = 3;
    oneof which { string name = 4; int64 number = 5; }
    optional bool sure = 6;
    string password = 7 [debug_redact = true];
    Kind kind = 8;
    message Nested { bytes data = 1; }
    enum Inner { NONE = 0; SOME = 1; }
  }
  message Answer {}
  message Unused { string x = 1; }
  enum Kind { A = 0; B = 1; }
`;

function differences(ours: string, extent: Extent = 'whole'): string[] {
  return compareContracts(parseContract(ours), parseContract(upstream), extent);
}

describe('the comparison of contracts', () => {
  it('finds nothing between a text and itself in other words', () => {
    const reworded = upstream.replace('string id = 1;', '// The id.\n string id = 1;').replaceAll('\n  ', ' \n');
    assert.deepEqual(differences(reworded), []);
  });

  const changes: readonly [what: string, from: string, to: string, found: string[]][] = [
    ['a number', 'string id = 1', 'string id = 9', ['field p.v1.Request.id: here number 9 string; upstream number 1 string']],
    ['a type', 'string id = 1', 'bytes id = 1', ['field p.v1.Request.id: here number 1 bytes; upstream number 1 string']],
    [
      'a label',
      'repeated string tags',
      'string tags',
      ['field p.v1.Request.tags: here number 2 string; upstream number 2 repeated string'],
    ],
    [
      'a name',
      'string id = 1',
      'string ident = 1',
      ['field p.v1.Request.id: missing here; upstream number 1 string', 'field p.v1.Request.ident: not in upstream; here number 1 string'],
    ],
    [
      "a map's key",
      'map<string, int32>',
      'map<int32, int32>',
      ['field p.v1.Request.counts: here number 3 map<int32, int32>; upstream number 3 map<string, int32>'],
    ],
    [
      'a oneof',
      'oneof which {',
      'oneof other {',
      [
        'field p.v1.Request.name: here number 4 string in oneof other; upstream number 4 string in oneof which',
        'field p.v1.Request.number: here number 5 int64 in oneof other; upstream number 5 int64 in oneof which',
      ],
    ],
    ['presence', 'optional bool', 'bool', ['field p.v1.Request.sure: here number 6 bool; upstream number 6 optional bool']],
    [
      'a mark',
      ' [debug_redact = true]',
      '',
      ['field p.v1.Request.password: here number 7 string; upstream number 7 string debug_redact'],
    ],
    ['an enum value', 'B = 1', 'B = 2', ['value p.v1.Kind.B: here number 2; upstream number 1']],
    ['a nested enum', 'SOME = 1', 'SOME = 3', ['value p.v1.Request.Inner.SOME: here number 3; upstream number 1']],
    [
      'a nested message',
      'bytes data',
      'string data',
      ['field p.v1.Request.Nested.data: here number 1 string; upstream number 1 bytes'],
    ],
    [
      'streaming',
      'stream Answer',
      'Answer',
      ['rpc p.v1.S.Watch: here takes p.v1.Request, gives p.v1.Answer; upstream takes p.v1.Request, gives stream p.v1.Answer'],
    ],
    [
      'a request',
      'rpc Get(Request)',
      'rpc Get(Answer)',
      ['rpc p.v1.S.Get: here takes p.v1.Answer, gives p.v1.Answer; upstream takes p.v1.Request, gives p.v1.Answer'],
    ],
    ['an added message', 'message Answer {}', 'message Answer {} message More {}', ['p.v1.More: not in upstream']],
    ['a message left out', 'message Unused { string x = 1; }', '', ['p.v1.Unused: missing here']],
  ];
  for (const [what, from, to, found] of changes) {
    it(`finds a changed contract: ${what}`, () => assert.deepEqual(differences(upstream.replace(from, to)), found));
  }

  it('finds another package', () => {
    assert.ok(differences(upstream.replace('package p.v1', 'package p.v2')).includes('p.v1.Kind: missing here'));
  });

  it('lets what is not used be left out, but no field of what is', () => {
    const used = upstream.replace('message Unused { string x = 1; }', '').replace('rpc Get(Request) returns (Answer);', '');
    assert.deepEqual(differences(used, 'used'), []);
    assert.deepEqual(differences(used.replace('string id = 1;', ''), 'used'), [
      'field p.v1.Request.id: missing here; upstream number 1 string',
    ]);
  });

  it('sees the whole of the CRI', () => {
    const contract = readContract(['proto/cri'], ['runtime/v1/api.proto']);
    const rpcs = ['RuntimeService', 'ImageService'].map((service) => {
      const facts = [...(contract.get(`runtime.v1.${service}`)?.keys() ?? [])];
      return facts.filter((fact) => fact.startsWith('rpc ')).length;
    });
    assert.deepEqual(rpcs, [37, 6]);
  });
});
