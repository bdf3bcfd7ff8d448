// What holds data and addresses, and changes least: network, homes, images, secrets, key.

import type { Construct } from 'constructs';
import type { Config } from '../../config.js';
import { because } from '../acknowledged.js';
import { EnvironmentStack } from '../stack.js';
import { Encryption } from './encryption.js';
import { Endpoints } from './endpoints.js';
import { Homes } from './homes.js';
import { Images } from './images.js';
import { Network } from './network.js';
import { Secrets } from './secrets.js';

/** The first stack. */
export class FoundationStack extends EnvironmentStack {
  constructor(scope: Construct, config: Config) {
    super(scope, config, 'foundation', 'network, homes, images, secrets');
    const { key } = new Encryption(this);
    const { vpc } = new Network(this);
    new Endpoints(this, vpc);
    new Homes(this, vpc, key);
    new Images(this, key);
    const secrets = new Secrets(this, key);
    because(secrets, 'AwsSolutions-SMG4', 'Provider keys are rotated by TeamClaw itself, step by step; a Lambda of Secrets Manager cannot mint them');
  }
}
