// The four stacks of one environment.

import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Config } from '../config.js';
import { AdminStack } from './admin/stack.js';
import { ClusterStack } from './cluster/stack.js';
import { ControlPlaneStack } from './control/stack.js';
import { FoundationStack } from './foundation/stack.js';
import type { EnvironmentStack } from './stack.js';

/** Puts the stacks into an app, by the order of their deployment. */
export function build(app: App, config: Config): EnvironmentStack[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return [new FoundationStack(app, config), new ClusterStack(app, config), new ControlPlaneStack(app, config), new AdminStack(app, config)];
}
