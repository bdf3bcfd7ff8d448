// An agent owns its task's role, so that role must be worth nothing: no more than a mount of its home.

import { granted } from './policies.js';
import { at, many, ofType, statements, text, type TemplateJson } from './template.js';

const MOUNT = ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'];

/** The boundary of agents' roles allows the mount of one file system through an access point, and nothing else. */
export function boundary(template: TemplateJson): string[] {
  const found = ofType(template, 'AWS::IAM::ManagedPolicy').filter(([, policy]) => text(policy.Properties?.Path ?? null).startsWith('/teamclaw/agents/'));
  if (found.length !== 1) return [`there are ${found.length} boundaries of agents`];
  const [id, policy] = found[0]!;
  return statements(policy.Properties!.PolicyDocument ?? null).flatMap((statement) => {
    const findings: string[] = [];
    const odd = statement.actions.filter((action) => !MOUNT.includes(action));
    if (statement.effect !== 'Allow' || odd.length > 0) findings.push(`${id} allows ${odd.join(', ')}`);
    if (!statement.resources.every((resource) => /:file-system\//.test(text(resource)) && !text(resource).includes('*'))) findings.push(`${id} is not about one file system`);
    if (at(statement.conditions, 'ArnLike', 'elasticfilesystem:AccessPointArn') === null) findings.push(`${id} does not want an access point`);
    return findings;
  });
}

/** No role that a task of agents could have is in a template: the engine makes them, within the boundary. */
export function agentRoles(template: TemplateJson): string[] {
  return ofType(template, 'AWS::IAM::Role')
    .filter(([, role]) => text(role.Properties?.Path ?? null).startsWith('/teamclaw/agents/'))
    .map(([id]) => `${id} is a role on the agents' path`);
}

/** Whoever may make or change such a role must set the boundary, and passes roles to tasks alone. */
export function unboundedMakers(template: TemplateJson): string[] {
  return granted(template).flatMap(({ resource, statement }) => {
    const makes = statement.actions.some((action) => ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:AttachRolePolicy', 'iam:*'].includes(action));
    const bounded = at(statement.conditions, 'StringEquals', 'iam:PermissionsBoundary') !== null;
    const passes = statement.actions.includes('iam:PassRole');
    const toTasks = at(statement.conditions, 'StringEquals', 'iam:PassedToService') === 'ecs-tasks.amazonaws.com';
    return [
      ...(makes && !bounded ? [`${resource} makes roles without the boundary`] : []),
      ...(passes && !toTasks ? [`${resource} passes roles to others than tasks`] : []),
    ];
  });
}

/** The only port into the agents' group, and from where: pairs of port and text of the source. */
export function waysToAgents(template: TemplateJson, group: string): { port: string; from: string }[] {
  const rules = ofType(template, 'AWS::EC2::SecurityGroupIngress').map(([, rule]) => rule.Properties!);
  const beside = rules.filter((rule) => text(rule.GroupId ?? null).includes(group));
  const inside = many(template.Resources[group]?.Properties?.SecurityGroupIngress ?? null);
  return [...beside, ...inside].map((rule) => ({
    port: `${String(at(rule, 'FromPort'))}-${String(at(rule, 'ToPort'))}`,
    from: text(at(rule, 'SourceSecurityGroupId') ?? at(rule, 'CidrIp')),
  }));
}
