// What the four stacks have in common: names, zones that need no look-up, and the parameters by which
// they find each other.

import { Fn, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Config } from '../config.js';
import { Names, type StackName } from './names.js';
import { PARAMETERS, type Parameter } from './parameters.js';

/** One stack of one environment. */
export abstract class EnvironmentStack extends Stack {
  readonly config: Config;
  readonly names: Names;

  constructor(scope: Construct, config: Config, part: StackName, description: string) {
    const names = new Names(config.env);
    super(scope, names.stack(part), {
      stackName: names.stack(part),
      description: `TeamClaw ${config.env}: ${description}`,
      // No account: the credentials of the deployment say it, and synthesis needs none.
      env: { region: config.region },
      terminationProtection: config.production,
    });
    this.config = config;
    this.names = names;
    Tags.of(this).add('teamclaw:environment', config.env);
    Tags.of(this).add('teamclaw:stack', part);
  }

  /** The first zones of the region, told by CloudFormation; CDK's own way would look them up. */
  override get availabilityZones(): string[] {
    const zones: 2 | 3 = this.config?.zones ?? 3;
    return [0, 1, 2].slice(0, zones).map((zone) => Fn.select(zone, Fn.getAzs()));
  }

  /** What becomes of data when its stack goes. */
  get removal(): RemovalPolicy {
    return this.config.production ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  }

  /** Writes a parameter for the stacks that come later. */
  publish(parameter: Parameter, value: string): void {
    this.publishAs(PARAMETERS[parameter], value);
  }

  /** The same for one that has no name of its own in `PARAMETERS`. */
  publishAs(name: string, value: string): void {
    new StringParameter(this, `Parameter-${name.replaceAll('/', '-')}`, {
      parameterName: this.names.parameter(name),
      stringValue: value,
    });
  }

  /** A parameter of an earlier stack, resolved at deployment. */
  found(parameter: Parameter): string {
    return this.foundAs(PARAMETERS[parameter]);
  }

  /** The same for one that has no name of its own in `PARAMETERS`. */
  foundAs(name: string): string {
    return StringParameter.valueForStringParameter(this, this.names.parameter(name));
  }

  /** A parameter that holds as many values as there are zones. */
  foundPerZone(parameter: Parameter): string[] {
    const all = Fn.split(',', this.found(parameter));
    return this.availabilityZones.map((_, zone) => Fn.select(zone, all));
  }
}
