//! Whether the credentials and the quotas of an account are enough for what is planned.
//!
//! The codes are those of Service Quotas; defaults are from each service's page of quotas
//! (docs.aws.amazon.com/general/latest/gr/aws-service-information.html).

use super::{Finding, Level, Seen};
use crate::estimate::PEOPLE_A_CELL;

/// What is planned.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// People, all awake at once.
    pub users: u32,
    /// vCPUs of a task.
    pub vcpu: u32,
    /// How many of a hundred tasks run on Spot.
    pub spot: u32,
}

/// One quota, and how much of it is needed.
#[derive(Debug)]
pub struct Need {
    /// What is counted.
    pub what: &'static str,
    /// Whose it is, as Service Quotas calls it.
    pub service: &'static str,
    /// Its code.
    pub code: &'static str,
    /// Whether it is one for all regions, and asked in us-east-1.
    pub global: bool,
    /// What happens beyond it.
    pub beyond: &'static str,
    amount: fn(&Plan) -> u32,
}

impl Need {
    /// How many a plan needs; 0 when it needs none.
    pub fn of(&self, plan: &Plan) -> u32 {
        (self.amount)(plan)
    }
}

/// The router's tasks, on demand whatever agents run on: two of half a vCPU, and two more while a new
/// version takes over.
const ROUTER_VCPUS: u32 = 2;
/// Interfaces of everything that is no agent: routers, functions, endpoints, gateways, mount targets.
const OTHER_INTERFACES: u32 = 60;
/// Roles of everything that is no agent.
const OTHER_ROLES: u32 = 40;
/// What the functions take while nobody comes: each by the minute, a queue's five pollers each.
const QUIET_CONCURRENCY: u32 = 50;
/// Of the people who come in one minute, who is asking how far it is at one moment: they ask each
/// second or two, and an answer takes less than a tenth of one.
const PEOPLE_A_CONCURRENCY: u32 = 20;
/// Without so many no function can be kept to one at a time, as `renewal` is: Lambda keeps a hundred for
/// those that are not (docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html). New accounts
/// may have ten.
const LEAST_CONCURRENCY: u32 = 101;

/// Everything that is asked of Service Quotas.
pub const NEEDS: [Need; 5] = [
    Need {
        what: "vCPUs of Fargate on demand",
        service: "fargate",
        code: "L-3032A538",
        global: false,
        beyond: "starts wait for others to stop",
        amount: |plan| on_demand(plan).saturating_mul(plan.vcpu).saturating_add(ROUTER_VCPUS),
    },
    Need {
        what: "vCPUs of Fargate Spot",
        service: "fargate",
        code: "L-36FBB829",
        global: false,
        beyond: "starts wait for others to stop",
        amount: |plan| (plan.users - on_demand(plan)).saturating_mul(plan.vcpu),
    },
    Need {
        what: "network interfaces",
        service: "vpc",
        code: "L-DF5E4CA3",
        global: false,
        beyond: "starts are refused",
        amount: |plan| plan.users.saturating_add(OTHER_INTERFACES),
    },
    Need {
        what: "IAM roles",
        service: "iam",
        code: "L-FE177D64",
        global: true,
        beyond: "nobody new can be given an agent",
        amount: |plan| plan.users.saturating_add(OTHER_ROLES),
    },
    Need {
        what: "Lambda functions at once",
        service: "lambda",
        code: "L-B99A9384",
        global: false,
        beyond: "steps wait, pages of people who wait fail, and under 101 no functions are deployed",
        amount: |plan| {
            let busy = QUIET_CONCURRENCY.saturating_add(plan.users / PEOPLE_A_CONCURRENCY);
            busy.max(LEAST_CONCURRENCY)
        },
    },
];

fn on_demand(plan: &Plan) -> u32 {
    let share = u64::from(100 - plan.spot.min(100));
    let count = (u64::from(plan.users) * share).div_ceil(100);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What an account is and may have.
#[derive(Debug)]
pub struct Account {
    /// Whose the credentials are.
    pub identity: Seen<String>,
    /// Where.
    pub region: Option<String>,
    /// The quotas in force; none where there is no such quota.
    pub quotas: Vec<(&'static Need, Seen<Option<f64>>)>,
}

impl Default for Account {
    fn default() -> Self {
        Self { identity: Err("nobody looked".to_owned()), region: None, quotas: Vec::new() }
    }
}

impl Account {
    /// What is to be said of it.
    pub fn findings(&self, plan: &Plan) -> Vec<Finding> {
        let region = self.region.as_deref().unwrap_or("no region");
        let mut found = vec![match &self.identity {
            Ok(who) => Finding::good(format!("credentials: {who}, {region}")),
            Err(why) => {
                let do_this = "set AWS_PROFILE or AWS_ACCESS_KEY_ID, and AWS_REGION";
                Finding::new(Level::Bad, format!("credentials: none, {region}"), why, do_this)
            }
        }];
        found.extend(cells(plan));
        found.extend(self.quotas.iter().map(|(need, seen)| quota(need, seen, plan)));
        found
    }
}

/// EFS has no such quota to ask for: 10,000 access points a file system
/// (docs.aws.amazon.com/efs/latest/ug/limits.html), far above a cell.
fn cells(plan: &Plan) -> Option<Finding> {
    (plan.users > PEOPLE_A_CELL).then(|| {
        let what = format!("people: {} are more than the {PEOPLE_A_CELL} of a cell", plan.users);
        let why = "an account and region has no room for more: IAM knows 5,000 roles at the most";
        let cells = plan.users.div_ceil(PEOPLE_A_CELL);
        Finding::new(
            Level::Bad,
            what,
            why,
            format!("plan {cells} environments, each its own account"),
        )
    })
}

fn quota(need: &Need, seen: &Seen<Option<f64>>, plan: &Plan) -> Finding {
    let Need { what, service, code, beyond, .. } = need;
    let needed = need.of(plan);
    match seen {
        Ok(Some(has)) if *has >= f64::from(needed) => {
            Finding::good(format!("quota: {what}: {has}, {needed} are needed"))
        }
        Ok(Some(has)) => {
            let region = if need.global { " --region us-east-1" } else { "" };
            let do_this = format!(
                "aws service-quotas request-service-quota-increase --service-code {service} \
                 --quota-code {code} --desired-value {needed}{region}"
            );
            let what = format!("quota: {what}: {has}, {needed} are needed for {}", plan.users);
            Finding::new(Level::Bad, what, format!("beyond it {beyond}"), do_this)
        }
        Ok(None) => {
            let why = format!("Service Quotas knows no {service} {code} here");
            let do_this = format!("see in the console that it is at least {needed}");
            Finding::new(Level::Unknown, format!("quota: {what}"), why, do_this)
        }
        Err(why) => {
            let do_this = "allow servicequotas:GetServiceQuota and GetAWSDefaultServiceQuota";
            Finding::new(Level::Unknown, format!("quota: {what}"), why, do_this)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan { users: 1_000, vcpu: 1, spot: 30 };

    fn needed(plan: &Plan) -> Vec<u32> {
        NEEDS.iter().map(|need| need.of(plan)).collect()
    }

    #[test]
    fn what_is_needed_follows_from_the_plan() {
        assert_eq!(needed(&PLAN), [702, 300, 1_060, 1_040, 101]);
        assert_eq!(needed(&Plan { users: 1, vcpu: 2, spot: 0 }), [4, 0, 61, 41, 101]);
        assert_eq!(needed(&Plan { users: 3, vcpu: 1, spot: 100 }), [2, 3, 63, 43, 101]);
        assert_eq!(needed(&Plan { users: 5_000, ..PLAN })[4], 300);
        let most = Plan { users: u32::MAX, vcpu: 16, spot: 50 };
        assert!(needed(&most).iter().all(|need| *need > 1_000), "{:?}", needed(&most));
    }

    #[test]
    fn a_new_accounts_six_vcpus_are_not_enough_and_the_command_to_mend_it_is_told() {
        let found = quota(&NEEDS[0], &Ok(Some(6.0)), &PLAN);
        assert_eq!(found.level, Level::Bad);
        assert!(found.do_this.contains("--quota-code L-3032A538 --desired-value 702"), "{found:?}");
        let global = quota(&NEEDS[3], &Ok(Some(1_000.0)), &PLAN);
        assert!(global.do_this.ends_with("--region us-east-1"), "{global:?}");
    }

    #[test]
    fn a_quota_is_judged_or_said_to_be_unseen() {
        let level = |seen| quota(&NEEDS[0], &seen, &PLAN).level;
        assert_eq!(level(Ok(Some(702.0))), Level::Good);
        assert_eq!(level(Ok(Some(701.9))), Level::Bad);
        assert_eq!(level(Ok(None)), Level::Unknown);
        assert_eq!(level(Err("denied".to_owned())), Level::Unknown);
    }

    #[test]
    fn more_people_than_a_cell_has_room_for_are_no_matter_of_quotas() {
        let bad = |users| {
            let account = Account { identity: Ok("x".into()), ..Account::default() };
            let found = account.findings(&Plan { users, ..PLAN });
            found.iter().filter(|finding| finding.level == Level::Bad).count()
        };
        assert_eq!((bad(4_000), bad(4_001)), (0, 1));
    }

    #[test]
    fn without_credentials_nothing_else_is_said() {
        let found = Account::default().findings(&PLAN);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, Level::Bad);
    }
}
