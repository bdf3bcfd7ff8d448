// The templates that the tests look at: synthesised once, as the command line would.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Resource, TemplateJson } from '../checks/template.js';
import { ENVIRONMENTS, type Wanted } from '../config.js';
import { build } from '../lib/app.js';
import { STACKS, type StackName } from '../lib/names.js';
import { FUNCTIONS } from '../lib/sources.js';
import type { EnvironmentStack } from '../lib/stack.js';
import { configure } from '../lib/validate.js';

const HERE = new URL('.', import.meta.url).pathname;

const environment = (name: string): Wanted => ENVIRONMENTS.find(({ env }) => env === name)!;

/** What is tested: the two of config.ts, and one in which every choice is the other. */
export const WANTED = {
  prod: environment('prod'),
  dev: environment('dev'),
  other: {
    ...environment('prod'),
    env: 'other',
    region: 'us-east-1',
    zones: 3,
    users: 90,
    routing: 'alb',
    architecture: 'x86_64',
    images: { agent: `sha256:${'a'.repeat(64)}`, sidecar: '1.2.3', router: '1.2.3' },
    issuer: { url: 'https://login.example.com', people: 'people', operators: 'operators' },
    webAcl: 'arn:aws:wafv2:us-east-1:123456789012:global/webacl/front/1',
    domain: { ...environment('prod').domain!, originCertificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1' },
  },
} satisfies Record<string, Wanted>;

export type Which = keyof typeof WANTED;

/** A folder among what is built, so that nothing is left elsewhere. */
export function temporary(name: string): string {
  const among = join(HERE, '../../target/infra-tests');
  mkdirSync(among, { recursive: true });
  return mkdtempSync(join(among, name));
}

/** A folder that holds a program for every function: none of them runs. */
export function stubs(program: string | Buffer = '#!/bin/sh\n'): string {
  const folder = temporary('stubs-');
  for (const { name } of FUNCTIONS) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'bootstrap'), program, { mode: 0o755 });
  }
  return folder;
}

/** The context of the command line. */
export function context(): Record<string, unknown> {
  return (JSON.parse(readFileSync(join(HERE, '../cdk.json'), 'utf8')) as { context: Record<string, unknown> }).context;
}

/** The stacks of one environment. */
export class Synthesised {
  readonly directory = temporary('stacks-');
  private readonly stacks: readonly EnvironmentStack[];
  private readonly templates = new Map<string, Template>();

  constructor(readonly wanted: Wanted) {
    const app = new App({ outdir: this.directory, analyticsReporting: false, context: { ...context(), lambdas: stubs() } });
    this.stacks = build(app, configure(wanted));
    for (const stack of this.stacks) this.templates.set(stack.stackName, Template.fromStack(stack));
    app.synth();
  }

  /** The stack itself, for functions that want one. */
  stack(name: StackName): EnvironmentStack {
    return this.stacks[STACKS.indexOf(name)]!;
  }

  /** A stack's template, with CDK's matchers. */
  template(name: StackName): Template {
    return this.templates.get(`tc-${this.wanted.env}-${name}`)!;
  }

  /** The same as plain JSON. */
  json(name: StackName): TemplateJson {
    return this.template(name).toJSON() as TemplateJson;
  }

  /** All four. */
  all(): [StackName, TemplateJson][] {
    return STACKS.map((name) => [name, this.json(name)]);
  }

  /** A stack's resources of one type, by their logical names. */
  resources(name: StackName, type: string): [string, Resource][] {
    return Object.entries(this.json(name).Resources).filter(([, resource]) => resource.Type === type);
  }

  /** The properties of a stack's only resource of a type whose text holds something. */
  one(name: StackName, type: string, holds = ''): NonNullable<Resource['Properties']> {
    const found = this.resources(name, type).filter(([id, resource]) => `${id} ${JSON.stringify(resource)}`.includes(holds));
    if (found.length !== 1) throw new Error(`${found.length} of ${type} hold "${holds}"`);
    return found[0]![1].Properties ?? {};
  }
}

const made = new Map<Which, Synthesised | Error>();

/** The stacks of one of `WANTED`; of `prod` if nothing is said. What failed once is not tried again. */
export function synthesised(which: Which = 'prod'): Synthesised {
  let found = made.get(which);
  if (found === undefined) {
    try {
      found = new Synthesised(WANTED[which]);
    } catch (error) {
      found = error instanceof Error ? error : new Error(String(error));
    }
    made.set(which, found);
  }
  if (found instanceof Error) throw found;
  return found;
}
