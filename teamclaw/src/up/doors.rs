//! Where the machine listens, and the files that say so. It serves nothing itself.

use std::net::SocketAddr;
use std::path::Path;

use events::Secret;
use tokio::net::TcpListener;

use super::settings::Settings;
use crate::problem::Problem;
use crate::target::{OPERATOR_FILE, OperatorFile};

/// The file in which the sidecar's port is kept: agents that outlive the engine know it.
const SIDECAR_PORT_FILE: &str = "sidecar.port";

/// Listens at an address; `flag` is how to choose another, if one can.
pub(super) async fn bind(
    address: SocketAddr,
    what: &str,
    flag: &str,
) -> Result<TcpListener, Problem> {
    TcpListener::bind(address).await.map_err(|error| {
        let do_this = if flag.is_empty() {
            "try again".to_owned()
        } else {
            format!("end what listens there, or choose another address with {flag}")
        };
        Problem::new(format!("{what} cannot listen on {address}"), error.to_string(), do_this)
    })
}

/// Takes the port that the sidecar had last time, because agents that outlived the engine call it
/// there; the first time any below the range that outgoing connections are given.
pub(super) async fn sidecar_listener(
    data_dir: &Path,
) -> Result<(TcpListener, SocketAddr), Problem> {
    let file = data_dir.join(SIDECAR_PORT_FILE);
    let known = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let wanted = known.unwrap_or(0_u16);
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], wanted)), "the sidecar", "").await;
    let listener = listener.map_err(|problem| {
        let do_this = format!(
            "end what listens on port {wanted}, or remove {} once no agent of before runs",
            file.display()
        );
        Problem { do_this, ..problem }
    })?;
    let address = listener.local_addr().map_err(|error| no_address(&error))?;
    if known != Some(address.port()) {
        // In one move: on a full disk a half-written file would forget the port that agents know.
        let fresh = file.with_extension("port.new");
        std::fs::write(&fresh, address.port().to_string())
            .and_then(|()| std::fs::rename(&fresh, &file))
            .map_err(|error| {
                Problem::new(
                    format!("{} cannot be written", file.display()),
                    error.to_string(),
                    "make room, or check the directory's owner",
                )
            })?;
    }
    Ok((listener, address))
}

/// Where the sidecar's metrics are read, if anywhere: never at a port that agents may connect to.
pub(super) async fn metrics_listener(
    settings: &Settings,
    outward_ports: &[u16],
) -> Result<Option<TcpListener>, Problem> {
    let Some(metrics) = &settings.metrics else { return Ok(None) };
    if outward_ports.contains(&metrics.listen.port()) {
        let why = format!("agents may connect to port {} on any machine", metrics.listen.port());
        return Err(Problem::new(
            "metrics cannot be served there",
            why,
            "choose another port in [metrics] of the configuration",
        ));
    }
    let listener = bind(metrics.listen, "metrics", "listen in [metrics]").await?;
    let address = listener.local_addr().map_err(|error| no_address(&error))?;
    tracing::info!("metrics are read at http://{address}/metrics");
    Ok(Some(listener))
}

/// Under which origins people reach the front door; the first is the one that they are told.
pub(super) fn origins(settings: &Settings, address: SocketAddr) -> Vec<String> {
    let mut origins = settings.origins.clone();
    origins.push(format!("http://{address}"));
    if address.ip().is_loopback() {
        origins.push(format!("http://localhost:{}", address.port()));
    }
    origins
}

/// Writes where the engine is, and the token for it, for the commands to find.
pub(super) fn write_operator_file(
    data_dir: &Path,
    url: &str,
    token: &Secret,
) -> Result<(), Problem> {
    let content = OperatorFile { url: url.to_owned(), token: token.expose().to_owned() };
    let text = serde_json::to_string(&content).map_err(|error| Problem::bug(error.to_string()))?;
    write_private(&data_dir.join(OPERATOR_FILE), &text)
}

/// Writes a file that nobody but its owner can read, in place of an older one.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Problem> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let write = || {
        let _ = std::fs::remove_file(path);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error: std::io::Error| {
        Problem::new(
            format!("{} cannot be written", path.display()),
            error.to_string(),
            "check the directory's owner and space",
        )
    })
}

/// A listener that does not know where it listens.
pub(super) fn no_address(error: &std::io::Error) -> Problem {
    Problem::new("a listener has no address", error.to_string(), "try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sidecar_keeps_its_port_and_does_not_put_the_file_that_holds_it_at_risk() {
        let data = std::env::temp_dir().join(format!("teamclaw-doors-{}", std::process::id()));
        std::fs::create_dir_all(&data).expect("made");
        let (first, address) = sidecar_listener(&data).await.expect("a port");
        drop(first);
        let file = data.join(SIDECAR_PORT_FILE);
        // A full disk empties a file that is written anew, so one that is right is left alone.
        std::fs::write(&file, format!("{}\n", address.port())).expect("written");
        let (_again, same) = sidecar_listener(&data).await.expect("the same port");
        assert_eq!(same, address);
        let text = std::fs::read_to_string(&file).expect("read");
        assert_eq!(text, format!("{}\n", address.port()), "it was written again");
        std::fs::remove_dir_all(&data).expect("removed");
    }
}
