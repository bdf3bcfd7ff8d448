// The one file to edit before a deployment: every environment, with defaults for what it leaves out.
// `lib/validate.ts` refuses what cannot work and says all that is wrong at once.

/** What one environment is like. Lengths are in the unit that the field's name ends with. */
export interface Config {
  /** 1 to 12 of a-z and 0-9, beginning with a letter: part of every name (aws/src/environment.rs). */
  readonly env: string;
  readonly region: string;
  /** Whether data outlives the stacks and nobody deletes them by accident. */
  readonly production: boolean;
  /** How many people are planned for: the network, quotas and alarms are sized by it. At most 4,000, a cell. */
  readonly users: number;
  /** Availability zones; each has its own NAT gateway and mount target. */
  readonly zones: 2 | 3;
  /** The VPC's own addresses, a /16. */
  readonly cidr: string;
  /** Whether ECR, logs, secrets and queues are reached without the NAT gateways (lib/foundation/endpoints.ts). */
  readonly interfaceEndpoints: boolean;
  readonly architecture: 'arm64' | 'x86_64';
  /** An agent's task; OpenClaw takes up to a gigabyte when idle (agent/FACTS.md). */
  readonly agent: { readonly cpu: number; readonly memoryMib: number };
  /** The router's tasks: at least two, in two zones. */
  readonly router: { readonly tasks: number; readonly cpu: number; readonly memoryMib: number };
  /** Whether agents run on Fargate Spot, at a third of the price, which AWS may take back with two minutes' notice. */
  readonly spot: boolean;
  /** How long an agent may be left alone before it is stopped. */
  readonly idleMinutes: number;
  /** `router`: one target group for everybody. `alb`: no router, and a host name below `domain` and a target group a person, for at most 90 people. */
  readonly routing: 'router' | 'alb';
  /** Starts at once and starts a second: what RunTask's own quota allows, unless AWS raised it (Rate::RUN_TASK). */
  readonly admission: { readonly burst: number; readonly perSecond: number };
  /** How long logs and flow logs are kept; one of CloudWatch's own steps. */
  readonly logDays: number;
  /** How long the bus keeps facts for a replay. */
  readonly archiveDays: number;
  readonly budget: { readonly monthlyUsd: number };
  /** Who is written to when something is wrong; nobody if absent. */
  readonly alarmEmail?: string;
  /** The front door's own name. Without one CloudFront reaches the ALB unencrypted: for a trial only. */
  readonly domain?: Domain;
  /** Who says who somebody is: a user pool of our own, or any OIDC issuer. */
  readonly issuer: 'cognito' | Issuer;
  /** Which images run: a tag of the immutable repositories, or a digest `sha256:…`. */
  readonly images: { readonly agent: string; readonly sidecar: string; readonly router: string };
  /** CloudFront's managed prefix list in this region, `pl-…` (`aws ec2 describe-managed-prefix-lists`). */
  readonly edgePrefixList?: string;
  /** A WAF web ACL for the front door, an ARN in us-east-1. */
  readonly webAcl?: string;
}

/** Names and certificates of the front door. */
export interface Domain {
  readonly name: string;
  /** In us-east-1, where CloudFront looks. */
  readonly certificate: string;
  /** What CloudFront calls the ALB; a record that the operator points at it. */
  readonly originName: string;
  /** In the environment's region. */
  readonly originCertificate: string;
}

/** An OIDC issuer that is not ours. */
export interface Issuer {
  readonly url: string;
  /** The audience of people's tokens. */
  readonly people: string;
  /** The audience of operators' tokens: another client, so that a person's token opens no operator's route. */
  readonly operators: string;
}

/** What an environment says of itself; the rest is the default. */
export type Wanted = Partial<Config> & Pick<Config, 'env' | 'region'>;

export const DEFAULTS: Omit<Config, 'env' | 'region'> = {
  production: true,
  users: 100,
  zones: 2,
  cidr: '10.64.0.0/16',
  interfaceEndpoints: true,
  architecture: 'arm64',
  agent: { cpu: 1024, memoryMib: 2048 },
  router: { tasks: 2, cpu: 512, memoryMib: 1024 },
  spot: false,
  idleMinutes: 30,
  routing: 'router',
  admission: { burst: 10, perSecond: 20 },
  logDays: 30,
  archiveDays: 30,
  budget: { monthlyUsd: 2000 },
  issuer: 'cognito',
  images: { agent: '0.1.0', sidecar: '0.1.0', router: '0.1.0' },
};

export const ENVIRONMENTS: readonly Wanted[] = [
  {
    env: 'dev',
    region: 'eu-west-1',
    production: false,
    users: 20,
    interfaceEndpoints: false,
    spot: true,
    logDays: 7,
    archiveDays: 3,
    budget: { monthlyUsd: 200 },
  },
  {
    // Every value below `users` is the company's own: replace it.
    env: 'prod',
    region: 'eu-west-1',
    users: 1000,
    logDays: 90,
    budget: { monthlyUsd: 20000 },
    alarmEmail: 'teamclaw-alarms@example.com',
    edgePrefixList: 'pl-00000000',
    domain: {
      name: 'agents.example.com',
      certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/11111111-1111-4111-8111-111111111111',
      originName: 'origin.agents.example.com',
      originCertificate: 'arn:aws:acm:eu-west-1:123456789012:certificate/22222222-2222-4222-8222-222222222222',
    },
  },
];
