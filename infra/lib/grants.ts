// Turns what a program is said to need, `{"actions": [...], "on": "table/journal"}`, into a role's policy:
// the one place that knows how a thing's name becomes an ARN. What it does not know it refuses, so that
// nothing becomes `*` by accident, and a `*` that is meant has its reason in the table below.

import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Config } from '../config.js';
import { because } from './acknowledged.js';
import { TABLES } from './sources.js';
import type { EnvironmentStack } from './stack.js';

/** Actions on one thing, as lambdas/functions.json says them. */
export interface Allow {
  readonly actions: readonly string[];
  readonly on: string;
  /** In that mode of routing alone; without it in each. */
  readonly when?: Config['routing'];
}

/** What is allowed in a mode of routing. */
export function allowedIn(routing: Config['routing'], allows: readonly Allow[]): Allow[] {
  return allows.filter(({ when }) => when === undefined || when === routing);
}

type Conditions = Record<string, Record<string, unknown>>;
const TO_TASKS_ONLY: Conditions = { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } };

/** A kind of thing: its ARNs by what comes after the slash, and why one of them may hold a `*`. */
interface Kind {
  readonly arns: (stack: EnvironmentStack, name: string) => string[];
  readonly wildcard?: string;
  readonly conditions?: (stack: EnvironmentStack, action: string) => Conditions;
}

const onCreation = (by: string, action: string): Conditions =>
  action === 'elasticloadbalancing:AddTags' ? { StringEquals: { 'elasticloadbalancing:CreateAction': by } } : {};
const arn = ({ region, account }: EnvironmentStack, service: string, resource: string) =>
  `arn:aws:${service}:${region}:${account}:${resource}`;
const role = ({ account }: EnvironmentStack, name: string) => `arn:aws:iam::${account}:role/${name}`;

const KINDS: Readonly<Record<string, Kind>> = {
  table: { arns: (stack, name) => [arn(stack, 'dynamodb', `table/${stack.names.named(name)}`)] },
  // `index/journal` is each of its indexes by name, `index/journal/by-team` one of them.
  index: { arns: (stack, name) => indexes(name).map(([table, index]) => arn(stack, 'dynamodb', `table/${stack.names.named(table)}/index/${index}`)) },
  queue: { arns: (stack, name) => [arn(stack, 'sqs', stack.names.named(name))] },
  secret: { arns: (stack, name) => [stack.found(secretParameter(name))] },
  'log-group': {
    arns: (stack, name) => [`${arn(stack, 'logs', `log-group:${functionLogs(stack, name)}`)}:*`],
    wildcard: 'The streams of one log group',
  },
  cluster: { arns: (stack) => [arn(stack, 'ecs', `cluster/${stack.names.cluster()}`)] },
  task: {
    arns: (stack) => [arn(stack, 'ecs', `task/${stack.names.cluster()}/*`)],
    wildcard: 'The tasks of one cluster; their ids are chance',
  },
  'task-definition': {
    arns: (stack) => [arn(stack, 'ecs', `task-definition/${stack.names.named('*')}`)],
    wildcard: 'One definition a person, of this environment alone',
  },
  'file-system': { arns: (stack) => [arn(stack, 'elasticfilesystem', `file-system/${stack.found('fileSystem')}`)] },
  // A role that may mount says by which access point; the policy of the file system says who is root.
  'mounted-homes': {
    arns: (stack) => [arn(stack, 'elasticfilesystem', `file-system/${stack.found('fileSystem')}`)],
    conditions: (stack) => ({ StringEquals: { 'elasticfilesystem:AccessPointArn': stack.found('cleanerAccessPoint') } }),
  },
  'access-point': {
    arns: (stack) => [arn(stack, 'elasticfilesystem', 'access-point/*')],
    wildcard: 'One access point a person; their ids are chance',
  },
  'agent-roles': {
    arns: (stack) => [role(stack, `${stack.names.rolePath().slice(1)}*`)],
    wildcard: "One role a person, on a path of its own; made only with the agents' boundary",
    conditions: (stack, action) => {
      const bounded: Conditions = { StringEquals: { 'iam:PermissionsBoundary': stack.found('boundary') } };
      const unbounded = action !== 'iam:CreateRole' && action !== 'iam:PutRolePolicy';
      return action === 'iam:PassRole' ? TO_TASKS_ONLY : unbounded ? {} : bounded;
    },
  },
  'execution-role': {
    arns: (stack) => [stack.found('executionRole')],
    conditions: () => TO_TASKS_ONLY,
  },
  'lease-role': { arns: (stack) => [role(stack, stack.names.leaseRole())] },
  listener: { arns: (stack) => [stack.found('listener')] },
  // Tags are given with what is made, and to nothing that was there (elasticloadbalancing/latest/userguide/tagging-resources-during-creation.html).
  'listener-rule': {
    conditions: (_, action) => onCreation('CreateRule', action),
    arns: (stack) => [arn(stack, 'elasticloadbalancing', `listener-rule/app/${stack.names.cluster()}/*`)],
    wildcard: 'One rule a person, of this load balancer alone',
  },
  'target-group': {
    conditions: (_, action) => onCreation('CreateTargetGroup', action),
    arns: (stack) => [arn(stack, 'elasticloadbalancing', `targetgroup/${stack.names.named('c-*')}`)],
    wildcard: 'One target group a person, of this environment alone',
  },
  '*': { arns: () => ['*'], wildcard: 'The action knows no resource' },
};

/** Allows a role what is listed. `arns` says where a thing is that only its stack knows. */
export function grant(to: IRole, stack: EnvironmentStack, allows: readonly Allow[], arns: Readonly<Record<string, string>> = {}): void {
  for (const { actions, on } of allowedIn(stack.config.routing, allows)) {
    const [name = '', ...rest] = on.split('/');
    const kind = on in arns ? { arns: () => [arns[on]!] } : KINDS[name];
    if (kind === undefined) throw new Error(`nobody knows what "${on}" is: lib/grants.ts has ${Object.keys(KINDS).join(', ')}`);
    const resources = kind.arns(stack, rest.join('/'));
    for (const alike of grouped(actions, (action) => (kind as Kind).conditions?.(stack, action) ?? {})) {
      to.addToPrincipalPolicy(new PolicyStatement({ ...alike, resources }));
    }
    acknowledge(to, stack, resources, (kind as Kind).wildcard);
  }
}

/** The log group of a function. */
export function functionLogs(stack: EnvironmentStack, name: string): string {
  return `/aws/lambda/${stack.names.named(name)}`;
}

/** Actions under the same condition make one statement. */
function grouped(actions: readonly string[], conditions: (action: string) => Conditions) {
  const groups = new Map<string, { actions: string[]; conditions: Conditions }>();
  for (const action of actions) {
    const condition = conditions(action);
    const key = JSON.stringify(condition);
    const group = groups.get(key) ?? { actions: [], conditions: condition };
    group.actions.push(action);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function acknowledge(to: IRole, stack: EnvironmentStack, resources: readonly string[], reason: string | undefined): void {
  for (const resource of resources.filter((one) => one.includes('*'))) {
    if (reason === undefined) throw new Error(`"${resource}" has a * without a reason`);
    because(to, `AwsSolutions-IAM5[Resource::${resource.replaceAll(stack.account, '<AWS::AccountId>')}]`, reason);
  }
}

function indexes(name: string): [table: string, index: string][] {
  const [table = '', index] = name.split('/');
  const found = TABLES.find((one) => one.name === table)?.indexes.map((one) => one.name) ?? [];
  const wanted = index === undefined ? found : found.filter((one) => one === index);
  if (wanted.length === 0) throw new Error(`aws/tables.json has no index "${name}"`);
  return wanted.map((one) => [table, one]);
}

function secretParameter(name: string): 'poolSecret' | 'tokenSecret' {
  if (name === 'api-keys') return 'poolSecret';
  if (name === 'token-secret') return 'tokenSecret';
  throw new Error(`there is no secret "${name}"`);
}
