//! Which alarms of one environment ring.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use ports::Fault;

use crate::Environment;
use crate::error::fault;

/// The service, as an operator knows it.
const SERVICE: &str = "CloudWatch";

/// An alarm that rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it is about, as the stacks describe it.
    pub about: String,
    /// Why it rings, in CloudWatch's words.
    pub why: String,
}

/// Those in the state ALARM whose name begins as everything of the environment does.
///
/// # Errors
/// CloudWatch does not answer, or the credentials may not ask.
pub async fn ringing(client: &Client, environment: &Environment) -> Result<Vec<Alarm>, Fault> {
    let asked = client
        .describe_alarms()
        .alarm_name_prefix(environment.named(""))
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .state_value(StateValue::Alarm);
    let mut pages = asked.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(SERVICE, &error))?;
        for alarm in page.metric_alarms() {
            let told = [alarm.alarm_name(), alarm.alarm_description(), alarm.state_reason()];
            found.push(of(told));
        }
        for alarm in page.composite_alarms() {
            let told = [alarm.alarm_name(), alarm.alarm_description(), alarm.state_reason()];
            found.push(of(told));
        }
    }
    Ok(found)
}

fn of(told: [Option<&str>; 3]) -> Alarm {
    let [name, about, why] = told.map(|text| text.unwrap_or_default().to_owned());
    Alarm { name, about, why }
}
