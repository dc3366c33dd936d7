import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromNetworkConf, parseConfList, parsePluginConf, parseSingleConf, toNetworkConf } from '../../../src/cni/conf.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';

const list = (fields: object) => JSON.stringify({ cniVersion: '1.0.0', name: 'net', plugins: [{ type: 'bridge' }], ...fields });

describe('a network configuration', () => {
  it('is read from a list', () => {
    const network = parseConfList(
      list({ disableGC: true, plugins: [{ type: 'bridge', mtu: 9000 }, { type: 'portmap', capabilities: { portMappings: true, mac: false } }] }),
    );
    assert.equal(network.name, 'net');
    assert.equal(network.cniVersion, '1.0.0');
    assert.deepEqual([network.disableCheck, network.disableGc, network.loadOnlyInlinedPlugins], [false, true, false]);
    assert.deepEqual(network.plugins.map((plugin) => plugin.type), ['bridge', 'portmap']);
    assert.deepEqual(network.plugins[0]?.raw, { type: 'bridge', mtu: 9000 });
    assert.deepEqual(network.plugins[1]?.capabilities, ['portMappings']);
  });

  it('is read from a file with one plugin as a list of one', () => {
    const network = parseSingleConf('{"cniVersion":"0.3.1","name":"old","type":"ptp","ipMasq":true}');
    assert.deepEqual([network.name, network.cniVersion, network.plugins.length], ['old', '0.3.1', 1]);
    assert.equal(network.plugins[0]?.raw['ipMasq'], true);
  });

  it('may leave its plugins to a folder beside it', () => {
    assert.deepEqual(parseConfList('{"name":"net"}').plugins, []);
  });

  it('takes flags as words, as libcni does', () => {
    assert.equal(parseConfList(list({ disableCheck: 'TRUE' })).disableCheck, true);
    assert.equal(parseConfList(list({ disableCheck: 'false' })).disableCheck, false);
  });

  it('comes back the same after being stored', () => {
    const network = parseConfList(list({ disableCheck: true, loadOnlyInlinedPlugins: true }));
    assert.deepEqual(toNetworkConf(fromNetworkConf(network)), network);
  });

  for (const [what, text, message] of [
    ['that is no JSON', '{', /no JSON/],
    ['that is a list', '[]', /a list, not a JSON object/],
    ['without a name', '{"plugins":[{"type":"a"}]}', /name is missing/],
    ['with an empty name', list({ name: '' }), /name is empty/],
    ['whose name leaves its folder', list({ name: '../net' }), /"\.\.\/net"/],
    ['with a number for a version', list({ cniVersion: 1 }), /cniVersion is a number, not a string/],
    ['with a number among its versions', list({ cniVersions: ['1.0.0', 1] }), /cniVersions\[1\] is a number/],
    ['with an unknown word for a flag', list({ disableGC: 'yes' }), /disableGC is "yes"/],
    ['with plugins that are no list', list({ plugins: {} }), /plugins is an object, not a list/],
    ['with no plugin in its list', list({ plugins: [] }), /plugins is empty/],
    ['with a plugin without a type', list({ plugins: [{ type: 'a' }, {}] }), /plugins\[1\] has no type/],
    ['whose plugin type is a path', list({ plugins: [{ type: '../a' }] }), /"\.\.\/a"/],
    ['whose capabilities are a list', list({ plugins: [{ type: 'a', capabilities: [] }] }), /capabilities of plugins\[0\]/],
    ['that wants only the plugins it does not have', '{"name":"n","loadOnlyInlinedPlugins":true}', /no plugins/],
  ] as const) {
    it(`is refused ${what}`, () => {
      assert.throws(
        () => parseConfList(text),
        (error) => isKind(error, 'failedPrecondition') && error instanceof CodedError && message.test(error.message),
      );
    });
  }

  it('hints at the right name when a list is in a file for one plugin', () => {
    assert.throws(() => parseSingleConf(list({})), /rename it to end in \.conflist/);
  });

  it('is refused with nothing but a CodedError, whatever the text', () => {
    const field = fc.constantFrom('name', 'cniVersion', 'cniVersions', 'plugins', 'type', 'capabilities', 'disableGC', 'loadOnlyInlinedPlugins');
    const near = fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.array(fc.dictionary(field, fc.jsonValue()))));
    const text = fc.oneof(fc.string(), fc.json(), near.map((value) => JSON.stringify(value)));
    fc.assert(
      fc.property(text, (input) => {
        for (const parse of [parseConfList, parseSingleConf, parsePluginConf]) {
          try {
            parse(input);
          } catch (error) {
            assert.ok(error instanceof CodedError, String(error));
          }
        }
      }),
    );
  });
});
