// What the last stack promises: the operator's routes as the Rust side has them, each behind a token for
// its own audience, and a private place for the console.

import { existsSync, readFileSync } from 'node:fs';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { at, many, text } from '../checks/template.js';
import { ROUTES } from '../lib/admin/routes.js';
import { synthesised } from './synthesis.js';

const root = new URL('../../', import.meta.url);
const template = () => synthesised().template('admin');
const resources = (type: string) => synthesised().resources('admin', type);

/** The routes that the Rust side serves, as "METHOD /path". */
function served(): string[] {
  const place = ['admin/src/lib.rs', 'teamclaw/src/up/operator/mod.rs'].map((path) => new URL(path, root)).find((path) => existsSync(path))!;
  const lines = [...readFileSync(place, 'utf8').matchAll(/\.route\("([^"]+)", (.+)\)$/gm)];
  return lines.flatMap(([, path, methods]) => [...methods!.matchAll(/(?:^|\.)(get|post|put|delete)\(/g)].map(([, method]) => `${method!.toUpperCase()} /api/v1${path}`)).sort();
}

describe('the API', () => {
  it("has the operator's routes, all of them and no others", () => {
    const ours = ROUTES.operator.map(({ method, path }) => `${method} ${path}`).sort();
    expect(served().length).toBeGreaterThan(20);
    expect(ours).toEqual(served());
  });

  it('wants a token for its own audience on each route; the broker alone judges by itself', () => {
    const routes = resources('AWS::ApiGatewayV2::Route').map(([, route]) => route.Properties!);
    expect(routes).toHaveLength(ROUTES.operator.length + ROUTES.person.length + ROUTES.lease.length);
    const open = routes.filter((route) => route.AuthorizationType !== 'JWT').map((route) => route.RouteKey);
    expect(open).toEqual(['POST /lease', 'GET /lease/used']);
    for (const route of routes.filter((one) => one.AuthorizationType === 'JWT')) {
      const wanted = text(route.RouteKey!).includes('/api/v1/') ? 'operator' : 'person';
      expect(text(route.AuthorizerId!), text(route.RouteKey!)).toContain(wanted);
    }
    const authorizers = resources('AWS::ApiGatewayV2::Authorizer').map(([, one]) => one.Properties!);
    expect(authorizers.map((one) => one.Name).sort()).toEqual(['operator', 'person']);
    expect(new Set(authorizers.map((one) => text(at(one.JwtConfiguration!, 'Audience')))).size).toBe(2);
  });

  it('is throttled, and writes down who asked what without a token', () => {
    const stage = synthesised().one('admin', 'AWS::ApiGatewayV2::Stage');
    expect(at(stage.DefaultRouteSettings!, 'ThrottlingBurstLimit')).toBe(1000);
    const format = text(at(stage.AccessLogSettings!, 'Format'));
    expect(format).toContain('$context.routeKey');
    expect(format.toLowerCase()).not.toContain('authorization');
  });
});

describe('the console', () => {
  it('lies in a bucket that CloudFront alone reads', () => {
    for (const [id, bucket] of resources('AWS::S3::Bucket')) {
      const block = bucket.Properties!.PublicAccessBlockConfiguration!;
      for (const way of ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets']) expect(at(block, way), id).toBe(true);
    }
    template().resourceCountIs('AWS::CloudFront::OriginAccessControl', 1);
  });

  it('has the API under its own origin, and lets no other page in', () => {
    const config = synthesised().one('admin', 'AWS::CloudFront::Distribution').DistributionConfig!;
    const [api] = many(at(config, 'CacheBehaviors'));
    expect(at(api!, 'PathPattern')).toBe('api/*');
    template().hasResourceProperties('AWS::CloudFront::ResponseHeadersPolicy', {
      ResponseHeadersPolicyConfig: { SecurityHeadersConfig: { ContentSecurityPolicy: { ContentSecurityPolicy: Match.stringLikeRegexp("frame-ancestors 'none'") } } },
    });
    synthesised().template('control-plane').hasResourceProperties('AWS::ApiGatewayV2::Api', { CorsConfiguration: Match.absent() });
  });
});
