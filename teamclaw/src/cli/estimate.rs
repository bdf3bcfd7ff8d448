//! The options of `teamclaw estimate`.

use clap::Args;

use super::{UsageFormat, examples};

/// The most people that an estimate is for: a thousand cells.
const USERS_MAX: i64 = 4_000_000;

/// `teamclaw estimate`.
#[derive(Args)]
#[command(after_help = examples::ESTIMATE)]
pub struct EstimateArgs {
    /// How many people; several numbers, separated by commas, are put side by side
    #[arg(long, value_name = "N", value_delimiter = ',', required = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=USERS_MAX))]
    pub users: Vec<u32>,
    /// Hours of use a person and working day
    #[arg(long, value_name = "H", default_value = "6", value_parser = hours)]
    pub hours: f64,
    /// Working days a month
    #[arg(long, value_name = "N", default_value = "21", value_parser = days)]
    pub days: f64,
    /// How often a working day an agent is woken
    #[arg(long, value_name = "N", default_value = "2", value_parser = amount)]
    pub starts: f64,
    /// Model calls an hour of use
    #[arg(long, value_name = "N", default_value = "60", value_parser = amount)]
    pub calls: f64,
    /// Gigabytes in a home
    #[arg(long, value_name = "GB", default_value = "1", value_parser = amount)]
    pub home: f64,
    /// vCPUs of a task
    #[arg(long, value_name = "N", default_value = "1", value_parser = amount)]
    pub vcpu: f64,
    /// Gigabytes of memory of a task
    #[arg(long, value_name = "GB", default_value = "2", value_parser = amount)]
    pub memory: f64,
    /// How many of a hundred tasks run on Spot, which AWS may take back
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    pub spot: f64,
    /// Reach AWS from the network by the NAT gateways alone
    #[arg(long)]
    pub no_endpoints: bool,
    /// Say below each line how it comes about
    #[arg(long)]
    pub explain: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: UsageFormat,
}

fn hours(text: &str) -> Result<f64, String> {
    within(text, 24.0)
}

fn days(text: &str) -> Result<f64, String> {
    within(text, 31.0)
}

fn percent(text: &str) -> Result<f64, String> {
    within(text, 100.0)
}

fn amount(text: &str) -> Result<f64, String> {
    within(text, 100_000.0)
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|number| (0.0..=most).contains(number));
    number.ok_or_else(|| format!("use a number from 0 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_finite_and_within_its_bounds() {
        assert_eq!(hours("7.5"), Ok(7.5));
        assert_eq!(percent("100"), Ok(100.0));
        for bad in ["", "-1", "24.1", "NaN", "inf", "x"] {
            assert!(hours(bad).is_err(), "{bad}");
        }
    }
}
