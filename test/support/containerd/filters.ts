import { CodedError } from '../../../src/lib/errors.ts';

type Fields = (path: readonly string[]) => string | undefined;

const TERM = /^((?:[\w-]+|"[^"]*")(?:\.(?:[\w/-]+|"[^"]*"))*)(?:(==|!=|~=)(?:"((?:[^"\\]|\\.)*)"|([^",]*)))?(?:,|$)/;

/** Whether an object passes containerd's filters: any of them, of which each is terms joined by commas. */
export function matches(filters: readonly string[], fields: Fields): boolean {
  return filters.length === 0 || filters.some((filter) => matchesAll(filter, fields));
}

/** The fields of an object whose values are text or a map of labels. */
export function fieldsOf(object: Readonly<Record<string, string | Readonly<Record<string, string>>>>): Fields {
  return ([name = '', key]) => {
    const value = object[name];
    return typeof value === 'object' ? value[key ?? ''] : value;
  };
}

function matchesAll(filter: string, fields: Fields): boolean {
  let rest = filter;
  let all = true;
  while (rest !== '') {
    const found = TERM.exec(rest);
    if (found === null) throw new CodedError('invalidArgument', `filter "${filter}": cannot read "${rest}"`);
    const [whole, path = '', operator, quoted, bare = ''] = found;
    const value = fields(path.match(/"[^"]*"|[^."]+/g)?.map((part) => part.replaceAll('"', '')) ?? []);
    const wanted = quoted?.replace(/\\(.)/g, '$1') ?? bare;
    if (operator === undefined) all &&= value !== undefined;
    else if (operator === '==') all &&= value === wanted;
    else if (operator === '!=') all &&= value !== wanted;
    else all &&= new RegExp(wanted).test(value ?? '');
    rest = rest.slice(whole.length);
  }
  return all;
}
