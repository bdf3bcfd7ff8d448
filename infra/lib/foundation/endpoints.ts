// Ways to AWS that do not pass the NAT gateways. S3 and DynamoDB cost nothing and carry the most: an
// image's layers come from S3, hundreds of megabytes a start, for which a NAT gateway asks $0.045 a GB.
//
// The interface endpoints cost about $7.30 a month each and zone, and $0.01 a GB. They pay for
// themselves in money from about 200 GB a month; they are there by default for other reasons:
//   secretsmanager, sts   keys and what opens them never leave the network
//   sqs                   usage is delivered although the way out is blocked
//   ecr.api, ecr.dkr, logs  no task starts without them, so a start does not depend on NAT
// A trial leaves them out (`interfaceEndpoints: false`).

import {
  GatewayVpcEndpointAwsService, InterfaceVpcEndpoint, InterfaceVpcEndpointAwsService, Peer, Port,
  SecurityGroup, type Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

const INTERFACES = {
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  Sts: InterfaceVpcEndpointAwsService.STS,
  Sqs: InterfaceVpcEndpointAwsService.SQS,
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrImages: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
};

/** Endpoints through which only this account's own principals pass. */
export class Endpoints extends Construct {
  constructor(stack: EnvironmentStack, vpc: Vpc) {
    super(stack, 'Endpoints');
    vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 });
    vpc.addGatewayEndpoint('DynamoDb', { service: GatewayVpcEndpointAwsService.DYNAMODB });
    if (!stack.config.interfaceEndpoints) return;
    const group = new SecurityGroup(this, 'Group', {
      vpc,
      description: 'Endpoints of AWS services: TLS from inside the network',
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.ipv4(stack.config.cidr), Port.tcp(443), 'TLS from inside the network');
    for (const [name, service] of Object.entries(INTERFACES)) {
      const endpoint = new InterfaceVpcEndpoint(this, name, {
        vpc,
        service,
        securityGroups: [group],
        // The rule above is the narrower one.
        open: false,
        privateDnsEnabled: true,
      });
      // Credentials of another account, brought in by an agent, carry nothing out this way.
      endpoint.addToPolicy(
        new PolicyStatement({
          effect: Effect.ALLOW,
          principals: [new AnyPrincipal()],
          actions: ['*'],
          resources: ['*'],
          conditions: { StringEquals: { 'aws:PrincipalAccount': stack.account } },
        }),
      );
    }
  }
}
