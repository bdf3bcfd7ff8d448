// CloudFront before the load balancer: TLS to people, HTTP and WebSocket through, nothing cached.

import { Duration } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import {
  AllowedMethods, CachePolicy, Distribution, HttpVersion, OriginProtocolPolicy, OriginRequestPolicy, OriginSslPolicy, SecurityPolicyProtocol,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';
import { type Front, ORIGIN_HEADER } from './front.js';

/** The longest that an origin may take for a first byte: a request waits for a workspace that starts (router/src/settings.rs). */
const READ_TIMEOUT = Duration.seconds(60);

/** Where CloudFront and the load balancer write who came. */
export function accessLogs(stack: EnvironmentStack): Bucket {
  const logs = new Bucket(stack, 'AccessLogs', {
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    // CloudFront writes its logs as an owner of its own and hands them over.
    objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED,
    lifecycleRules: [{ expiration: Duration.days(stack.config.logDays) }],
    removalPolicy: stack.removal,
  });
  because(logs, 'AwsSolutions-S1', 'It is where access is logged; a log of the log would have no end');
  return logs;
}

/** The distribution, and under which origin people reach it. */
export class Edge extends Construct {
  readonly origin: string;

  constructor(stack: EnvironmentStack, front: Front, logs: Bucket) {
    super(stack, 'Edge');
    const { config } = stack;
    const { domain } = config;
    const distribution = new Distribution(this, 'Distribution', {
      comment: `TeamClaw ${config.env}: the front door`,
      httpVersion: HttpVersion.HTTP2_AND_3,
      enableLogging: true,
      logBucket: logs,
      logFilePrefix: 'front/',
      ...(config.webAcl === undefined ? {} : { webAclId: config.webAcl }),
      ...(domain === undefined ? {} : {
        // With a rule a person each has a host name below the domain.
        domainNames: config.routing === 'alb' ? [domain.name, `*.${domain.name}`] : [domain.name],
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificate),
        minimumProtocolVersion: SecurityPolicyProtocol.TLS_V1_2_2021,
      }),
      defaultBehavior: {
        origin: new HttpOrigin(domain?.originName ?? front.balancer.loadBalancerDnsName, {
          protocolPolicy: domain === undefined ? OriginProtocolPolicy.HTTP_ONLY : OriginProtocolPolicy.HTTPS_ONLY,
          originSslProtocols: [OriginSslPolicy.TLS_V1_2],
          readTimeout: READ_TIMEOUT,
          customHeaders: { [ORIGIN_HEADER]: front.secret.secretValue.unsafeUnwrap() },
        }),
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        allowedMethods: AllowedMethods.ALLOW_ALL,
        // A WebSocket's handshake needs its headers, and the router the Host that the person typed.
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        compress: false,
      },
    });
    this.origin = `https://${domain?.name ?? distribution.distributionDomainName}`;
    because(distribution, 'AwsSolutions-CFR1', 'A company says itself where its people are; the router lets in nobody without a login');
    because(distribution, 'AwsSolutions-CFR2', 'A web ACL for CloudFront lies in us-east-1, so it comes from config.ts (webAcl), not from this stack');
    if (domain === undefined) {
      because(distribution, 'AwsSolutions-CFR4', "A trial without a domain has CloudFront's own certificate, whose TLS policy cannot be chosen");
      because(distribution, 'AwsSolutions-CFR5', 'A trial without a domain has no certificate for the load balancer; production is refused without one');
    }
    stack.publish('front', this.origin);
  }
}
