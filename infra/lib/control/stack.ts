// What decides and remembers: people, tables, queues, functions, and who is told when something is wrong.

import type { Construct } from 'constructs';
import type { Config } from '../../config.js';
import { EnvironmentStack } from '../stack.js';
import { Alarms } from './alarms.js';
import { Dashboard } from './dashboard.js';
import { Feed } from './feed.js';
import { Functions } from './functions.js';
import { Lease } from './lease.js';
import { Money } from './money.js';
import { httpApi } from './http-api.js';
import { People } from './people.js';
import { Queues } from './queues.js';
import { settings } from './settings.js';
import { Tables } from './tables.js';
import { Triggers } from './triggers.js';
import { UsageLake } from './usage-lake.js';

/** The third stack. */
export class ControlPlaneStack extends EnvironmentStack {
  constructor(scope: Construct, config: Config) {
    super(scope, config, 'control-plane', 'people, tables, queues, functions, alarms');
    new People(this);
    const api = httpApi(this);
    const tables = new Tables(this);
    const queues = new Queues(this);
    const functions = new Functions(this, queues.undelivered, settings(this, api), { 'stream/journal': tables.stream('journal') });
    const feed = new Feed(this, tables.stream('journal'), functions.get('announcer'), queues.undelivered);
    new Triggers(this, functions, queues, tables);
    new Lease(this, functions.role('broker'), queues.get('usage'));
    new UsageLake(this, feed.bus);
    const { alarms, topic } = new Alarms(this);
    new Money(this, topic);
    new Dashboard(this, alarms);
  }
}
