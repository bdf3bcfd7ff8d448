// The load balancer. It answers 403 to whoever does not know the origin's secret, which CloudFront alone
// sends along; without a domain the way from CloudFront is unencrypted, which validation allows a trial.

import { Duration } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import {
  ApplicationListener, ApplicationLoadBalancer, ApplicationProtocol, ApplicationTargetGroup, ListenerAction, ListenerCondition,
  SslPolicy, TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';
import { type Groups, ROUTER_PORT } from './groups.js';

/** The header by which the load balancer knows CloudFront. */
export const ORIGIN_HEADER = 'x-teamclaw-origin';
/** A WebSocket that says nothing is closed; clients and the router ping far more often. */
const IDLE = Duration.minutes(10);
/** Where there is a router, its rule is the only one. */
const ROUTER_PRIORITY = 1000;
/** A task that is going has this long to answer what it was asked. */
const DRAIN = Duration.seconds(60);

/** The load balancer and its listener. */
export class Front extends Construct {
  readonly balancer: ApplicationLoadBalancer;
  readonly secret: Secret;
  private readonly listener: ApplicationListener;

  constructor(private readonly stack: EnvironmentStack, private readonly vpc: IVpc, groups: Groups, logs: IBucket) {
    super(stack, 'Front');
    const { config, names } = stack;
    this.secret = new Secret(this, 'OriginSecret', {
      secretName: `${config.env}/teamclaw/origin-secret`,
      description: 'What CloudFront says to the load balancer; no provider key',
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
    });
    because(this.secret, 'AwsSolutions-SMG4', 'It is resolved into CloudFront and the listener at deployment; to turn it, deploy with a new one');
    this.balancer = new ApplicationLoadBalancer(this, 'LoadBalancer', {
      loadBalancerName: names.cluster(),
      vpc,
      vpcSubnets: { subnets: vpc.publicSubnets },
      internetFacing: true,
      securityGroup: groups.loadBalancer,
      idleTimeout: IDLE,
      dropInvalidHeaderFields: true,
      deletionProtection: config.production,
    });
    this.balancer.logAccessLogs(logs, 'load-balancer');
    this.listener = this.listen();
    if (config.routing === 'alb') this.guard();
    stack.publish('listener', this.listener.listenerArn);
    stack.publish('loadBalancer', this.balancer.loadBalancerArn);
  }

  /** Sends who knows the secret to the router. */
  forwardTo(service: FargateService): void {
    const targets = new ApplicationTargetGroup(this, 'Targets', {
      targetGroupName: this.stack.names.named('router'),
      vpc: this.vpc,
      port: ROUTER_PORT,
      protocol: ApplicationProtocol.HTTP,
      targetType: TargetType.IP,
      deregistrationDelay: DRAIN,
      healthCheck: { path: '/teamclaw/health', interval: Duration.seconds(10), timeout: Duration.seconds(5), healthyThresholdCount: 2, unhealthyThresholdCount: 3 },
      targets: [service.loadBalancerTarget({ containerName: 'router', containerPort: ROUTER_PORT })],
    });
    this.listener.addAction('Router', {
      priority: ROUTER_PRIORITY,
      conditions: [ListenerCondition.httpHeader(ORIGIN_HEADER, [this.secret.secretValue.unsafeUnwrap()])],
      action: ListenerAction.forward([targets]),
    });
  }

  private listen(): ApplicationListener {
    const { domain } = this.stack.config;
    const refuse = ListenerAction.fixedResponse(403, { contentType: 'text/plain', messageBody: 'Not this way.' });
    if (domain === undefined) {
      return this.balancer.addListener('Http', { port: 80, protocol: ApplicationProtocol.HTTP, open: false, defaultAction: refuse });
    }
    return this.balancer.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      sslPolicy: SslPolicy.TLS13_RES,
      certificates: [Certificate.fromCertificateArn(this, 'Certificate', domain.originCertificate)],
      open: false,
      defaultAction: refuse,
    });
  }

  /** Where each person has a rule, which knows no secret, the check moves in front of the rules. */
  private guard(): void {
    const visibility = (metricName: string) => ({ cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false, metricName });
    const acl = new CfnWebACL(this, 'Guard', {
      name: this.stack.names.named('origin'),
      scope: 'REGIONAL',
      defaultAction: { block: {} },
      visibilityConfig: visibility('origin'),
      rules: [
        {
          name: 'from-cloudfront',
          priority: 0,
          action: { allow: {} },
          visibilityConfig: visibility('from-cloudfront'),
          statement: {
            byteMatchStatement: {
              fieldToMatch: { singleHeader: { Name: ORIGIN_HEADER } },
              positionalConstraint: 'EXACTLY',
              searchString: this.secret.secretValue.unsafeUnwrap(),
              textTransformations: [{ priority: 0, type: 'NONE' }],
            },
          },
        },
      ],
    });
    new CfnWebACLAssociation(this, 'Guarded', { resourceArn: this.balancer.loadBalancerArn, webAclArn: acl.attrArn });
  }
}
