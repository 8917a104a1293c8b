//! Gets to a server that answers: by adopting the one that runs, or by starting one, patiently where an earlier one is not quite gone.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use tracing::{info, warn};

use super::command::program;
use super::error::ClusterError;
use super::log::ServerLog;
use super::pidfile::PidFile;
use super::place::Place;
use super::postmaster::{Postmaster, PostmasterGone};
use super::server::{Address, Answer, probe};

/// For everything, crash recovery included: with `max_wal_size` of 1 GB that takes seconds, on an SD card a minute.
const READY_LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(25);
/// A process that has a postmaster's pid and says nothing for so long is something else: PostgreSQL then decides.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
/// Backends of a killed postmaster notice its end between two statements.
const HELD_LIMIT: Duration = Duration::from_mins(1);
const HELD_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// Between our choice of a free port and the server's bind somebody else may take it.
const PORT_TRIES: u32 = 5;
/// A server that is about to fail to bind its port says so at once.
const BIND_FAILURE: Duration = Duration::from_secs(2);

/// What a queue needs that loses nothing. The first three are PostgreSQL's defaults, stated because everything rests on them.
const SETTINGS: &[&str] = &[
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    // Small boards run coordinators too; the tables in use fit.
    "shared_buffers=128MB",
    "max_connections=50",
    "max_wal_size=1GB",
    // Queue rows are updated over and over: vacuum early.
    "autovacuum_vacuum_scale_factor=0.05",
    // A client that forgot its transaction must not stop vacuum or hold a lease's row.
    "idle_in_transaction_session_timeout=10s",
    // All queries are short: compiling them costs more than it gains.
    "jit=off",
    "password_encryption=scram-sha-256",
    "timezone=UTC",
    "log_timezone=UTC",
    // To stderr, which is our file.
    "logging_collector=off",
    "log_destination=stderr",
];

pub(super) struct Startup<'a> {
    pub(super) place: &'a Place,
    pub(super) log: &'a ServerLog,
    pub(super) password: &'a str,
}

enum Launched {
    Ready(Postmaster),
    /// Something of an earlier server is still there: its process, its memory or its socket's lock.
    StillHeld(String),
    PortTaken(String),
}

impl Startup<'_> {
    /// `port` is the one to try first where a loopback port is needed: that of the server before, which clients know.
    pub(super) async fn run(&self, port: Option<u16>) -> Result<Postmaster, ClusterError> {
        let offset = self.log.size();
        tokio::time::timeout(READY_LIMIT, self.adopt_or_launch(port)).await.unwrap_or_else(|_| {
            Err(ClusterError::NotReady {
                waited_s: READY_LIMIT.as_secs(),
                evidence: self.log.evidence_since(offset),
                log: self.log.path().to_owned(),
            })
        })
    }

    async fn adopt_or_launch(&self, mut port: Option<u16>) -> Result<Postmaster, ClusterError> {
        let (mut backoff, longest) = HELD_BACKOFF;
        let mut held = Duration::ZERO;
        let mut ports = 0;
        loop {
            if let Some(postmaster) = self.adopt().await? {
                return Ok(postmaster);
            }
            match self.launch(port).await? {
                Launched::Ready(postmaster) => return Ok(postmaster),
                Launched::StillHeld(evidence) => {
                    if held >= HELD_LIMIT {
                        let log = self.log.path().to_owned();
                        return Err(ClusterError::StillHeld { directory: self.place.data(), evidence, log });
                    }
                    warn!(%evidence, "waiting for what is left of an earlier PostgreSQL");
                    tokio::time::sleep(backoff).await;
                    held += backoff;
                    backoff = longest.min(backoff * 2);
                }
                Launched::PortTaken(evidence) => {
                    ports += 1;
                    if ports == PORT_TRIES {
                        return Err(self.failed("no free port".to_owned(), evidence));
                    }
                    port = None;
                }
            }
        }
    }

    /// The server that already runs on this cluster, once it is ready. `None` if there is none, or it has just ended.
    async fn adopt(&self) -> Result<Option<Postmaster>, ClusterError> {
        let data = self.place.data();
        let mut silence = Duration::ZERO;
        while let Some(running) = PidFile::read(&data)?.filter(PidFile::is_current) {
            let answer = match &running.address {
                Some(address) => probe(address, self.password, &data).await,
                // It does not listen yet.
                None => Answer::Nothing,
            };
            match (answer, running.address.clone()) {
                (Answer::Ready, Some(address)) => {
                    info!(pid = running.pid, "adopted the PostgreSQL of an earlier coordinator");
                    return Ok(Some(Postmaster::adopted(address, running)));
                }
                (Answer::Stranger(evidence), _) => return Err(ClusterError::Stranger { directory: data, evidence }),
                (Answer::NotNow, _) => silence = Duration::ZERO,
                (Answer::Nothing | Answer::Ready, _) if silence >= SILENCE_LIMIT => return Ok(None),
                (Answer::Nothing | Answer::Ready, _) => silence += POLL,
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(None)
    }

    async fn launch(&self, port: Option<u16>) -> Result<Launched, ClusterError> {
        let address = self.address(port)?;
        let offset = self.log.size();
        let mut postmaster = self.spawn(address)?;
        loop {
            if let Some(gone) = postmaster.ended() {
                return self.explain(gone, offset);
            }
            match probe(&postmaster.address, self.password, &self.place.data()).await {
                Answer::Ready => return Ok(Launched::Ready(postmaster)),
                // Somebody else's server on the port that we chose, if ours ends now; a changed password, if it does not.
                Answer::Stranger(evidence) => match tokio::time::timeout(BIND_FAILURE, postmaster.watch()).await {
                    Ok(gone) => return self.explain(gone, offset),
                    Err(_) => return Err(ClusterError::Stranger { directory: self.place.data(), evidence }),
                },
                Answer::NotNow | Answer::Nothing => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// A socket wherever its path fits: nobody else can even try to connect to it.
    fn address(&self, port: Option<u16>) -> Result<Address, ClusterError> {
        let directory = self.place.socket_directory();
        if let Some(address) = Address::socket(&directory) {
            self.place.create_private(&directory)?;
            return Ok(address);
        }
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = match port {
            Some(port) => port,
            None => free().map_err(ClusterError::io("find a free port for", &directory))?.port(),
        };
        Ok(Address::Loopback { port })
    }

    fn spawn(&self, address: Address) -> Result<Postmaster, ClusterError> {
        let no_program = |source: io::Error| ClusterError::NoProgram {
            bin_dir: self.place.bin_dir.clone(),
            program: "postgres",
            source,
        };
        let (stdout, stderr) = (self.log.open()?, self.log.open()?);
        let child = program(&self.place.bin_dir.join("postgres"), self.place.owner)
            .arg("-D")
            .arg(self.place.data())
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args(listening(&address))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(no_program)?;
        Ok(Postmaster::child(address, child))
    }

    /// What the end of a server that was never ready means.
    fn explain(&self, gone: PostmasterGone, offset: u64) -> Result<Launched, ClusterError> {
        let evidence = self.log.evidence_since(offset);
        let still_held = (evidence.contains("lock file") && evidence.contains("already exists"))
            || evidence.contains("pre-existing shared memory block");
        if still_held {
            Ok(Launched::StillHeld(evidence))
        } else if evidence.contains("could not create any TCP/IP sockets") {
            Ok(Launched::PortTaken(evidence))
        } else {
            Err(self.failed(gone.to_string(), evidence))
        }
    }

    fn failed(&self, status: String, evidence: String) -> ClusterError {
        ClusterError::Start { status, evidence, log: self.log.path().to_owned() }
    }
}

fn listening(address: &Address) -> Vec<OsString> {
    let (addresses, port, directories) = match address {
        Address::Socket { directory, port } => ("", *port, quoted(directory)),
        Address::Loopback { port } => ("127.0.0.1", *port, OsString::new()),
    };
    let mut sockets = OsString::from("unix_socket_directories=");
    sockets.push(directories);
    let settings = [format!("listen_addresses={addresses}").into(), format!("port={port}").into(), sockets];
    settings.into_iter().flat_map(|setting| [OsString::from("-c"), setting]).collect()
}

/// The setting is a list: in quotes, with those inside doubled, commas and blanks belong to the name.
fn quoted(directory: &Path) -> OsString {
    let mut bytes = vec![b'"'];
    for byte in directory.as_os_str().as_bytes() {
        bytes.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    bytes.push(b'"');
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_directory_name_stays_one_name() {
        assert_eq!(quoted(Path::new("/a, b/\"c\"")), "\"/a, b/\"\"c\"\"\"");
    }

    #[test]
    fn the_server_listens_on_the_socket_or_on_loopback_only() {
        let socket = listening(&Address::Socket { directory: "/d".into(), port: 5432 });
        assert_eq!(socket, ["-c", "listen_addresses=", "-c", "port=5432", "-c", "unix_socket_directories=\"/d\""]);
        let loopback = listening(&Address::Loopback { port: 4000 });
        assert_eq!(loopback, ["-c", "listen_addresses=127.0.0.1", "-c", "port=4000", "-c", "unix_socket_directories="]);
    }
}
