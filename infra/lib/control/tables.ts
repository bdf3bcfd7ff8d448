// The tables, as aws/tables.json says them: paid by request, encrypted with our key, restorable to any
// second of the last 35 days.

import { AttributeType, BillingMode, ProjectionType, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { TABLES, type Table as Spec } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';

/** Every table, by what comes after `tc-{env}-`. */
export class Tables extends Construct {
  private readonly made = new Map<string, Table>();

  constructor(private readonly stack: EnvironmentStack) {
    super(stack, 'Tables');
    const key = Key.fromKeyArn(this, 'Key', stack.found('key'));
    for (const spec of TABLES) this.made.set(spec.name, this.make(spec, key));
  }

  /** The stream of a table. Throws if the table has none. */
  stream(name: string): string {
    const arn = this.made.get(name)?.tableStreamArn;
    if (arn === undefined) throw new Error(`aws/tables.json has no table "${name}" with a stream`);
    return arn;
  }

  private make(spec: Spec, encryptionKey: ReturnType<typeof Key.fromKeyArn>): Table {
    const text = (name: string) => ({ name, type: AttributeType.STRING });
    const keys = ({ hash, range }: { hash: string; range: string | null }) => ({
      partitionKey: text(hash),
      ...(range === null ? {} : { sortKey: text(range) }),
    });
    const table = new Table(this, spec.name, {
      tableName: this.stack.names.named(spec.name),
      ...keys(spec),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey,
      deletionProtection: this.stack.config.production,
      removalPolicy: this.stack.removal,
      ...(spec.expires === null ? {} : { timeToLiveAttribute: spec.expires }),
      ...(spec.stream ? { stream: StreamViewType.NEW_IMAGE } : {}),
    });
    for (const index of spec.indexes) {
      table.addGlobalSecondaryIndex({
        indexName: index.name,
        ...keys(index),
        projectionType: index.whole ? ProjectionType.ALL : ProjectionType.KEYS_ONLY,
      });
    }
    return table;
  }
}
