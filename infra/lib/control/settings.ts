// What every function is told besides its environment's name: the fields of lambdas/src/settings.rs.

import { taskTemplate } from '../cluster/agents.js';
import type { EnvironmentStack } from '../stack.js';

/** The settings, as JSON. */
export function settings(stack: EnvironmentStack): string {
  const { config, names } = stack;
  return stack.toJsonString({
    cluster: names.cluster(),
    subnets: stack.foundPerZone('privateSubnets'),
    securityGroups: [stack.found('agentGroup')],
    fileSystem: stack.found('fileSystem'),
    boundary: stack.found('boundary'),
    executionRole: stack.found('executionRole'),
    task: taskTemplate(stack, config.images),
    policy: { idleMinutes: config.idleMinutes },
    admission: config.admission,
  });
}
