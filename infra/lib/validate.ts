// Judges a configuration: pure. What cannot work is refused before anything is synthesised, all of it
// at once, in words that name the field.

import { type Config, DEFAULTS, type Wanted } from '../config.js';
import { addressesPerZone, privateMask, PRIVATE_MASK_WIDEST } from './foundation/addresses.js';
import { isEnvironment } from './names.js';

/** The people that one account and region holds (DESIGN: a cell); more are more cells. */
export const USERS_MAX = 4000;
/** A target group each, and an ALB has a hundred, not adjustable: the rest is for the router and ours. */
export const ALB_USERS_MAX = 90;
/** Fargate's pairs of CPU units and MiB, as AmazonECS/latest/developerguide/task-cpu-memory-error.html lists them. */
const FARGATE: Readonly<Record<number, readonly [least: number, most: number]>> = {
  256: [512, 2048],
  512: [1024, 4096],
  1024: [2048, 8192],
  2048: [4096, 16384],
  4096: [8192, 30720],
};
/** The steps that CloudWatch takes for the retention of a log group. */
const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827];
/** Lambda's functions, load balancer and router need addresses too; a zone has at least this many. */
const CIDR = /^(10|172\.(1[6-9]|2\d|3[01])|192\.168)(\.\d{1,3}){1,2}\.0\/16$/;
const IMAGE = /^(sha256:[0-9a-f]{64}|[0-9A-Za-z][0-9A-Za-z._-]{0,127})$/;

/** Why a configuration is refused. */
export class BadConfig extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the configuration cannot work:\n  ${problems.join('\n  ')}`);
  }
}

/** Fills in the defaults and judges the whole. Throws `BadConfig`. */
export function configure(wanted: Wanted): Config {
  const config: Config = { ...DEFAULTS, ...wanted };
  const problems = judge(config);
  if (problems.length > 0) throw new BadConfig(problems);
  return config;
}

function judge(config: Config): string[] {
  const rules: readonly (readonly [good: boolean, words: string])[] = [
    [isEnvironment(config.env), `env: 1 to 12 of a-z and 0-9, beginning with a letter, unlike "${config.env}"`],
    [/^[a-z]{2}(-[a-z]+)+-\d$/.test(config.region), `region: unlike an AWS region: "${config.region}"`],
    [whole(config.users, 1, USERS_MAX), `users: 1 to ${USERS_MAX}; more people are another cell`],
    [config.zones === 2 || config.zones === 3, 'zones: 2 or 3'],
    [CIDR.test(config.cidr), `cidr: a private /16 such as 10.64.0.0/16, unlike "${config.cidr}"`],
    [privateMask(config) >= PRIVATE_MASK_WIDEST, `users: ${addressesPerZone(config)} addresses a zone do not fit ${config.cidr}`],
    [fits(config.agent), 'agent: no pair of CPU and memory that Fargate has'],
    [fits(config.router), 'router: no pair of CPU and memory that Fargate has'],
    [whole(config.router.tasks, 2, 50), 'router.tasks: 2 to 50; one alone would be an outage at each deployment'],
    [whole(config.idleMinutes, 5, 24 * 60), 'idleMinutes: 5 to 1440'],
    [config.routing === 'router' || config.users <= ALB_USERS_MAX, `routing: alb is for at most ${ALB_USERS_MAX} people`],
    [config.routing === 'router' || config.domain !== undefined, 'domain: with routing: alb each person has a host name below it'],
    [whole(config.admission.burst, 1, 10_000), 'admission.burst: 1 to 10000'],
    [whole(config.admission.perSecond, 1, 1000), 'admission.perSecond: 1 to 1000'],
    [LOG_DAYS.includes(config.logDays), `logDays: one of ${LOG_DAYS.join(', ')}`],
    [whole(config.archiveDays, 1, 3650), 'archiveDays: 1 to 3650'],
    [whole(config.budget.monthlyUsd, 1, 10_000_000), 'budget.monthlyUsd: at least 1'],
    ...Object.entries(config.images).map(
      ([name, image]) => [IMAGE.test(image) && image !== 'latest', `images.${name}: a version or sha256:…, never latest`] as const,
    ),
    ...front(config),
    ...issuer(config),
  ];
  return rules.filter(([good]) => !good).map(([, words]) => words);
}

function front(config: Config): (readonly [boolean, string])[] {
  const { domain, production, region } = config;
  return [
    [!production || domain !== undefined, 'domain: in production nothing travels unencrypted between CloudFront and the ALB'],
    [!production || config.edgePrefixList !== undefined, 'edgePrefixList: in production the ALB lets in CloudFront alone'],
    [config.edgePrefixList === undefined || /^pl-[0-9a-f]{8,17}$/.test(config.edgePrefixList), 'edgePrefixList: pl-…'],
    [domain === undefined || domain.certificate.startsWith('arn:aws:acm:us-east-1:'), 'domain.certificate: CloudFront reads certificates in us-east-1'],
    [domain === undefined || domain.originCertificate.startsWith(`arn:aws:acm:${region}:`), `domain.originCertificate: the ALB reads certificates in ${region}`],
    [config.webAcl === undefined || config.webAcl.startsWith('arn:aws:wafv2:us-east-1:'), "webAcl: CloudFront's web ACLs lie in us-east-1"],
  ];
}

function issuer(config: Config): (readonly [boolean, string])[] {
  if (config.issuer === 'cognito') return [];
  const { url, people, operators } = config.issuer;
  return [
    [url.startsWith('https://') && !url.endsWith('/'), 'issuer.url: https, without a slash at the end, exactly as the tokens say it'],
    [people !== '' && operators !== '', 'issuer.people, issuer.operators: the audiences of their tokens'],
    [people !== operators, "issuer: one audience for both would let a person's token open an operator's route"],
  ];
}

function whole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function fits(size: { cpu: number; memoryMib: number }): boolean {
  const range = FARGATE[size.cpu];
  return range !== undefined && size.memoryMib >= range[0] && size.memoryMib <= range[1] && size.memoryMib % 512 === 0;
}
