// The templates that the tests look at: synthesised once, as the command line would.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ENVIRONMENTS, type Wanted } from '../config.js';
import type { Resource, TemplateJson } from '../checks/template.js';
import { build } from '../lib/app.js';
import type { StackName } from '../lib/names.js';
import { configure } from '../lib/validate.js';

const HERE = new URL('.', import.meta.url).pathname;

/** The environment of config.ts that has everything switched on. */
export const PROD: Wanted = ENVIRONMENTS.find((environment) => environment.env === 'prod')!;

/** The stacks of one environment. */
export class Synthesised {
  readonly directory = mkdtempSync(join(tmpdir(), 'teamclaw-infra-'));
  private readonly templates = new Map<string, Template>();

  constructor(readonly wanted: Wanted) {
    const context = (JSON.parse(readFileSync(join(HERE, '../cdk.json'), 'utf8')) as { context: Record<string, unknown> }).context;
    const app = new App({ outdir: this.directory, analyticsReporting: false, context });
    for (const stack of build(app, configure(wanted))) this.templates.set(stack.stackName, Template.fromStack(stack));
    app.synth();
  }

  /** A stack's template, with CDK's matchers. */
  template(name: StackName): Template {
    return this.templates.get(`tc-${this.wanted.env}-${name}`)!;
  }

  /** The same as plain JSON. */
  json(name: StackName): TemplateJson {
    return this.template(name).toJSON() as TemplateJson;
  }

  /** A stack's resources of one type, by their logical names. */
  resources(name: StackName, type: string): [string, Resource][] {
    return Object.entries(this.json(name).Resources).filter(([, resource]) => resource.Type === type);
  }
}

const made = new Map<string, Synthesised>();

/** The stacks of `prod`, or of it with some fields changed. */
export function synthesised(changes: Partial<Wanted> = {}): Synthesised {
  const key = JSON.stringify(changes);
  const found = made.get(key) ?? new Synthesised({ ...PROD, ...changes });
  made.set(key, found);
  return found;
}
