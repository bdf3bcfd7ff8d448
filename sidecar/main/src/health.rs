//! `--health`: whether the sidecar at an address answers, for an image that has no other program
//! to ask it with.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::settings::Problem;

/// How long each step may take. It listens on this machine, and answers without asking anybody.
const STEP_MAX: Duration = Duration::from_secs(2);

/// Asks for nothing in particular: any answer over HTTP is good.
///
/// # Errors
/// There is none.
pub(crate) fn ask(listen: SocketAddr) -> Result<(), Problem> {
    let place = reachable(listen);
    let bad = |error: std::io::Error| Problem::new(format!("{place} does not answer"), error);
    let mut stream = TcpStream::connect_timeout(&place, STEP_MAX).map_err(bad)?;
    stream.set_read_timeout(Some(STEP_MAX)).map_err(bad)?;
    stream.set_write_timeout(Some(STEP_MAX)).map_err(bad)?;
    let request = format!("GET / HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(bad)?;
    let mut begun = [0; 5];
    stream.read_exact(&mut begun).map_err(bad)?;
    if begun != *b"HTTP/" {
        return Err(Problem::new(format!("{place} does not answer"), "it speaks no HTTP"));
    }
    Ok(())
}

/// Who listens on every address is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => listen.ip(),
    };
    SocketAddr::new(ip, listen.port())
}
