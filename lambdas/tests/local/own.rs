//! A function's role, held against what that function needed: without what Lambda itself does with it.

use super::calls::Calls;
use super::roles::{grants, held_against};
use super::template::Stacks;

/// What one function needed and its role does not allow; and what the role allows and it did not need,
/// but for what Lambda itself does with the role. A line each.
pub(crate) fn of_one(
    name: &str,
    environment: &aws::Environment,
    calls: &Calls,
) -> (Vec<String>, Vec<String>) {
    let text = environment.to_string();
    let role = environment.named(&format!("fn-{name}"));
    let (missing, unused) = held_against(grants(&Stacks::of(&text), &role, name), calls, &text);
    let unused = unused.iter().map(|grant| grant.line(&text));
    (missing, unused.filter(|line| !is_lambdas_own(line)).collect())
}

/// What Lambda does with a function's role before and after the function runs, as
/// infra/lib/control/platform.ts has it.
pub(crate) fn is_lambdas_own(line: &str) -> bool {
    let mut words = line.split(' ');
    let (who, action) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let on = words.next().unwrap_or_default();
    match action {
        "logs:CreateLogStream" | "logs:PutLogEvents" => {
            on == format!("log-group:/aws/lambda/tc-ENV-{who}:*")
        }
        "sqs:DeleteMessage" | "sqs:GetQueueAttributes" | "sqs:ReceiveMessage" => {
            on == format!("tc-ENV-{who}")
        }
        "sqs:SendMessage" => on == "tc-ENV-undelivered-dlq",
        "dynamodb:DescribeStream"
        | "dynamodb:GetRecords"
        | "dynamodb:GetShardIterator"
        | "dynamodb:ListStreams" => who == "sequencer",
        "ec2:CreateNetworkInterface"
        | "ec2:DeleteNetworkInterface"
        | "ec2:DescribeNetworkInterfaces"
        | "ec2:DescribeSubnets" => ["routing", "cleaner"].contains(&who),
        // It mounts with the role; no call of the program says so.
        "elasticfilesystem:ClientMount"
        | "elasticfilesystem:ClientRootAccess"
        | "elasticfilesystem:ClientWrite" => who == "cleaner",
        _ => false,
    }
}
