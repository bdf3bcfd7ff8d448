// How the stacks find each other: SSM parameters, never CloudFormation exports, which would chain the
// stacks together so that none could be changed alone. A reader resolves them when it is deployed.

/** Every parameter, by what comes after `/tc/{env}/`. */
export const PARAMETERS = {
  vpcId: 'vpc/id',
  privateSubnets: 'vpc/private-subnets',
  publicSubnets: 'vpc/public-subnets',
  key: 'kms/key-arn',
  fileSystem: 'efs/file-system-id',
  fileSystemGroup: 'efs/security-group',
  cleanerAccessPoint: 'efs/cleaner-access-point',
  agentRepository: 'ecr/agent',
  sidecarRepository: 'ecr/sidecar',
  routerRepository: 'ecr/router',
  poolSecret: 'secrets/api-keys',
  tokenSecret: 'secrets/token-secret',
  clusterName: 'cluster/name',
  clusterArn: 'cluster/arn',
  agentGroup: 'cluster/agent-security-group',
  routerGroup: 'cluster/router-security-group',
  cleanerGroup: 'cluster/cleaner-security-group',
  boundary: 'cluster/boundary',
  executionRole: 'cluster/execution-role',
  agentLogs: 'cluster/agent-log-group',
  sidecarLogs: 'cluster/sidecar-log-group',
  listener: 'cluster/listener',
  loadBalancer: 'cluster/load-balancer',
  front: 'cluster/front-url',
  issuer: 'issuer/url',
  peopleAudience: 'issuer/people-audience',
  operatorsAudience: 'issuer/operators-audience',
  apiId: 'control-plane/api-id',
  bus: 'control-plane/bus',
  alarmTopic: 'control-plane/alarm-topic',
  leaseRole: 'control-plane/lease-role',
  usageBucket: 'control-plane/usage-bucket',
  apiUrl: 'admin/api-url',
  consoleUrl: 'admin/console-url',
  consoleBucket: 'admin/console-bucket',
} as const;

export type Parameter = keyof typeof PARAMETERS;

/** Where a function's ARN is written, for the stack that gives it a route. */
export function functionParameter(name: string): string {
  return `function/${name}`;
}
