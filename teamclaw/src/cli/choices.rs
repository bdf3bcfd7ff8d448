//! Options that choose one of a few words. The words stand beside the option in `--help`.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// A choice whose words are written out. clap's own derive would put the documentation of every
/// variant into `--help` and so make each option there as long as a paragraph.
macro_rules! choice {
    ($type:ident { $($variant:ident => $word:literal,)* }) => {
        impl ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$variant),*]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(PossibleValue::new(match self {
                    $(Self::$variant => $word,)*
                }))
            }
        }
    };
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

choice!(Format { Text => "text", Json => "json", });

impl Format {
    /// Whether a machine reads it.
    pub fn is_json(self) -> bool {
        self == Self::Json
    }
}

/// Where the engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// On one machine.
    #[default]
    Local,
    /// Deployed on AWS.
    Aws,
}

choice!(Backend { Local => "local", Aws => "aws", });

/// How the engine's log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

choice!(LogFormat { Text => "text", Json => "json", });

/// How to print a usage report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageFormat {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
    /// For spreadsheets: RFC 4180.
    Csv,
}

choice!(UsageFormat { Table => "table", Json => "json", Csv => "csv", });

/// What usage is added up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Person.
    #[default]
    User,
    /// Team.
    Team,
    /// Provider and model.
    Model,
    /// Provider.
    Provider,
    /// Provider and key.
    Key,
}

choice!(By {
    User => "user",
    Team => "team",
    Model => "model",
    Provider => "provider",
    Key => "key",
});

impl By {
    /// The word on the command line and in the API's query.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Team => "team",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Key => "key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::Grouping;

    #[test]
    fn a_report_is_asked_for_by_the_word_that_the_ledger_has() {
        let ledger =
            [Grouping::User, Grouping::Team, Grouping::Model, Grouping::Provider, Grouping::Key];
        assert_eq!(By::value_variants().len(), ledger.len());
        for (by, grouping) in By::value_variants().iter().zip(ledger) {
            let word = by.to_possible_value().expect("none is hidden").get_name().to_owned();
            let wire = serde_json::to_value(grouping).expect("a word");
            assert_eq!((by.name(), wire.as_str()), (word.as_str(), Some(word.as_str())));
        }
    }
}
