// A place for the console: files in a private bucket behind CloudFront. The API is under the same origin,
// so that no other page's script has a way to it, and no rule for other origins is needed.

import { Duration, Fn } from 'aws-cdk-lib';
import {
  AllowedMethods, CachePolicy, Distribution, HeadersFrameOption, HeadersReferrerPolicy, HttpVersion, OriginProtocolPolicy, OriginRequestPolicy,
  OriginSslPolicy, ResponseHeadersPolicy, ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';

/** Nothing from elsewhere: no script, no frame, no way out but to the own origin and the issuer over TLS. */
const POLICY = "default-src 'self'; connect-src 'self' https:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

/** The bucket and the distribution. */
export class Console extends Construct {
  constructor(private readonly stack: EnvironmentStack, api: string) {
    super(stack, 'Console');
    const logs = this.bucket('Logs', { objectOwnership: ObjectOwnership.BUCKET_OWNER_PREFERRED, lifecycleRules: [{ expiration: Duration.days(stack.config.logDays) }] });
    because(logs, 'AwsSolutions-S1', 'It is where access is logged; a log of the log would have no end');
    const files = this.bucket('Files', { serverAccessLogsBucket: logs, serverAccessLogsPrefix: 'files/', versioned: true });
    const site = this.distribution(files, logs, api);
    stack.publish('consoleBucket', files.bucketName);
    stack.publish('consoleUrl', `https://${site.distributionDomainName}`);
  }

  private bucket(id: string, props: ConstructorParameters<typeof Bucket>[2]): Bucket {
    return new Bucket(this, id, {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: this.stack.removal,
      ...props,
    });
  }

  private distribution(files: Bucket, logs: Bucket, api: string): Distribution {
    const { config } = this.stack;
    const site = new Distribution(this, 'Distribution', {
      comment: `TeamClaw ${config.env}: the console`,
      httpVersion: HttpVersion.HTTP2_AND_3,
      defaultRootObject: 'index.html',
      enableLogging: true,
      logBucket: logs,
      logFilePrefix: 'console/',
      ...(config.webAcl === undefined ? {} : { webAclId: config.webAcl }),
      defaultBehavior: {
        origin: S3BucketOrigin.withOriginAccessControl(files),
        viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        cachePolicy: CachePolicy.CACHING_OPTIMIZED,
        responseHeadersPolicy: this.headers(),
      },
      additionalBehaviors: {
        'api/*': {
          origin: new HttpOrigin(Fn.select(2, Fn.split('/', api)), { protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY, originSslProtocols: [OriginSslPolicy.TLS_V1_2] }),
          viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
          allowedMethods: AllowedMethods.ALLOW_ALL,
          cachePolicy: CachePolicy.CACHING_DISABLED,
          // The gateway knows itself by its own Host.
          originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        },
      },
    });
    because(site, 'AwsSolutions-CFR1', 'A company says itself where its operators are; the API lets in nobody without a token');
    because(site, 'AwsSolutions-CFR2', 'A web ACL for CloudFront lies in us-east-1, so it comes from config.ts (webAcl), not from this stack');
    because(site, 'AwsSolutions-CFR4', "The console has CloudFront's own name and certificate, whose TLS policy cannot be chosen");
    return site;
  }

  private headers(): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, 'Headers', {
      responseHeadersPolicyName: this.stack.names.named('console'),
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy: POLICY, override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
        strictTransportSecurity: { accessControlMaxAge: Duration.days(365), includeSubdomains: true, override: true },
      },
    });
  }
}
