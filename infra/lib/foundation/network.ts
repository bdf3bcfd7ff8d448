// The network: public subnets for the load balancer and the NAT gateways, private ones for everything
// that runs. One NAT gateway a zone, so that a lost zone takes nobody else's way out with it.

import {
  FlowLogDestination, FlowLogTrafficType, IpAddresses, IpProtocol, SubnetType, Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';
import { PUBLIC_MASK, privateMask } from './addresses.js';

/** The environment's network. */
export class Network extends Construct {
  readonly vpc: Vpc;

  constructor(stack: EnvironmentStack) {
    super(stack, 'Network');
    const { config, names } = stack;
    const flows = new LogGroup(this, 'Flows', {
      logGroupName: `/teamclaw/${config.env}/flows`,
      retention: config.logDays as RetentionDays,
      removalPolicy: stack.removal,
    });
    this.vpc = new Vpc(this, 'Vpc', {
      vpcName: names.cluster(),
      ipAddresses: IpAddresses.cidr(config.cidr),
      ipProtocol: IpProtocol.IPV4_ONLY,
      availabilityZones: stack.availabilityZones,
      natGateways: config.zones,
      subnetConfiguration: [
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: privateMask(config) },
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: PUBLIC_MASK, mapPublicIpOnLaunch: false },
      ],
      // After an incident the question is who spoke to whom, not only who was refused.
      flowLogs: {
        all: { destination: FlowLogDestination.toCloudWatchLogs(flows), trafficType: FlowLogTrafficType.ALL },
      },
    });
    stack.publish('vpcId', this.vpc.vpcId);
    stack.publish('privateSubnets', this.vpc.privateSubnets.map((subnet) => subnet.subnetId).join(','));
    stack.publish('publicSubnets', this.vpc.publicSubnets.map((subnet) => subnet.subnetId).join(','));
  }
}
