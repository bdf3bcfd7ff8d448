// What every function is told besides its environment's name: the fields of lambdas/src/settings.rs, of
// which lambdas/settings.json is an example that both sides are held to.

import type { IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { image } from '../cluster/agents.js';
import type { EnvironmentStack } from '../stack.js';
import { OPERATORS } from './people.js';

/** Where the sidecar listens in a task, and where it keeps what it has not handed over (aws/src/compute/definition.rs). */
const SIDECAR_LISTEN = '127.0.0.1:4141';
const SIDECAR_JOURNAL = '/var/lib/teamclaw/usage';
/** What sidecars write down: warnings, and each key that a provider refused, which is counted (watched.ts). */
const SIDECAR_LOG = 'warn,sidecar::call=info';
/** How long a sidecar believes what it read of the pool. */
const KEYS_BELIEVED = 'PT60S';
/** Where the cleaner finds the homes; Lambda wants it below /mnt (lambda/latest/dg/configuration-filesystem.html). */
export const HOMES_MOUNT = '/mnt/homes';
/** The team of whoever belongs to none. */
const DEFAULT_TEAM = 'all';

/** The settings, as JSON. */
export function settings(stack: EnvironmentStack, api: IHttpApi): string {
  const { config, names } = stack;
  return stack.toJsonString({
    admission: config.admission,
    claims: { person: 'sub', team: 'custom:team', groups: 'cognito:groups', admins: OPERATORS },
    defaultTeam: DEFAULT_TEAM,
    fileSystem: stack.found('fileSystem'),
    frontDoor: stack.found('front'),
    homesMount: HOMES_MOUNT,
    keysBelieved: KEYS_BELIEVED,
    ...(config.routing === 'alb' ? { loadBalancer: loadBalancer(stack) } : {}),
    policy: { idle_default: `PT${config.idleMinutes}M` },
    sidecars: { role: `arn:aws:iam::${stack.account}:role/${names.leaseRole()}`, poolKey: stack.found('key') },
    tasks: tasks(stack, api),
  });
}

/** Which load balancer gets a rule a person: aws/src/alb_routes. */
function loadBalancer(stack: EnvironmentStack) {
  return { listener: stack.found('listener'), vpc: stack.found('vpcId'), domain: stack.config.domain!.name };
}

/** What every task has in common: aws/src/compute/settings.rs. */
function tasks(stack: EnvironmentStack, api: IHttpApi) {
  const { config } = stack;
  return {
    region: stack.region,
    subnets: stack.foundPerZone('privateSubnets'),
    securityGroups: [stack.found('agentGroup')],
    boundary: stack.found('boundary'),
    executionRole: stack.found('executionRole'),
    agentImage: image(stack.found('agentRepository'), config.images.agent),
    sidecarImage: image(stack.found('sidecarRepository'), config.images.sidecar),
    agentLogGroup: stack.found('agentLogs'),
    sidecarLogGroup: stack.found('sidecarLogs'),
    cpu: config.agent.cpu,
    memory: config.agent.memoryMib,
    architecture: config.architecture,
    spot: config.spot,
    agentEnvironment: { TEAMCLAW_ORIGINS: stack.found('front') },
    sidecarEnvironment: {
      TEAMCLAW_BROKER_URL: api.apiEndpoint,
      TEAMCLAW_ENV: config.env,
      TEAMCLAW_LOG: SIDECAR_LOG,
      TEAMCLAW_SIDECAR_JOURNAL: SIDECAR_JOURNAL,
      TEAMCLAW_SIDECAR_LISTEN: SIDECAR_LISTEN,
    },
  };
}
