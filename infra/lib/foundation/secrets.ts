// The key pool and the secret from which tokens are derived. Who may read them is written twice: in the
// roles, and here, where a role that was given too much is refused all the same.

import { SecretValue } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Config } from '../../config.js';
import type { Names } from '../names.js';
import { FUNCTIONS } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';

/** An empty pool in the format that sidecars read. It holds no secret, so it may stand in a template. */
const EMPTY_POOL = '{"providers":{}}';
/** 64 characters of letters and digits are more than 256 bits. */
const TOKEN_SECRET_LENGTH = 64;

/** The two secrets. */
export class Secrets extends Construct {
  constructor(stack: EnvironmentStack, key: IKey) {
    super(stack, 'Secrets');
    const { names } = stack;
    const pool = new Secret(this, 'Pool', {
      secretName: names.poolSecret(),
      description: 'The key pool: sidecars read it, the rotation of keys writes it',
      secretStringValue: SecretValue.unsafePlainText(EMPTY_POOL),
      encryptionKey: key,
      removalPolicy: stack.removal,
    });
    const token = new Secret(this, 'Token', {
      secretName: names.tokenSecret(),
      description: 'Lease tokens and passes are derived from it; whoever changes it ends every lease',
      generateSecretString: { passwordLength: TOKEN_SECRET_LENGTH, excludePunctuation: true },
      encryptionKey: key,
      removalPolicy: stack.removal,
    });
    pool.addToResourcePolicy(refusal(stack, poolReaders(names)));
    token.addToResourcePolicy(refusal(stack, tokenReaders(names, stack.config.routing)));
    stack.publish('poolSecret', pool.secretArn);
    stack.publish('tokenSecret', token.secretArn);
  }
}

/** Nobody else reads it, whatever their role allows: not an administrator of the account either. */
function refusal(stack: EnvironmentStack, readers: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: 'NobodyElseReadsIt',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['secretsmanager:GetSecretValue', 'secretsmanager:BatchGetSecretValue'],
    resources: ['*'],
    conditions: { StringNotEquals: { 'aws:PrincipalArn': readers.map((name) => `arn:aws:iam::${stack.account}:role/${name}`) } },
  });
}

/** The roles that read the pool: the one that is lent to sidecars, and those of the functions that change keys. */
export function poolReaders(names: Names): string[] {
  return [names.leaseRole(), ...functionsThatRead(names, 'secret/api-keys')];
}

/** The roles that derive tokens and passes: the router's, where there is one, and those of the functions that start and ask agents. */
export function tokenReaders(names: Names, routing: Config['routing']): string[] {
  return [...(routing === 'router' ? [names.routerRole()] : []), ...functionsThatRead(names, 'secret/token-secret')];
}

function functionsThatRead(names: Names, secret: string): string[] {
  const reads = FUNCTIONS.filter(({ allows }) =>
    allows.some(({ actions, on }) => on === secret && actions.includes('secretsmanager:GetSecretValue')),
  );
  return reads.map(({ name }) => names.functionRole(name));
}
