//! The gate between a lease and the pool: may this workspace ask for this model now, or has it used
//! up what it may? The rules are `events::limits`; here is what they are asked about.
//!
//! A workspace without limits passes without a trace. What a request uses is added when it is
//! recorded; what was used before this process began is read from the ledger, once, when a limit
//! reaches back that far. When it cannot be read, nothing passes: a limit that nobody can check is
//! not one that nobody has reached.
//!
//! Each process counts what passes it, on top of what the ledger had when it was asked. Minutes and
//! what is under way are this process's alone: a restart begins them anew.

mod budget;
mod models;
mod parts;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::WorkspaceId;
use events::limits::{Spent, UnpricedModels, Used, day_start, month_start};
use events::price::{Cost, PriceTable};
use events::usage::Tokens;
use jiff::Timestamp;
use ports::{Fault, Lease, Spending, UsageTotals};
use tokio::time::timeout;

use crate::outbox::Outbox;
use crate::providers::Provider;
use crate::refusal::{Kind, Refusal};
use budget::Budget;

pub(crate) use models::Models;

/// How many workspaces are remembered; one sidecar of one machine serves a few hundred. Who has
/// nothing under way is forgotten first, and read from the ledger anew.
const REMEMBERED_MAX: usize = 4096;
/// How long the ledger may take to say what a workspace has used.
const LEDGER_MAX: Duration = Duration::from_secs(5);

/// Lets requests through, or not.
pub(crate) struct Gate {
    totals: Arc<dyn UsageTotals>,
    prices: Arc<PriceTable>,
    /// What has ended and is not in the ledger yet.
    outbox: Outbox,
    budgets: Mutex<BTreeMap<WorkspaceId, Arc<Budget>>>,
}

/// One request that was let through, until it is dropped.
pub(crate) struct Pass(Option<Arc<Budget>>);

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(budget) = &self.0 {
            budget.spent(Spent::end);
        }
    }
}

impl Gate {
    /// A gate that asks `totals` for what was used before.
    pub(crate) fn new(
        totals: Arc<dyn UsageTotals>,
        prices: Arc<PriceTable>,
        outbox: Outbox,
    ) -> Self {
        Self { totals, prices, outbox, budgets: Mutex::default() }
    }

    /// Lets a request through that a client makes with this lease, one turn of a WebSocket
    /// included, and counts it as under way until the pass is dropped.
    ///
    /// # Errors
    /// What the client is told: the model is not allowed, a limit is used up, or nobody can say
    /// whether one is.
    pub(crate) async fn admit(
        &self,
        lease: &Lease,
        provider: &Provider,
        models: &Models,
        now: Timestamp,
    ) -> Result<Pass, Refusal> {
        let limits = &lease.limits;
        if *limits == events::Limits::default() {
            return Ok(Pass(None));
        }
        let billed = *models != Models::Unbilled;
        if billed {
            self.check_models(lease, provider, models)?;
        }
        let budget = self.budget(&lease.workspace);
        if billed && limits.reaches_back() {
            budget.known(async || self.before(&lease.workspace, now).await).await.map_err(
                |fault| {
                    tracing::warn!(%fault, "what a workspace has used could not be read");
                    Refusal::new(Kind::Unavailable, words::UNKNOWN).after(1)
                },
            )?;
        }
        let begun = budget.spent(|spent| {
            if billed {
                spent.check_usage(limits, now)?;
            }
            spent.check_requests(limits, now)?;
            spent.begin(now);
            Ok(())
        });
        begun.map_err(|exceeded| words::exceeded(exceeded, now))?;
        Ok(Pass(Some(budget)))
    }

    /// Adds what a request used that began at `started` and has been recorded.
    pub(crate) fn used(&self, id: &WorkspaceId, started: Timestamp, now: Timestamp, used: Used) {
        let budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.get(id).cloned();
        drop(budgets);
        if let Some(budget) = budget {
            budget.spent(|spent| spent.used(started, now, used));
        }
    }

    fn check_models(
        &self,
        lease: &Lease,
        provider: &Provider,
        models: &Models,
    ) -> Result<(), Refusal> {
        let limits = &lease.limits;
        let (lists, dollars) = (limits.lists_models(), prices_matter(lease, provider));
        if !lists && !dollars {
            return Ok(());
        }
        let Models::Named(names) = models else {
            return Err(Refusal::new(Kind::NotAllowed, words::UNREADABLE));
        };
        for name in names {
            if lists {
                limits
                    .allows(&provider.id, name)
                    .map_err(|why| words::not_allowed(&provider.id, name, why))?;
            }
            // What nothing costs is asked, because the answer is whether there is a price.
            let cost = self.prices.cost(&provider.id, name, &Tokens::default());
            if let (true, Cost::Unknown { why }) = (dollars, cost) {
                return Err(words::unpriced(&why, &self.prices.version));
            }
        }
        Ok(())
    }

    fn budget(&self, id: &WorkspaceId) -> Arc<Budget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get(id) {
            return Arc::clone(budget);
        }
        if budgets.len() >= REMEMBERED_MAX {
            budgets.retain(|_, budget| Arc::strong_count(budget) > 1);
        }
        Arc::clone(budgets.entry(id.clone()).or_default())
    }

    /// What a workspace has used today and this month, by the ledger once it has all that ended.
    async fn before(&self, id: &WorkspaceId, now: Timestamp) -> Result<Before, Fault> {
        let read = async {
            self.outbox.flush().await;
            let today = self.totals.total(id, day_start(now)).await?;
            let month = self.totals.total(id, month_start(now)).await?;
            Ok(Before { at: now, today: used(&today), month: used(&month) })
        };
        let late = |_| Fault::unavailable("the usage ledger", "it did not answer in time");
        timeout(LEDGER_MAX, read).await.map_err(late)?
    }
}

/// What the ledger knows of one workspace at one time.
struct Before {
    at: Timestamp,
    today: Used,
    month: Used,
}

fn used(total: &Spending) -> Used {
    let pico_dollars = u128::try_from(total.pico_dollars).unwrap_or(0);
    Used { tokens: total.input.saturating_add(total.output), pico_dollars }
}

/// Whether a model without a price must be kept out. Who states the cost itself needs no table, and
/// a subscription has no cost by the token.
fn prices_matter(lease: &Lease, provider: &Provider) -> bool {
    let allowed = lease.limits.unpriced_models == Some(UnpricedModels::Allow);
    let by_table = provider.own_cost().is_none() && !provider.subscription();
    lease.limits.limits_dollars() && by_table && !allowed
}

#[cfg(test)]
mod tests;
