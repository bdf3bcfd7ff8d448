// Where agents run and how people reach them: cluster, router, load balancer, CloudFront. With
// `routing: 'alb'` there is no router: the function `routing` makes a rule for each person.

import type { Construct } from 'constructs';
import type { Config } from '../../config.js';
import { EnvironmentStack } from '../stack.js';
import { Agents } from './agents.js';
import { accessLogs, Edge } from './edge.js';
import { Front } from './front.js';
import { Groups } from './groups.js';
import { network } from './network.js';
import { Router } from './router.js';

/** The second stack. */
export class ClusterStack extends EnvironmentStack {
  constructor(scope: Construct, config: Config) {
    super(scope, config, 'cluster', 'agents, router, front door');
    const vpc = network(this);
    const groups = new Groups(this, vpc);
    const agents = new Agents(this, vpc);
    const logs = accessLogs(this);
    const front = new Front(this, vpc, groups, logs);
    const edge = new Edge(this, front, logs);
    if (config.routing === 'alb') return;
    const router = new Router(this, {
      cluster: agents.cluster,
      executionRole: agents.executionRole,
      groups,
      origin: edge.origin,
    });
    front.forwardTo(router.service);
  }
}
