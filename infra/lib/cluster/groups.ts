// Who may speak to whom: a security group each for the load balancer, the router, the agents and the cleaner. The
// router's is also that of the function that opens routes, for it too asks agents. An agent hears from
// that group alone, and no agent reaches another.

import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import type { EnvironmentStack } from '../stack.js';

/** Where an agent listens. */
export const AGENT_PORT = 18789;
/** Where the router listens. */
export const ROUTER_PORT = 8080;
const NFS = Port.tcp(2049);
const TLS = Port.tcp(443);

/** The groups and every rule between them. */
export class Groups extends Construct {
  readonly loadBalancer: SecurityGroup;
  readonly router: SecurityGroup;
  readonly agents: SecurityGroup;
  readonly cleaner: SecurityGroup;

  constructor(stack: EnvironmentStack, vpc: IVpc) {
    super(stack, 'Groups');
    const group = (name: string, description: string) =>
      new SecurityGroup(this, name, { vpc, description, allowAllOutbound: false });
    this.loadBalancer = group('LoadBalancer', 'Load balancer: from CloudFront, to the router');
    this.router = group('Router', 'Router and whoever asks agents: to agents and to AWS');
    this.agents = group('Agents', 'Agents: from the router alone, to the web and their homes');
    this.cleaner = group('Cleaner', 'The function that empties homes: to homes and to AWS, from nobody');
    this.fromTheEdge(stack);
    this.toRouterAndAgents(stack.config.routing);
    this.outwards(stack);
    stack.publish('routerGroup', this.router.securityGroupId);
    stack.publish('agentGroup', this.agents.securityGroupId);
    stack.publish('cleanerGroup', this.cleaner.securityGroupId);
  }

  private fromTheEdge(stack: EnvironmentStack): void {
    const { domain, edgePrefixList } = stack.config;
    const port = domain === undefined ? Port.tcp(80) : TLS;
    // A trial without the list still asks for the origin's secret header (lib/cluster/front.ts).
    const peer = edgePrefixList === undefined ? Peer.anyIpv4() : Peer.prefixList(edgePrefixList);
    this.loadBalancer.addIngressRule(peer, port, 'From CloudFront');
    if (edgePrefixList === undefined) because(this.loadBalancer, 'AwsSolutions-EC23', 'A trial without the list; production is refused without one');
  }

  private toRouterAndAgents(routing: 'router' | 'alb'): void {
    const between = (from: SecurityGroup, to: SecurityGroup, port: number, words: string) => {
      from.addEgressRule(to, Port.tcp(port), words);
      to.addIngressRule(from, Port.tcp(port), words);
    };
    between(this.router, this.agents, AGENT_PORT, 'Router to agents');
    if (routing === 'alb') between(this.loadBalancer, this.agents, AGENT_PORT, 'Load balancer to agents');
    else between(this.loadBalancer, this.router, ROUTER_PORT, 'Load balancer to router');
  }

  private outwards(stack: EnvironmentStack): void {
    this.router.addEgressRule(Peer.anyIpv4(), TLS, 'AWS and the issuer');
    this.agents.addEgressRule(Peer.anyIpv4(), TLS, 'Providers and the web');
    this.agents.addEgressRule(Peer.anyIpv4(), Port.tcp(80), 'The web, where it is not encrypted');
    const homes = SecurityGroup.fromSecurityGroupId(this, 'Homes', stack.found('fileSystemGroup'), { allowAllOutbound: false });
    this.cleaner.addEgressRule(Peer.anyIpv4(), TLS, 'AWS');
    for (const [name, from] of [['Agents', this.agents], ['Cleaner', this.cleaner]] as const) {
      from.addEgressRule(homes, NFS, 'Homes');
      homes.addIngressRule(from, NFS, name);
    }
  }
}
