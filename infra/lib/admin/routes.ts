// Every route of the HTTP API, each by name: what is not here does not exist. The operator's are those of
// the crate `admin` (admin/src/lib.rs), below its root; `test/admin.test.ts` compares them.

import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';

/** Whose token a route wants: an operator's, a person's, or none, because the function judges a lease's. */
export type Audience = 'operator' | 'person' | 'lease';

export interface Route {
  readonly method: HttpMethod;
  readonly path: string;
}

const { GET, POST, DELETE } = HttpMethod;
const ROOT = '/api/v1';

const OPERATOR: readonly (readonly [HttpMethod, string])[] = [
  [GET, '/status'],
  [GET, '/workspaces'],
  [GET, '/workspaces/{id}'],
  [GET, '/workspaces/{id}/events'],
  [POST, '/workspaces/{id}/login'],
  [POST, '/workspaces/{id}/start'],
  [POST, '/workspaces/{id}/stop'],
  [POST, '/workspaces/{id}/replay'],
  [POST, '/workspaces/{id}/delete'],
  [POST, '/workspaces/{id}/snooze'],
  [POST, '/workspaces/{id}/settings'],
  [POST, '/replay'],
  [GET, '/orphans'],
  [POST, '/parked/{way}'],
  [POST, '/dead-letters/redrive'],
  [GET, '/keys'],
  [POST, '/keys'],
  [DELETE, '/keys/{provider}/{key}'],
  [GET, '/rotations'],
  [POST, '/rotations'],
  [POST, '/rotations/plan'],
  [GET, '/rotations/{provider}/events'],
  [POST, '/rotations/{provider}/{number}/replay'],
  [GET, '/usage'],
  [GET, '/feed'],
];

/** Every route, by whose it is: the name that functions.json gives the trigger. */
export const ROUTES: Readonly<Record<Audience, readonly Route[]>> = {
  operator: OPERATOR.map(([method, path]) => ({ method, path: `${ROOT}${path}` })),
  person: [{ method: GET, path: '/session' }, { method: POST, path: '/session' }],
  lease: [{ method: POST, path: '/lease' }, { method: GET, path: '/lease/used' }],
};
