// `cdk synth -c env=prod`: the stacks of one environment of config.ts.

import { App } from 'aws-cdk-lib';
import { ENVIRONMENTS } from './config.js';
import { build } from './lib/app.js';
import { configure } from './lib/validate.js';

const app = new App();
const wanted: unknown = app.node.tryGetContext('env') ?? 'dev';
const found = ENVIRONMENTS.find((environment) => environment.env === wanted);
if (found === undefined) {
  const known = ENVIRONMENTS.map((environment) => environment.env).join(', ');
  throw new Error(`config.ts has no environment "${String(wanted)}"; it has ${known}`);
}
build(app, configure(found));
app.synth();
