// What operators, people's pages and sidecars ask over HTTP, and a place for the console.

import type { Construct } from 'constructs';
import type { Config } from '../../config.js';
import { EnvironmentStack } from '../stack.js';
import { Api } from './api.js';
import { Console } from './console.js';

/** The last stack. */
export class AdminStack extends EnvironmentStack {
  constructor(scope: Construct, config: Config) {
    super(scope, config, 'admin', 'HTTP API and console');
    const { endpoint } = new Api(this);
    new Console(this, endpoint);
  }
}
