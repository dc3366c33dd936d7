import assert from 'node:assert/strict';
import fc from 'fast-check';
import { renderTemplate } from '../../../src/cni/template.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';

const values = { PodCIDR: '10.1.0.0/24', PodCIDRRanges: ['10.1.0.0/24', 'fd00::/64'], Routes: ['0.0.0.0/0', '::/0'], None: [], Empty: '' };

describe('a network template', () => {
  // What text/template makes of the same.
  const table: readonly [template: string, text: string][] = [
    ['plain { } text', 'plain { } text'],
    ['{{.PodCIDR}} {{ .PodCIDR }}', '10.1.0.0/24 10.1.0.0/24'],
    ['{{range .PodCIDRRanges}}<{{.}}>{{end}}', '<10.1.0.0/24><fd00::/64>'],
    ['{{range $r := .Routes}}<{{$r}}>{{end}}', '<0.0.0.0/0><::/0>'],
    ['{{range $i, $r := .Routes}}{{if $i}}, {{end}}{"dst":"{{$r}}"}{{end}}', '{"dst":"0.0.0.0/0"}, {"dst":"::/0"}'],
    ['{{range .None}}x{{else}}nothing{{end}}', 'nothing'],
    ['{{if .Empty}}a{{else if .None}}b{{else}}c{{end}}', 'c'],
    ['{{if .Empty}}a{{else if .Routes}}b{{else}}c{{end}}!', 'b!'],
    ['{{if .Routes}}{{if .Empty}}a{{end}}b{{end}}', 'b'],
    ['a  {{- /* why */ -}}  b', 'ab'],
    ['a\n{{- range .Routes}}\n{{.}}\n{{- end}}\nb', 'a\n0.0.0.0/0\n::/0\nb'],
    ['{{.Routes}}', '[0.0.0.0/0 ::/0]'],
  ];
  for (const [template, text] of table) {
    it(`makes ${JSON.stringify(text)} of ${template}`, () => {
      assert.equal(renderTemplate(template, values), text);
    });
  }

  const refused: readonly [template: string, words: string][] = [
    ['{{.PodCidr}}', '.PodCidr}} is unknown: there are .PodCIDR'],
    ['{{$x}}', '{{$x}} is unknown'],
    ['{{range .Routes}}{{.PodCIDR}}{{end}}', '{{.PodCIDR}} is unknown'],
    ['{{range .PodCIDR}}{{end}}', 'it is no list'],
    ['{{if .Routes}}x', '{{if .Routes}} has no {{end}}'],
    ['x{{end}}', '{{end}} has nothing to end'],
    ['{{else}}', '{{else}} has nothing to end'],
    ['{{index .Routes 0}}', '{{index .Routes 0}} is not understood'],
    ['{{range $i, $r = .Routes}}{{end}}', 'is not understood'],
    ['a {{.PodCIDR', 'is not closed'],
    ['{{}}', '{{}} is not understood'],
  ];
  for (const [template, words] of refused) {
    it(`refuses ${template}`, () => {
      assert.throws(() => renderTemplate(template, values), (error: Error) => isKind(error, 'invalidArgument') && error.message.includes(words));
    });
  }

  it('never fails otherwise, whatever it holds', () => {
    const piece = fc.constantFrom('{{', '}}', '{{- ', ' -}}', 'if ', 'range ', '.Routes', '.', '$x', ':=', 'end', 'else', ' ', '"', '/*', '*/');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          renderTemplate(pieces.join(''), values);
        } catch (error) {
          assert.ok(error instanceof CodedError, String(error));
        }
      }),
    );
  });
});
