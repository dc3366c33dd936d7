import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { TomlLines } from '../../../src/config/toml-lines.ts';

const text = `# first
a = 1
"b c" = """
a = 2
[x]
""""
list = [
  "]", # ]
  '#',
]

[ t . "u.v" ]   # = [
d.e = { f = 1, g = "}" }
h = 'c:\\'
i = "\\"#"
[t.w]
`;

describe('the places of keys in TOML', () => {
  const lines = new TomlLines(text);
  const expected: readonly [path: string[], line: number][] = [
    [['a'], 2],
    [['b c'], 3],
    [['list'], 7],
    [['t'], 12],
    [['t', 'u.v'], 12],
    [['t', 'u.v', 'd', 'e'], 13],
    [['t', 'u.v', 'h'], 14],
    [['t', 'u.v', 'i'], 15],
    [['t', 'w'], 16],
  ];
  for (const [path, line] of expected) {
    it(`finds ${JSON.stringify(path)} in line ${line}`, () => assert.equal(lines.lineOf(path), line));
  }

  it('gives the line of what is around a key it did not see', () => {
    assert.equal(lines.lineOf(['t', 'u.v', 'd', 'e', 'f']), 13);
    assert.equal(lines.lineOf(['nowhere']), 1);
  });

  it('ends on any text', () => {
    fc.assert(fc.property(fc.string(), (any) => void new TomlLines(any)));
  });
});
