//! What EFS's own errors mean (efs/latest/ug/API_CreateAccessPoint). Pure.

use ports::Fault;

use crate::error::Said;

/// The service, as an operator knows it.
pub(super) const SERVICE: &str = "EFS";

/// An error of EFS.
pub(super) fn sort(said: Said) -> Fault {
    match said.code.as_str() {
        "AccessPointLimitExceeded" => Fault::NoCapacity {
            what: "EFS access points",
            words: "the file system has as many as it can; ask AWS for a higher quota".to_owned(),
        },
        "IncorrectFileSystemLifeCycleState" | "DependencyTimeout" => {
            Fault::unavailable(SERVICE, format!("{}: {}", said.code, said.words))
        }
        _ => said.fault(SERVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_system_is_told_from_a_busy_one() {
        let said = |status, code: &str| Said { code: code.to_owned(), status, ..Said::default() };
        assert!(matches!(sort(said(403, "AccessPointLimitExceeded")), Fault::NoCapacity { .. }));
        let busy = sort(said(409, "IncorrectFileSystemLifeCycleState"));
        assert!(matches!(busy, Fault::Unavailable { .. }));
        assert!(matches!(sort(said(404, "FileSystemNotFound")), Fault::Nonsense { .. }));
        assert!(matches!(sort(said(429, "TooManyRequests")), Fault::Throttled { .. }));
        assert!(matches!(sort(said(500, "InternalServerError")), Fault::Unavailable { .. }));
    }
}
