// The router as a service: at least two tasks in two zones, replaced without a gap, rolled back if the
// new ones do not become healthy.

import { Duration } from 'aws-cdk-lib';
import {
  AppProtocol, AwsLogDriver, Capability, ContainerImage, CpuArchitecture, FargateService, FargateTaskDefinition, type ICluster,
  LinuxParameters, OperatingSystemFamily, Protocol,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import { type Allow, grant } from '../grants.js';
import { functionNamed } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { image } from './agents.js';
import { type Groups, ROUTER_PORT } from './groups.js';

/** A task that is told to stop lets its connections end; Fargate kills after 120 s at the latest. */
const STOP_TIMEOUT = Duration.seconds(120);
/** Where more tasks are started than config says. */
const CPU_TARGET_PERCENT = 60;
const TASKS_MAX_FACTOR = 5;
/** Nobody: an image without users still runs as one who owns nothing. */
const USER = '65532:65532';

/**
 * What the router does on AWS: a login as the function `session` does it, and besides that it finds a person's
 * route, trades links for sessions and ends them, and derives the pass by which an agent knows it.
 * router/main/tests/front.rs holds a run of it against this.
 */
export const ROUTER_ALLOWS: readonly Allow[] = [
  ...functionNamed('session').allows,
  { actions: ['dynamodb:GetItem'], on: 'table/routes' },
  { actions: ['dynamodb:DeleteItem', 'dynamodb:UpdateItem'], on: 'table/people' },
  { actions: ['secretsmanager:GetSecretValue'], on: 'secret/token-secret' },
];

export interface RouterProps {
  readonly cluster: ICluster;
  readonly executionRole: Role;
  readonly groups: Groups;
  /** Under which origins people reach the front door. */
  readonly origin: string;
}

/** The router's tasks. */
export class Router extends Construct {
  readonly service: FargateService;

  constructor(private readonly stack: EnvironmentStack, private readonly props: RouterProps) {
    super(stack, 'Router');
    const { config, names } = stack;
    this.service = new FargateService(this, 'Service', {
      serviceName: names.named('router'),
      cluster: props.cluster,
      taskDefinition: this.definition(),
      desiredCount: config.router.tasks,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      securityGroups: [props.groups.router],
      assignPublicIp: false,
      enableExecuteCommand: false,
      capacityProviderStrategies: [{ capacityProvider: 'FARGATE', weight: 1 }],
      healthCheckGracePeriod: Duration.seconds(60),
    });
    this.service
      .autoScaleTaskCount({ minCapacity: config.router.tasks, maxCapacity: config.router.tasks * TASKS_MAX_FACTOR })
      .scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_TARGET_PERCENT });
  }

  private definition(): FargateTaskDefinition {
    const { config, names } = this.stack;
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/teamclaw/${config.env}/router`,
      retention: config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    const taskRole = new Role(this, 'Role', {
      roleName: names.routerRole(),
      description: 'The router: finds a person and their route, and records a login',
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': this.stack.account } } }),
    });
    grant(taskRole, this.stack, ROUTER_ALLOWS);
    const definition = new FargateTaskDefinition(this, 'Task', {
      family: names.named('router'),
      cpu: config.router.cpu,
      memoryLimitMiB: config.router.memoryMib,
      executionRole: this.props.executionRole,
      taskRole,
      runtimePlatform: {
        cpuArchitecture: config.architecture === 'arm64' ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    });
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linuxParameters.dropCapabilities(Capability.ALL);
    definition.addContainer('router', {
      image: ContainerImage.fromRegistry(image(this.stack.found('routerRepository'), config.images.router)),
      readonlyRootFilesystem: true,
      user: USER,
      linuxParameters,
      stopTimeout: STOP_TIMEOUT,
      logging: new AwsLogDriver({ logGroup: logs, streamPrefix: 'router' }),
      environment: {
        TEAMCLAW_ENV: config.env,
        TEAMCLAW_LISTEN: `0.0.0.0:${ROUTER_PORT}`,
        TEAMCLAW_ORIGINS: this.props.origin,
      },
      portMappings: [{ containerPort: ROUTER_PORT, protocol: Protocol.TCP, appProtocol: AppProtocol.http, name: 'http' }],
    });
    because(definition, 'AwsSolutions-ECS2', 'The three variables are names and addresses; no secret is in an environment');
    return definition;
  }
}
