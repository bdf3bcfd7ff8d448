// The one configuration file: what it holds works, and what cannot work is refused with all its reasons.

import { describe, expect, it } from 'vitest';
import { DEFAULTS, ENVIRONMENTS, type Wanted } from '../config.js';
import { BadConfig, configure } from '../lib/validate.js';
import { WANTED } from './synthesis.js';

function problems(changes: Partial<Wanted>): string[] {
  try {
    configure({ ...WANTED.prod, ...changes });
    return [];
  } catch (error) {
    if (error instanceof BadConfig) return [...error.problems];
    throw error;
  }
}

describe('the configuration', () => {
  it.each(ENVIRONMENTS.map((environment) => [environment.env, environment] as const))('of %s works', (_, environment) => {
    expect(configure(environment).env).toBe(environment.env);
  });

  it('has a name for each environment once', () => {
    expect(new Set(ENVIRONMENTS.map(({ env }) => env)).size).toBe(ENVIRONMENTS.length);
  });

  it('fills in what an environment leaves out', () => {
    const dev = configure(WANTED.dev);
    expect(dev.admission).toEqual({ burst: 10, perSecond: 20 });
    expect(dev.idleMinutes).toBe(DEFAULTS.idleMinutes);
    expect(dev.logDays).toBe(7);
  });

  const cases: readonly (readonly [string, Partial<Wanted>])[] = [
    ['env', { env: 'Prod' }],
    ['region', { region: 'europe' }],
    ['users', { users: 4001 }],
    ['users', { users: 0 }],
    ['zones', { zones: 1 as never }],
    ['cidr', { cidr: '8.8.0.0/16' }],
    ['cidr', { cidr: '10.64.0.0/24' }],
    ['agent', { agent: { cpu: 1000, memoryMib: 2048 } }],
    ['agent', { agent: { cpu: 1024, memoryMib: 512 } }],
    ['router.tasks', { router: { ...DEFAULTS.router, tasks: 1 } }],
    ['idleMinutes', { idleMinutes: 1 }],
    ['routing', { routing: 'alb', users: 91 }],
    ['domain', { routing: 'alb', users: 90, domain: undefined, production: false }],
    ['admission.burst', { admission: { burst: 0, perSecond: 20 } }],
    ['logDays', { logDays: 31 }],
    ['budget.monthlyUsd', { budget: { monthlyUsd: 0 } }],
    ['images.agent', { images: { ...DEFAULTS.images, agent: 'latest' } }],
    ['domain', { domain: undefined as never }],
    ['edgePrefixList', { edgePrefixList: undefined as never }],
    ['domain.certificate', { domain: { ...WANTED.prod.domain!, certificate: 'arn:aws:acm:eu-west-1:1:certificate/1' } }],
    ['domain.originCertificate', { domain: { ...WANTED.prod.domain!, originCertificate: 'arn:aws:acm:us-east-1:1:certificate/1' } }],
    ['webAcl', { webAcl: 'arn:aws:wafv2:eu-west-1:1:regional/webacl/a/1' }],
    ['issuer.url', { issuer: { url: 'http://issuer.example.com', people: 'a', operators: 'b' } }],
    ['issuer', { issuer: { url: 'https://issuer.example.com', people: 'a', operators: 'a' } }],
  ];
  it.each(cases)('refuses a wrong %s: %o', (field, changes) => {
    const found = problems(changes);
    expect(found.filter((problem) => problem.startsWith(`${field}:`))).toHaveLength(1);
  });

  it('says all that is wrong at once', () => {
    expect(problems({ users: -1, idleMinutes: 1, logDays: 2 })).toHaveLength(3);
  });
});
