// The functions of lambdas/functions.json: a role each, made of what the file allows it and what Lambda
// itself needs, and nothing else. Their programs are built before (`scripts/lambdas`).

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type CfnFunction, Code, Function as Lambda, LoggingFormat, Runtime, SystemLogLevel } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { functionLogs, grant } from '../grants.js';
import { functionParameter } from '../parameters.js';
import { FUNCTIONS, type LambdaFunction } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { groupOf, platform } from './platform.js';
import { HOMES_MOUNT } from './settings.js';

/** Where `scripts/lambdas` puts the programs, `NAME/bootstrap` each. `-c lambdas=` says another place. */
const BUILT = new URL('../../../dist/lambdas', import.meta.url).pathname;
/** What an event that failed may be tried again before it is set aside. */
const EVENT_RETRIES = 2;

/** Every function, by its name in functions.json. */
export class Functions extends Construct {
  private readonly made = new Map<string, { lambda: Lambda; role: Role }>();

  constructor(
    private readonly stack: EnvironmentStack,
    private readonly undelivered: IQueue,
    private readonly told: string,
    arns: Readonly<Record<string, string>>,
  ) {
    super(stack, 'Functions');
    for (const one of FUNCTIONS) this.made.set(one.name, this.make(one, arns));
  }

  get(name: string): Lambda {
    return this.made.get(name)!.lambda;
  }

  role(name: string): Role {
    return this.made.get(name)!.role;
  }

  private make(one: LambdaFunction, arns: Readonly<Record<string, string>>): { lambda: Lambda; role: Role } {
    const { config, names } = this.stack;
    const role = new Role(this, `${one.name}-role`, {
      roleName: names.functionRole(one.name),
      description: one.about.slice(0, 900),
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    grant(role, this.stack, [...one.allows, ...platform(one)], arns);
    const logGroup = new LogGroup(this, `${one.name}-logs`, {
      logGroupName: functionLogs(this.stack, one.name),
      retention: config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    const lambda = new Lambda(this, one.name, {
      functionName: names.named(one.name),
      description: one.about.slice(0, 250),
      runtime: Runtime.PROVIDED_AL2023,
      architecture: config.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      handler: 'bootstrap',
      code: Code.fromAsset(program(this.stack, one.name)),
      memorySize: one.memoryMb,
      timeout: Duration.seconds(one.timeoutSeconds),
      ...(one.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: one.reservedConcurrency }),
      role: role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      // The platform's own lines for each run cost more than ours.
      systemLogLevelV2: SystemLogLevel.WARN,
      environment: { TEAMCLAW_ENV: config.env, TEAMCLAW_SETTINGS: this.told },
      ...this.onFailure(one),
    });
    this.place(one, lambda.node.defaultChild as CfnFunction);
    this.stack.publishAs(functionParameter(one.name), lambda.functionArn);
    return { lambda, role };
  }

  /** By hand: CDK would add policies to the role, and functions.json and platform.ts say it all. */
  private place(one: LambdaFunction, lambda: CfnFunction): void {
    const group = groupOf(one);
    if (group !== undefined) {
      lambda.vpcConfig = { subnetIds: this.stack.foundPerZone('privateSubnets'), securityGroupIds: [this.stack.found(group)] };
    }
    if (one.mounts === 'homes') {
      lambda.fileSystemConfigs = [{ arn: this.stack.found('cleanerAccessPoint'), localMountPath: HOMES_MOUNT }];
    }
  }

  /** An event comes once, so it is set aside when it fails; a minute's run is followed by the next. */
  private onFailure({ trigger }: LambdaFunction) {
    if ('event' in trigger) return { deadLetterQueue: this.undelivered, retryAttempts: EVENT_RETRIES };
    if ('everyMinutes' in trigger) return { retryAttempts: 0, maxEventAge: Duration.minutes(trigger.everyMinutes) };
    return {};
  }
}

/** The folder of a function's program. Throws, in words that help, if nobody built it. */
function program(stack: EnvironmentStack, name: string): string {
  const said: unknown = stack.node.tryGetContext('lambdas');
  const root = typeof said !== 'string' ? BUILT : isAbsolute(said) ? said : join(process.cwd(), said);
  const folder = join(root, name);
  const file = join(folder, 'bootstrap');
  if (!existsSync(file)) {
    throw new Error(`${folder} holds no program: build the functions with scripts/lambdas, or say -c lambdas=FOLDER`);
  }
  const { architecture, env } = stack.config;
  const built = builtFor(file);
  if (built !== undefined && built !== architecture) {
    throw new Error(`${file} is built for ${built}, and ${env} runs on ${architecture}: scripts/lambdas ${architecture}`);
  }
  return folder;
}

/** For which processor a program is, as its head says (man 5 elf); a script is for any. */
function builtFor(file: string): string | undefined {
  const head = Buffer.alloc(20);
  const opened = openSync(file, 'r');
  readSync(opened, head, 0, head.length, 0);
  closeSync(opened);
  if (head.toString('latin1', 0, 4) !== '\x7fELF') return undefined;
  const machine = head.readUInt16LE(18);
  return new Map([[183, 'arm64'], [62, 'x86_64']]).get(machine) ?? `another processor (${machine})`;
}
