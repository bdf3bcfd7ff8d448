// Who says who somebody is: a user pool of our own, or the company's issuer. Either way there are two
// audiences, so that the token of a person opens no operator's route.

import { Duration } from 'aws-cdk-lib';
import {
  AccountRecovery, CfnUserPoolGroup, FeaturePlan, Mfa, OAuthScope, StandardThreatProtectionMode, UserPool, type UserPoolClient,
} from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';

/** The group whose members are operators: functions look for it in tokens (lib/control/settings.ts tells them). */
export const OPERATORS = 'teamclaw-admins';
/** Where `teamclaw login` waits for the browser to come back (RFC 8252: loopback). */
const COMMAND_CALLBACK = 'http://localhost:7313/callback';

/** The issuer and its two audiences, published for whoever judges tokens. */
export class People extends Construct {
  constructor(private readonly stack: EnvironmentStack) {
    super(stack, 'People');
    const { issuer } = stack.config;
    if (issuer === 'cognito') {
      this.ownPool();
      return;
    }
    stack.publish('issuer', issuer.url);
    stack.publish('peopleAudience', issuer.people);
    stack.publish('operatorsAudience', issuer.operators);
  }

  private ownPool(): void {
    const { config, names } = this.stack;
    const pool = new UserPool(this, 'Pool', {
      userPoolName: names.cluster(),
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      mfa: Mfa.REQUIRED,
      mfaSecondFactor: { otp: true, sms: false },
      passwordPolicy: { minLength: 12, requireDigits: true, requireLowercase: true, requireUppercase: true, requireSymbols: true, tempPasswordValidity: Duration.days(3) },
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      featurePlan: config.production ? FeaturePlan.PLUS : FeaturePlan.ESSENTIALS,
      ...(config.production ? { standardThreatProtectionMode: StandardThreatProtectionMode.FULL_FUNCTION } : {}),
      deletionProtection: config.production,
      removalPolicy: this.stack.removal,
    });
    if (!config.production) {
      const reason = 'Threat protection is paid by the user and month; a trial does without';
      for (const rule of ['AwsSolutions-COG3', 'AwsSolutions-COG8']) because(pool, rule, reason);
    }
    pool.addDomain('Domain', { cognitoDomain: { domainPrefix: `${names.cluster()}-${this.stack.account}` } });
    new CfnUserPoolGroup(this, 'Operators', {
      userPoolId: pool.userPoolId,
      groupName: OPERATORS,
      description: 'May use the routes of operators',
    });
    const front = this.stack.found('front');
    const people = this.client(pool, 'people', [`${front}/teamclaw/callback`]);
    const operators = this.client(pool, 'operators', [COMMAND_CALLBACK]);
    this.stack.publish('issuer', `https://cognito-idp.${this.stack.region}.amazonaws.com/${pool.userPoolId}`);
    this.stack.publish('peopleAudience', people.userPoolClientId);
    this.stack.publish('operatorsAudience', operators.userPoolClientId);
  }

  private client(pool: UserPool, name: 'people' | 'operators', callbackUrls: string[]): UserPoolClient {
    return pool.addClient(name, {
      userPoolClientName: this.stack.names.named(name),
      // PKCE in its place: neither a browser nor a command can keep a secret.
      generateSecret: false,
      authFlows: {},
      oAuth: { flows: { authorizationCodeGrant: true }, scopes: [OAuthScope.OPENID, OAuthScope.EMAIL, OAuthScope.PROFILE], callbackUrls },
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      accessTokenValidity: Duration.minutes(60),
      idTokenValidity: Duration.minutes(60),
      refreshTokenValidity: Duration.days(name === 'people' ? 7 : 1),
    });
  }
}
