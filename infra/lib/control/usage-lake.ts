// Raw usage, for questions that the roll-ups do not answer: every announced record as a line of JSON in
// S3, by day and hour, with a table and three queries for Athena (lib/control/queries.ts).

import { Duration, Size } from 'aws-cdk-lib';
import { CfnNamedQuery, CfnWorkGroup } from 'aws-cdk-lib/aws-athena';
import { type EventBus, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { FirehoseDeliveryStream } from 'aws-cdk-lib/aws-events-targets';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Compression, DeliveryStream, EnableLogging, type IDataProcessor, S3Bucket, StreamEncryption } from 'aws-cdk-lib/aws-kinesisfirehose';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, StorageClass } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';
import { DETAIL_TYPE, SOURCE } from './feed.js';
import { COLUMNS, queries } from './queries.js';
import { unpack } from './unpack.js';

/** A file is written when it is this large or this old, whichever comes first. */
const FILE = { size: Size.mebibytes(16), age: Duration.minutes(5) };
/** What is made lines of at once: a function answers with 6 MB at the most, and facts are packed to a tenth. */
const PACKED_MIB = '0.2';
/** After a quarter it is looked at rarely; after this it is no longer needed for an invoice. */
const RARE_AFTER = Duration.days(90);
const GONE_AFTER = Duration.days(800);
/** How the hours lie: partitions are computed from names, so no crawler is needed. */
const PREFIX = 'usage/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/';
const FIRST_DAY = '2026-01-01';

/** The bucket, what fills it, and how it is asked. */
export class UsageLake extends Construct {
  readonly streamName: string;
  private readonly bucket: Bucket;
  private readonly database: string;

  constructor(private readonly stack: EnvironmentStack, bus: EventBus) {
    super(stack, 'UsageLake');
    this.database = `tc_${stack.config.env}`;
    this.bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: false,
      lifecycleRules: [
        { prefix: 'usage/', transitions: [{ storageClass: StorageClass.INFREQUENT_ACCESS, transitionAfter: RARE_AFTER }], expiration: GONE_AFTER },
        { prefix: 'answers/', expiration: Duration.days(30) },
      ],
      removalPolicy: stack.removal,
    });
    because(this.bucket, 'AwsSolutions-S1', 'Who reads it is in CloudTrail; counts of tokens are no secret of a person');
    this.streamName = stack.names.named('usage');
    this.fill(bus);
    this.ask();
    stack.publish('usageBucket', this.bucket.bucketName);
  }

  private fill(bus: EventBus): void {
    const { config } = this.stack;
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/teamclaw/${config.env}/usage-delivery`,
      retention: config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    const stream = new DeliveryStream(this, 'Stream', {
      deliveryStreamName: this.streamName,
      encryption: StreamEncryption.awsOwnedKey(),
      destination: new S3Bucket(this.bucket, {
        dataOutputPrefix: PREFIX,
        errorOutputPrefix: 'failed/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/',
        fileExtension: '.json.gz',
        compression: Compression.GZIP,
        bufferingInterval: FILE.age,
        bufferingSize: FILE.size,
        processors: [linesOf(unpack(this, this.stack))],
        loggingConfig: new EnableLogging(logs),
      }),
    });
    acknowledgeBucketGrants(this.stack, stream, this.bucket);
    new Rule(this, 'Usage', {
      ruleName: this.stack.names.named('raw-usage'),
      eventBus: bus,
      eventPattern: {
        source: [SOURCE],
        detailType: [DETAIL_TYPE],
        // The facts are a JSON text within the event: this is looked for in it.
        detail: { envelopes: [{ wildcard: '*"teamclaw.usage.recorded.*' }] },
      },
      targets: [new FirehoseDeliveryStream(stream, { message: RuleTargetInput.fromEventPath('$.detail') })],
    });
  }

  private ask(): void {
    const workGroup = new CfnWorkGroup(this, 'WorkGroup', {
      name: this.stack.names.named('usage'),
      description: 'Questions about raw usage',
      recursiveDeleteOption: !this.stack.config.production,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        resultConfiguration: { outputLocation: `s3://${this.bucket.bucketName}/answers/`, encryptionConfiguration: { encryptionOption: 'SSE_S3' } },
      },
    });
    const database = new CfnDatabase(this, 'Database', { catalogId: this.stack.account, databaseInput: { name: this.database, description: 'Raw usage' } });
    const table = this.table();
    table.addResourceDependency(database);
    for (const { name, about, sql } of queries(this.database)) {
      const query = new CfnNamedQuery(this, name, { name, description: about, database: this.database, queryString: sql, workGroup: workGroup.name });
      query.addResourceDependency(workGroup);
    }
  }

  private table(): CfnTable {
    const location = `s3://${this.bucket.bucketName}/usage/`;
    return new CfnTable(this, 'Table', {
      catalogId: this.stack.account,
      databaseName: this.database,
      tableInput: {
        name: 'usage',
        description: 'Usage, a record a line; a record may be there twice',
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: [{ name: 'day', type: 'string' }, { name: 'hour', type: 'string' }],
        storageDescriptor: {
          columns: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })),
          location,
          inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
          outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
          serdeInfo: { serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe' },
        },
        parameters: {
          'projection.enabled': 'true',
          'projection.day.type': 'date',
          'projection.day.format': 'yyyy-MM-dd',
          'projection.day.range': `${FIRST_DAY},NOW`,
          'projection.hour.type': 'integer',
          'projection.hour.range': '0,23',
          'projection.hour.digits': '2',
          'storage.location.template': `${location}day=\${day}/hour=\${hour}/`,
        },
      },
    });
  }
}

/** The function as Firehose's processor. By hand: CDK's own wants whole megabytes and allows every version. */
function linesOf(lambda: IFunction): IDataProcessor {
  const parameter = (parameterName: string, parameterValue: string) => ({ parameterName, parameterValue });
  return {
    props: {},
    bind: (_, { role }) => {
      role.addToPrincipalPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [lambda.functionArn] }));
      const parameters = [parameter('BufferSizeInMBs', PACKED_MIB), parameter('BufferIntervalInSeconds', '60')];
      return { processorType: 'Lambda', processorIdentifier: parameter('LambdaArn', lambda.functionArn), parameters };
    },
  };
}

/** CDK's own grants to Firehose are on one bucket's objects, by actions that end in a star. */
function acknowledgeBucketGrants(stack: EnvironmentStack, stream: DeliveryStream, bucket: Bucket): void {
  const id = stack.getLogicalId(bucket.node.defaultChild as never);
  for (const action of ['s3:Abort*', 's3:DeleteObject*', 's3:GetBucket*', 's3:GetObject*', 's3:List*']) {
    because(stream, `AwsSolutions-IAM5[Action::${action}]`, 'Reading and writing the objects of one bucket');
  }
  because(stream, `AwsSolutions-IAM5[Resource::<${id}.Arn>/*]`, 'The objects of one bucket');
}
