// The HTTP API: operators' routes and people's, each behind an authorizer for its own audience, and the
// broker's, which judges leases itself.

import { Duration } from 'aws-cdk-lib';
import {
  HttpApi, HttpNoneAuthorizer, HttpRoute, HttpRouteKey, HttpStage, type IHttpApi, type IHttpRouteAuthorizer, LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import { functionParameter } from '../parameters.js';
import { FUNCTIONS, type LambdaFunction } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { type Audience, ROUTES } from './routes.js';

/** Beyond this the gateway itself says 429: more than all people of a cell at once, far less than a flood. */
const THROTTLE = { rateLimit: 500, burstLimit: 1000 };
/** The longest that a gateway waits. */
const TIMEOUT = Duration.seconds(29);
/** Who asked what and how it went; no header, so no token. */
const LINE = {
  requestId: '$context.requestId', at: '$context.requestTimeEpoch', ip: '$context.identity.sourceIp', route: '$context.routeKey',
  status: '$context.status', latency: '$context.responseLatency', subject: '$context.authorizer.claims.sub', error: '$context.authorizer.error',
};

/** The routes and the stage of the API, whose address an earlier stack made. */
export class Api extends Construct {
  readonly endpoint: string;
  private readonly api: IHttpApi;

  constructor(private readonly stack: EnvironmentStack) {
    super(stack, 'Api');
    const httpApiId = stack.found('apiId');
    this.endpoint = `https://${httpApiId}.execute-api.${stack.region}.amazonaws.com`;
    this.api = HttpApi.fromHttpApiAttributes(this, 'Http', { httpApiId, apiEndpoint: this.endpoint });
    this.stage();
    for (const one of FUNCTIONS) if ('http' in one.trigger) this.routes(one, one.trigger.http);
    stack.publish('apiUrl', this.endpoint);
  }

  private stage(): void {
    const { config } = this.stack;
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/teamclaw/${config.env}/api`,
      retention: config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: THROTTLE,
      detailedMetricsEnabled: true,
      accessLogSettings: { destination: new LogGroupLogDestination(logs), format: AccessLogFormat.custom(JSON.stringify(LINE)) },
    });
  }

  private routes(one: LambdaFunction, audience: Audience): void {
    const handler = Lambda.fromFunctionAttributes(this, one.name, {
      functionArn: this.stack.foundAs(functionParameter(one.name)),
      // The permission belongs to this stack, which alone knows the API.
      sameEnvironment: true,
    });
    const integration = new HttpLambdaIntegration(`${one.name}-integration`, handler, { timeout: TIMEOUT });
    const authorizer = this.authorizer(audience);
    for (const { method, path } of ROUTES[audience]) {
      const routeKey = HttpRouteKey.with(path, method);
      const route = new HttpRoute(this, `${method} ${path.replaceAll('/', ' ')}`, { httpApi: this.api, routeKey, integration, authorizer });
      if (audience === 'lease') because(route, 'AwsSolutions-APIG4', "A sidecar has no person's token; the function judges the lease's own");
    }
  }

  private authorizer(audience: Audience): IHttpRouteAuthorizer {
    if (audience === 'lease') return new HttpNoneAuthorizer();
    return new HttpJwtAuthorizer(audience, this.stack.found('issuer'), {
      authorizerName: audience,
      jwtAudience: [this.stack.found(audience === 'operator' ? 'operatorsAudience' : 'peopleAudience')],
    });
  }
}
