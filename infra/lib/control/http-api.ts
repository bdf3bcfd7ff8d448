// The HTTP API as an address alone: sidecars are told it before it has routes. The last stack gives it
// routes and a stage, so that these can change without this stack.

import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { EnvironmentStack } from '../stack.js';

/** The API without a route. */
export function httpApi(stack: EnvironmentStack): HttpApi {
  const api = new HttpApi(stack, 'Api', {
    apiName: stack.names.named('api'),
    description: "Operators', people's and sidecars' routes",
    createDefaultStage: false,
  });
  stack.publish('apiId', api.apiId);
  return api;
}
