//! A farm of real processes for one test: a coordinator with its private PostgreSQL, and agents. Ends with the test.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use domain::{Clock as _, SystemClock};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;
use toolchain::{Package, Source, Toolchain};

/// Long enough for the slowest thing a test waits for on a loaded machine; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The managed toolchain all tests share, below `target`, installed by whoever comes first.
pub(crate) fn tools() -> &'static Toolchain {
    static TOOLS: OnceLock<Toolchain> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let toolchain = Toolchain::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchain"));
        for package in Package::ALL {
            toolchain.install(package, &Source::pip(), &mut |_| {}).expect("the toolchain can be installed");
        }
        toolchain
    })
}

fn installed(package: Package) -> toolchain::Installed {
    tools().installed(package).expect("a readable toolchain").expect("installed by tools()")
}

/// The library all tests share.
pub(crate) fn onnxruntime() -> PathBuf {
    installed(Package::OnnxRuntime).library().expect("ONNX Runtime")
}

/// `furlong`, with nothing of this process's environment that could change what it does.
pub(crate) fn furlong() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_furlong"));
    for name in ["DATABASE_URL", "FURLONG_COORDINATOR", "FURLONG_DATA_DIR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A directory that PostgreSQL's own user can enter too.
pub(crate) fn public_tempdir() -> TempDir {
    let directory = tempfile::Builder::new().prefix("furlong-e2e-").tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("our own directory");
    directory
}

pub(crate) struct Farm {
    pub(crate) directory: TempDir,
    pub(crate) uri: String,
    coordinator: Option<Child>,
    agents: Vec<(String, Child)>,
}

impl Farm {
    /// A coordinator without agents, with short heartbeats so that silence is noticed soon.
    pub(crate) fn start() -> Self {
        let mut farm = Self { directory: public_tempdir(), uri: String::new(), coordinator: None, agents: Vec::new() };
        farm.start_coordinator();
        farm
    }

    pub(crate) fn with_agent(name: &str) -> Self {
        let mut farm = Self::start();
        farm.start_agent(name, &[]);
        farm
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Starts the coordinator, on its former port if it had one.
    pub(crate) fn start_coordinator(&mut self) {
        let listen = if self.uri.is_empty() { "127.0.0.1:0" } else { self.uri.trim_start_matches("http://") };
        let log = self.log("coordinator.log");
        let mut child = furlong()
            .args(["coordinator", "--listen", listen, "--heartbeat", "1", "--lease", "3"])
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--postgres-bin")
            .arg(installed(Package::PostgreSql).bin_dir().expect("PostgreSQL"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the coordinator starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a readable pipe");
        let Some(uri) = line.trim().strip_prefix("listening on ") else {
            panic!("the coordinator said {line:?}; its log:\n{}", self.read_log("coordinator.log"));
        };
        uri.clone_into(&mut self.uri);
        self.coordinator = Some(child);
    }

    pub(crate) fn start_agent(&mut self, name: &str, labels: &[&str]) {
        let flags: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
        self.start_agent_with(name, &flags);
    }

    /// With further flags.
    pub(crate) fn start_agent_with(&mut self, name: &str, flags: &[&str]) {
        let log = self.log(&format!("{name}.log"));
        let mut command = furlong();
        command.args(["agent", "--coordinator", &self.uri, "--name", name]);
        let child = command
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--onnxruntime")
            .arg(onnxruntime())
            .args(flags)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        self.agents.push((name.to_owned(), child));
    }

    fn log(&self, name: &str) -> fs::File {
        let path = self.directory.path().join(name);
        fs::OpenOptions::new().create(true).append(true).open(path).expect("a writable log")
    }

    pub(crate) fn read_log(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// Every log, for the message of a failed test.
    pub(crate) fn logs(&self) -> String {
        let names =
            ["coordinator.log".to_owned()].into_iter().chain(self.agents.iter().map(|(name, _)| format!("{name}.log")));
        let shown: Vec<String> = names.map(|name| format!("--- {name}\n{}", tail(&self.read_log(&name)))).collect();
        shown.join("\n")
    }

    /// `kill -9` of the coordinator; its PostgreSQL is left alone.
    pub(crate) fn kill_coordinator(&mut self) {
        let mut child = self.coordinator.take().expect("a running coordinator");
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }

    pub(crate) fn kill_agent(&mut self, name: &str) {
        let index = self.agents.iter().position(|(agent, _)| agent == name).expect("a running agent");
        let (_, mut child) = self.agents.remove(index);
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }

    pub(crate) fn agent_pid(&self, name: &str) -> u32 {
        self.agents.iter().find(|(agent, _)| agent == name).expect("a running agent").1.id()
    }

    /// The postmaster's pid: the first line of its own pid file.
    pub(crate) fn postmaster_pid(&self) -> Option<i32> {
        let mut places = vec![self.data_dir().join("postgres/data/postmaster.pid")];
        if let Ok(elsewhere) = fs::read_to_string(self.data_dir().join("postgres.location")) {
            places.push(Path::new(elsewhere.trim()).join("data/postmaster.pid"));
        }
        places.iter().find_map(|path| fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok())
    }

    pub(crate) fn kill_postgres(&self) {
        let pid = self.postmaster_pid().expect("a running PostgreSQL");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("our own PostgreSQL");
    }

    /// Runs `furlong ARGS --coordinator ..` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        furlong().args(args).args(["--coordinator", &self.uri]).output().expect("furlong runs")
    }

    /// Runs a command that must succeed and answer JSON; returns its `data`.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["-o", "json"]].concat());
        assert!(output.status.success(), "{args:?}: {}\n{}", text(&output.stderr), self.logs());
        let mut document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        document["data"].take()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).expect("our own directory");
        path
    }

    pub(crate) fn add_model(&self, name: &str, bytes: &[u8]) {
        let path = self.write(&format!("{name}.onnx"), bytes);
        self.json(&["models", "add", name, path.to_str().expect("UTF-8")]);
    }

    /// Writes and submits a campaign; returns its id.
    pub(crate) fn submit(&self, yaml: &str) -> String {
        let path = self.write("campaign.yaml", yaml);
        let (path, data_dir) = (path.to_str().expect("UTF-8"), self.data_dir());
        let answer = self.json(&["submit", path, "--data-dir", data_dir.to_str().expect("UTF-8")]);
        answer[0]["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn campaign(&self, id: &str) -> Value {
        let campaigns = self.json(&["ls"]);
        campaigns.as_array().expect("a list").iter().find(|campaign| campaign["id"] == id).expect("submitted").clone()
    }

    /// Waits until `seen` holds for the campaign. Survives a coordinator that is away.
    pub(crate) fn wait_for(&self, id: &str, what: &str, seen: impl Fn(&Value) -> bool) -> Value {
        let clock = SystemClock::new();
        let mut last = Value::Null;
        while clock.monotonic() < PATIENCE {
            let output = self.run(&["ls", "-o", "json"]);
            if output.status.success() {
                let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
                let campaigns = document["data"].as_array().expect("a list");
                last = campaigns.iter().find(|campaign| campaign["id"] == id).cloned().unwrap_or(Value::Null);
                if seen(&last) {
                    return last;
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("{id} was never {what}; last seen: {last:#}\n{}", self.logs());
    }

    pub(crate) fn wait_until_done(&self, id: &str) -> Value {
        self.wait_for(id, "done", |campaign| campaign["state"] == "done")
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for child in self.agents.iter_mut().map(|(_, child)| child).chain(self.coordinator.as_mut()) {
            // SIGTERM: the agent kills its runner, the coordinator stops its PostgreSQL.
            let pid = i32::try_from(child.id()).expect("a pid");
            if kill(Pid::from_raw(pid), Signal::SIGTERM).is_ok() {
                let _status = child.wait();
            }
        }
        if let Some(pid) = self.postmaster_pid() {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        }
    }
}

/// Waits for a value with a deadline.
pub(crate) fn wait_until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(clock.monotonic() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
