// Synthesis itself fails for a finding. cdk-nag's AwsSolutions finds nothing that is not answered, and every answer has its reason.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { synthesised, type Which } from './synthesis.js';

interface Report {
  readonly pluginReports?: readonly { readonly violations?: readonly unknown[] }[];
}

function violations(directory: string): unknown[] {
  const path = join(directory, 'validation-report.json');
  expect(existsSync(path), path).toBe(true);
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  return (report.pluginReports ?? []).flatMap((plugin) => plugin.violations ?? []);
}

describe('cdk-nag', () => {
  it.each<Which>(['prod', 'dev', 'other'])('finds nothing in %s that is not answered', (which) => {
    expect(violations(synthesised(which).directory)).toEqual([]);
  });

  it('would find something', () => {
    const app = new App({ analyticsReporting: false });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    new Bucket(new Stack(app, 'bad'), 'Open');
    expect(() => app.synth()).toThrow(/AwsSolutions-S10/);
    expect(JSON.stringify(violations(app.outdir))).toContain('AwsSolutions-S10');
  });
});
