// The network of the first stack, as the others see it.

import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';

/** The network, by the parameters that its stack wrote. */
export function network(stack: EnvironmentStack): IVpc {
  const vpc = Vpc.fromVpcAttributes(stack, 'Network', {
    vpcId: stack.found('vpcId'),
    availabilityZones: stack.availabilityZones,
    // Of what this stack makes the router's tasks alone are in them.
    ...(stack.config.routing === 'router' ? { privateSubnetIds: stack.foundPerZone('privateSubnets') } : {}),
    publicSubnetIds: stack.foundPerZone('publicSubnets'),
  });
  because(vpc, 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId', 'Routes are the first stack\'s; nothing here adds one');
  return vpc;
}
