//! The promises of every compute and of every place for homes, held by processes and directories.

mod rig;

mod compute {
    use super::rig::{Rig, SERVER};

    ports::compute_conformance!(Rig::new(SERVER));
}

mod homes {
    use super::rig::{Rig, SERVER};

    ports::homes_conformance!(Rig::new(SERVER));
}
