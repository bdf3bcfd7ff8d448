// Where images lie. A tag is never moved, so that what was checked is what runs; every push is scanned.

import { Duration } from 'aws-cdk-lib';
import { Repository, RepositoryEncryption, TagMutability, TagStatus } from 'aws-cdk-lib/aws-ecr';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

/** Enough to go back to; each agent's image is most of a gigabyte. */
const VERSIONS_KEPT = 30;

/** The repositories of the three images. */
export class Images extends Construct {
  constructor(stack: EnvironmentStack, key: IKey) {
    super(stack, 'Images');
    const repository = (name: 'agent' | 'sidecar' | 'router') => {
      const images = new Repository(this, name, {
        repositoryName: stack.names.named(name),
        imageTagMutability: TagMutability.IMMUTABLE,
        imageScanOnPush: true,
        encryption: RepositoryEncryption.KMS,
        encryptionKey: key,
        removalPolicy: stack.removal,
        lifecycleRules: [
          { rulePriority: 1, description: 'Left by a build that failed', tagStatus: TagStatus.UNTAGGED, maxImageAge: Duration.days(7) },
          { rulePriority: 2, description: 'Old versions', tagStatus: TagStatus.ANY, maxImageCount: VERSIONS_KEPT },
        ],
      });
      stack.publish(`${name}Repository`, images.repositoryUri);
    };
    repository('agent');
    repository('sidecar');
    repository('router');
  }
}
