// How many addresses a zone needs: pure. Each task has a network interface and an address of its own,
// so people, not traffic, size the network.

/** AWS keeps five addresses of each subnet (vpc/latest/userguide/subnet-sizing.html). */
const KEPT_BY_AWS = 5;
/** A restart has the old task and the new for a while. */
const OVERLAP = 1.25;
/** Router, functions in the network, endpoints, mount targets. */
const OURS = 64;
/** The widest subnet that fits a /16 three times beside the public ones. */
export const PRIVATE_MASK_WIDEST = 18;
/** A public subnet holds the load balancer (which wants eight free) and a NAT gateway. */
export const PUBLIC_MASK = 26;

/** The addresses that one zone's private subnet must have: with one zone lost the others hold everybody. */
export function addressesPerZone(planned: { users: number; zones: number }): number {
  return Math.ceil((planned.users * OVERLAP) / (planned.zones - 1)) + OURS + KEPT_BY_AWS;
}

/** The mask of a private subnet, at least a /24. */
export function privateMask(planned: { users: number; zones: number }): number {
  return Math.min(24, 32 - Math.ceil(Math.log2(addressesPerZone(planned))));
}
