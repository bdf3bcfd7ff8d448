//! What AWS asks, from the dated table in `data/aws-prices.json`: each price with the page that sets
//! it, the page where it was read, and when that was true. Free tiers are left out.

use serde::Deserialize;

use crate::problem::Problem;

/// The table as it is committed.
const TABLE: &str = include_str!("../../data/aws-prices.json");

/// Every price that an estimate needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    /// Where.
    pub region: String,
    /// In which money; an estimate is in the same.
    pub currency: String,
    /// When the table was made.
    pub as_of: String,
    /// What.
    pub prices: Prices,
}

/// One price: so much for `per` units.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Price {
    /// Dollars.
    pub usd: f64,
    /// For how many units.
    pub per: f64,
    /// What the unit is.
    pub unit: String,
    /// The page of AWS that sets it.
    pub source: String,
    /// Where it was read, if not there.
    pub read_at: String,
    /// When it was so, as a year and a month.
    pub as_of: String,
}

impl Price {
    /// What so many units cost, in dollars.
    pub fn of(&self, units: f64) -> f64 {
        units / self.per * self.usd
    }
}

macro_rules! prices {
    ($($name:ident,)*) => {
        /// The prices by name; what each is for stands in the table.
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[allow(missing_docs, reason = "the table has the words")]
        pub struct Prices { $(pub $name: Price,)* }

        impl Prices {
            /// All of them.
            pub fn all(&self) -> Vec<(&'static str, &Price)> {
                vec![$((stringify!($name), &self.$name),)*]
            }
        }
    };
}

prices! {
    fargate_vcpu_hour, fargate_gb_hour, fargate_spot_share,
    efs_gb_month, efs_read_gb, efs_write_gb,
    sqs_requests, sqs_fair_requests, lambda_requests, lambda_gb_seconds,
    dynamo_writes, dynamo_reads, dynamo_gb_month, dynamo_backup_gb_month,
    bus_events, pipe_events, archive_gb, schedules,
    secret_month, secret_calls, key_month, key_requests,
    alb_hour, alb_lcu_hour, address_hour, nat_hour, nat_gb, endpoint_hour, endpoint_gb,
    cloudfront_gb, cloudfront_requests, api_requests,
    log_gb, alarm_month, metric_month, dashboard_month,
    firehose_gb, s3_gb_month,
}

/// The committed table.
///
/// # Errors
/// It is broken, which a test rules out.
pub fn built_in() -> Result<Table, Problem> {
    serde_json::from_str(TABLE).map_err(|error| Problem::bug(format!("the prices: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_has_a_page_of_aws_and_a_month() {
        let table = built_in().expect("a sound table");
        assert_eq!(table.currency, "USD");
        for (name, price) in table.prices.all() {
            assert!(price.usd > 0.0 && price.per >= 1.0, "{name}");
            assert!(price.source.starts_with("https://aws.amazon.com/"), "{name}");
            assert!(!price.read_at.is_empty() && !price.unit.is_empty(), "{name}");
            let month = format!("{}-01", price.as_of);
            assert!(month.parse::<jiff::civil::Date>().is_ok(), "{name}: {}", price.as_of);
        }
    }
}
