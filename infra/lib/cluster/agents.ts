// What agents' tasks are made of. The tasks themselves are registered by the engine, one definition and
// one role a person (aws/src/compute): here is what bounds them.

import { Cluster, ContainerInsights, type ICluster } from 'aws-cdk-lib/aws-ecs';
import { CfnClusterCapacityProviderAssociations } from 'aws-cdk-lib/aws-ecs';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import { Effect, ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';

/** The cluster, the bounds of an agent's role, and what pulls images and writes logs. */
export class Agents extends Construct {
  readonly cluster: ICluster;
  readonly executionRole: Role;

  constructor(private readonly stack: EnvironmentStack, vpc: IVpc) {
    super(stack, 'Agents');
    this.cluster = this.makeCluster(vpc);
    this.executionRole = this.makeExecutionRole([this.logGroup('agents', 'agentLogs'), this.logGroup('sidecars', 'sidecarLogs')]);
    this.boundary();
  }

  private makeCluster(vpc: IVpc): ICluster {
    const { config, names } = this.stack;
    const cluster = new Cluster(this, 'Cluster', {
      clusterName: names.cluster(),
      vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    new CfnClusterCapacityProviderAssociations(this, 'Capacity', {
      cluster: cluster.clusterName,
      capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
      defaultCapacityProviderStrategy: [{ capacityProvider: config.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 }],
    });
    this.stack.publish('clusterName', cluster.clusterName);
    this.stack.publish('clusterArn', cluster.clusterArn);
    return cluster;
  }

  /**
   * One for agents and one for sidecars, so that what an agent says is never taken for a sidecar's word. Fargate
   * names each stream, by workspace, part and task, and writes it with the execution role, which no code in a task
   * has: a part writes to its own stream alone.
   */
  private logGroup(whose: string, parameter: 'agentLogs' | 'sidecarLogs'): LogGroup {
    const { config } = this.stack;
    const group = new LogGroup(this, `${whose}-logs`, {
      logGroupName: `/teamclaw/${config.env}/${whose}`,
      retention: config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    this.stack.publish(parameter, group.logGroupName);
    return group;
  }

  /** What ECS itself does for a task before the task runs; no code in a task gets its credentials. */
  private makeExecutionRole(groups: LogGroup[]): Role {
    const { names, account, region } = this.stack;
    const role = new Role(this, 'ExecutionRole', {
      roleName: names.named('execution'),
      description: 'Pulls the images of agents and writes their logs',
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': account } } }),
    });
    role.addToPolicy(new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        resources: ['agent', 'sidecar', 'router'].map((name) => `arn:aws:ecr:${region}:${account}:repository/${names.named(name)}`),
      }),
    );
    role.addToPolicy(
      new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: groups.map((group) => group.logGroupArn) }),
    );
    because(role, 'AwsSolutions-IAM5[Resource::*]', 'ecr:GetAuthorizationToken knows no resource');
    this.stack.publish('executionRole', role.roleArn);
    return role;
  }

  /** The most that an agent's role can ever be: whoever makes such a role must set this boundary. */
  private boundary(): void {
    const { names, account, region } = this.stack;
    const fileSystem = `arn:aws:elasticfilesystem:${region}:${account}:file-system/${this.stack.found('fileSystem')}`;
    const boundary = new ManagedPolicy(this, 'Boundary', {
      managedPolicyName: names.named('agent-boundary'),
      path: names.rolePath(),
      description: 'All that an agent may ever do on AWS: mount its own home',
      statements: [
        new PolicyStatement({
          sid: 'MountThroughAnAccessPoint',
          effect: Effect.ALLOW,
          actions: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
          resources: [fileSystem],
          conditions: {
            Bool: { 'aws:SecureTransport': 'true' },
            ArnLike: { 'elasticfilesystem:AccessPointArn': `arn:aws:elasticfilesystem:${region}:${account}:access-point/*` },
          },
        }),
      ],
    });
    this.stack.publish('boundary', boundary.managedPolicyArn);
  }
}

/** An image by its tag or its digest. */
export function image(repository: string, version: string): string {
  return version.startsWith('sha256:') ? `${repository}@${version}` : `${repository}:${version}`;
}
