// What functions are told is what the Rust side reads: its own structs and its own example are looked at.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { at, text } from '../checks/template.js';
import { NEW_KEYS } from '../lib/control/patterns.js';
import { synthesised, WANTED, type Which } from './synthesis.js';

const root = new URL('../../', import.meta.url);
const source = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** The fields of a struct, as serde calls them in camelCase. */
function fields(path: string, struct: string): string[] {
  const body = new RegExp(`pub struct ${struct} \\{([\\s\\S]*?)\\n\\}`).exec(source(path))![1]!;
  return [...body.matchAll(/^    (?:pub )?(\w+):/gm)].map(([, field]) => field!.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
}

type Fields = Record<string, Record<string, unknown>>;

/** The settings as a template has them, with a word for what is known at deployment alone. */
function told(which: Which = 'prod'): Fields {
  const variables = at(synthesised(which).one('control-plane', 'AWS::Lambda::Function', `"tc-${which}-compute"`).Environment!, 'Variables');
  const [, parts] = JSON.parse(text(at(variables, 'TEAMCLAW_SETTINGS', 'Fn::Join'))) as [string, (string | object)[]];
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'TOKEN')).join('')) as Fields;
}

describe('functions', () => {
  it('are told what lambdas/src/settings.rs reads, and nothing that it refuses', () => {
    const ours = told();
    const unknown = (given: object, known: string[]) => Object.keys(given).filter((field) => !known.includes(field));
    expect(unknown(ours, fields('lambdas/src/settings.rs', 'Settings'))).toEqual([]);
    expect(unknown(ours.sidecars!, fields('lambdas/src/settings.rs', 'Sidecars'))).toEqual([]);
    expect(unknown(ours.admission!, fields('lambdas/src/settings.rs', 'Admission'))).toEqual([]);
    expect(unknown(ours.claims!, fields('lambdas/src/person.rs', 'Claims'))).toEqual([]);
    expect(unknown(ours.tasks!, fields('aws/src/compute/settings.rs', 'TaskSettings'))).toEqual([]);
  });

  it('are told the load balancer where it leads to agents, and a domain for their host names', () => {
    expect(told().loadBalancer).toBeUndefined();
    const { loadBalancer } = told('other');
    const known = fields('aws/src/alb_routes/mod.rs', 'AlbSettings');
    expect(Object.keys(loadBalancer!).filter((field) => !known.includes(field))).toEqual([]);
    expect(loadBalancer).toMatchObject({ listener: 'TOKEN', vpc: 'TOKEN', domain: WANTED.other.domain.name });
  });

  it('are told all that the example of the Rust side has, but for what has a default', () => {
    const ours = told();
    const example = JSON.parse(source('lambdas/settings.json')) as Fields;
    expect(Object.keys(example).filter((field) => !(field in ours))).toEqual(['limits', 'loadBalancer', 'tokenEndpoints', 'upstreams']);
    expect(Object.keys(example.tasks!).filter((field) => !(field in ours.tasks!))).toEqual([]);
  });

  it('look for new keys under the label by which they are told of them', () => {
    expect(source('lambdas/src/rotate.rs')).toContain(`OFFERED: &str = "${NEW_KEYS}"`);
  });
});
