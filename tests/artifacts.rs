//! A model on its way to the boards: uploaded once, fetched once by each, through a network that cuts and disks that flip bits
//! and fill up.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use domain::Digest;
use serde_json::Value;

use crate::farm::{Farm, text};

const MODEL_BYTES: usize = 90_000_000;
/// What gRPC and everything else that agents say may add to the bytes of models.
const OVERHEAD_BYTES: u64 = 8_000_000;

/// A model that adds, with a long comment: runtimes load it and spend no time on it.
fn large_model() -> Vec<u8> {
    let mut model = onnx::samples::add(16);
    let mut state = 1_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'a' + u8::try_from((state >> 33) % 26).expect("a letter")
    };
    // ModelProto.doc_string is field 6; what follows a message is merged into it.
    model.push(6 << 3 | 2);
    let mut length = MODEL_BYTES;
    while length >= 0x80 {
        model.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    model.push(u8::try_from(length).expect("seven bits"));
    model.extend(std::iter::repeat_with(&mut letter).take(MODEL_BYTES));
    model
}

/// A network between a client and the coordinator, which can be cut.
struct Network {
    address: SocketAddr,
    wire: Arc<Wire>,
}

#[derive(Default)]
struct Wire {
    /// Bytes to the coordinator, and from it.
    up: AtomicU64,
    down: AtomicU64,
    /// The next connection that has carried so many bytes in one direction is cut; 0: none.
    cut_after: AtomicU64,
}

impl Network {
    fn to(uri: &str) -> Self {
        let coordinator: SocketAddr = uri.trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("bound");
        let wire = Arc::new(Wire::default());
        let shared = Arc::clone(&wire);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(coordinator)) else { continue };
                for upwards in [true, false] {
                    let (near, far) = (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
                    let (from, to) = if upwards { (near, far) } else { (far, near) };
                    let wire = Arc::clone(&shared);
                    thread::spawn(move || wire.carry(upwards, from, to));
                }
            }
        });
        Self { address, wire }
    }

    fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    fn cut_after(&self, bytes: u64) {
        self.wire.cut_after.store(bytes, Ordering::SeqCst);
    }

    fn has_cut(&self) -> bool {
        self.wire.cut_after.load(Ordering::SeqCst) == 0
    }

    /// Bytes to the coordinator since the last question.
    fn up(&self) -> u64 {
        self.wire.up.swap(0, Ordering::SeqCst)
    }

    /// Bytes from the coordinator since the last question.
    fn down(&self) -> u64 {
        self.wire.down.swap(0, Ordering::SeqCst)
    }
}

impl Wire {
    fn carry(&self, upwards: bool, mut from: TcpStream, mut to: TcpStream) {
        let total = if upwards { &self.up } else { &self.down };
        let mut carried = 0;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = from.read(&mut buffer) {
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                break;
            }
            carried += count as u64;
            total.fetch_add(count as u64, Ordering::SeqCst);
            let cut = self.cut_after.load(Ordering::SeqCst);
            if cut > 0
                && carried >= cut
                && self.cut_after.compare_exchange(cut, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            {
                break;
            }
        }
        for end in [from, to] {
            end.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }
}

impl Farm {
    /// Starts a board that reaches the coordinator through `network`.
    fn start_agent_behind(&mut self, network: &Network, name: &str) {
        let uri = std::mem::replace(&mut self.uri, network.uri());
        self.start_agent(name, &[&format!("board={name}")]);
        self.uri = uri;
    }

    /// Measures the model `large` once on this board, to the end.
    fn measure_on(&self, board: &str) -> Value {
        self.measure("large", board)
    }

    fn measure(&self, model: &str, board: &str) -> Value {
        let id = self.submit(&format!(
            "apiVersion: furlong/v1\nkind: Campaign\nname: large\ndefaults:\n  device: board={board}\n  input: {{ random: {{ seed: 7 }} }}\n  \
             warmup: {{ min_iterations: 1, min_duration: 10ms }}\n  \
             measure: {{ min_queries: 64, min_duration: 100ms, repetitions: 1 }}\nmatrix:\n  model: [{model}]\n"
        ));
        self.wait_until_done(&id)
    }

    fn cached(&self, board: &str, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.data_dir().join("agent").join(board).join("cache").join(&name[..2]).join(name)
    }

    fn stored(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.data_dir().join("artifacts").join(&name[..2]).join(name)
    }
}

/// Changes one bit in the middle, and none of the file's times.
fn flip(path: &Path) {
    let times = fs::FileTimes::new().set_modified(path.metadata().expect("there").modified().expect("known"));
    let file = File::options().read(true).write(true).open(path).expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 45_000_000).expect("read");
    file.write_all_at(&[byte[0] ^ 1], 45_000_000).expect("written");
    file.set_times(times).expect("set");
}

#[test]
fn a_large_model_goes_up_once_and_down_once_to_each_of_three_boards() {
    let mut farm = Farm::start();
    let model = large_model();
    let (digest, size) = (Digest::of(&model), model.len() as u64);
    let path = farm.write("large.onnx", &model);
    let network = Network::to(&farm.uri);
    let add = |uri: &str| {
        crate::farm::furlong().args(["models", "add", "large"]).arg(&path).args(["--coordinator", uri]).output()
    };

    // Up: cut in the middle, and resumed there.
    network.cut_after(40_000_000);
    let cut = add(&network.uri()).expect("furlong runs");
    assert!(!cut.status.success() && network.has_cut(), "{}", text(&cut.stderr));
    let begun = network.up();
    assert!(!farm.stored(&digest).exists(), "half a model is none");
    let resumed = add(&network.uri()).expect("furlong runs");
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let rest = network.up();
    assert!(begun + rest < size + OVERHEAD_BYTES, "{begun} bytes, then {rest}");
    // A second time nothing has to go.
    assert!(add(&network.uri()).expect("furlong runs").status.success());
    assert!(network.up() < OVERHEAD_BYTES);

    // Down: the first transfer is cut in the middle, and resumed there.
    network.down();
    network.cut_after(50_000_000);
    for board in ["one", "two", "three"] {
        farm.start_agent_behind(&network, board);
    }
    for board in ["one", "two", "three"] {
        let campaign = farm.measure_on(board);
        assert_eq!(campaign["done"], campaign["runs"], "{campaign:#}\n{}", farm.logs());
        assert_eq!(fs::metadata(farm.cached(board, &digest)).expect("cached").len(), size);
    }
    let down = network.down();
    assert!(network.has_cut());
    assert!((3 * size..3 * size + OVERHEAD_BYTES).contains(&down), "{down} bytes for three boards");

    // What is cached is not fetched again ..
    farm.measure_on("one");
    assert!(network.down() < OVERHEAD_BYTES);
    // .. but what the disk has changed since, is: nobody measures another model than the one that was asked for.
    flip(&farm.cached("one", &digest));
    let campaign = farm.measure_on("one");
    assert_eq!(campaign["done"], campaign["runs"], "{campaign:#}\n{}", farm.logs());
    assert!(network.down() > size);
    assert!(farm.read_log("one.log").contains("a cached file is damaged"), "{}", farm.logs());
}

#[test]
fn bytes_that_rot_at_the_coordinator_reach_no_board_and_are_uploaded_again() {
    let mut farm = Farm::start();
    let model = large_model();
    let digest = Digest::of(&model);
    farm.add_model("large", &model);
    flip(&farm.stored(&digest));
    farm.kill_coordinator();
    farm.start_coordinator();
    let verified = farm.run(&["artifacts", "verify", "-o", "json"]);
    assert_eq!(verified.status.code(), Some(2), "{}", text(&verified.stderr));
    assert!(text(&verified.stdout).contains("damaged") && text(&verified.stderr).contains("hint: "));
    assert_eq!(farm.json(&["artifacts", "ls"])[0]["held"], false);

    // The same command as the first time gives it back.
    farm.add_model("large", &model);
    assert_eq!(farm.json(&["artifacts", "verify"])[0]["state"], "sound");
    farm.start_agent("board", &["board=board"]);
    let campaign = farm.measure_on("board");
    assert_eq!(campaign["done"], campaign["runs"], "{campaign:#}\n{}", farm.logs());
    let listed = farm.json(&["artifacts", "ls"]);
    assert_eq!((&listed[0]["models"][0], &listed[0]["held"]), (&"large".into(), &true.into()), "{listed:#}");
    assert_eq!(farm.json(&["artifacts", "gc", "--dry-run"])["artifacts"], 0);
}

#[test]
fn weights_beside_a_model_reach_the_board_and_lie_where_the_model_looks_for_them() {
    let mut farm = Farm::start();
    farm.start_agent("board", &["board=board"]);
    let odd = onnx::samples::odd().into_iter().find(|odd| odd.name == "external-data-in-folder").expect("a sample");
    let folder = farm.directory.path().join("external");
    for (location, bytes) in &odd.side_files {
        let path = folder.join(location);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("our own directory");
        fs::write(path, bytes).expect("our own directory");
    }
    let model = folder.join("model.onnx");
    fs::write(&model, &odd.model).expect("our own directory");
    farm.json(&["models", "add", "external", model.to_str().expect("UTF-8")]);
    let campaign = farm.measure("external", "board");
    assert_eq!(campaign["done"], campaign["runs"], "{campaign:#}\n{}", farm.logs());
    let weights = Digest::of(&odd.side_files[0].1);
    assert!(farm.cached("board", &weights).exists());
}

#[test]
fn a_full_disk_is_named_and_nothing_half_written_stays() {
    let mut farm = Farm::start();
    let model = large_model();
    let digest = Digest::of(&model);

    // The coordinator's.
    farm.kill_coordinator();
    let Some(disk) = SmallDisk::mount(&farm.data_dir().join("artifacts")) else { return };
    farm.start_coordinator();
    let path = farm.write("large.onnx", &model);
    let refused = farm.run(&["models", "add", "large", path.to_str().expect("UTF-8")]);
    let message = text(&refused.stderr);
    assert!(!refused.status.success() && message.contains("the disk of the artifact store is full"), "{message}");
    assert_eq!(fs::read_dir(farm.data_dir().join("artifacts/incoming")).expect("there").count(), 0);
    farm.kill_coordinator();
    drop(disk);
    farm.start_coordinator();
    farm.add_model("large", &model);

    // A board's.
    let cache = farm.data_dir().join("agent/board/cache");
    let disk = SmallDisk::mount(&cache).expect("as before");
    farm.start_agent("board", &["board=board"]);
    let campaign = farm.measure_on("board");
    assert_eq!(campaign["failed"], 1, "{campaign:#}\n{}", farm.logs());
    let run = farm.json(&["show", "r-1"]);
    let message = run["failure"]["message"].as_str().expect("a message");
    assert_eq!(run["failure"]["kind"], "infra", "{run:#}");
    assert!(message.contains("disk is full") && message.contains("85.8 MiB"), "{message}");
    assert!(message.contains(cache.to_str().expect("UTF-8")), "{message}");
    let left = fs::read_dir(&cache).expect("there").flat_map(|folder| fs::read_dir(folder.expect("there").path()));
    assert_eq!(left.map(Iterator::count).sum::<usize>(), 0, "{digest}");
    farm.kill_agent("board");
    drop(disk);
    farm.start_agent("board", &["board=board"]);
    let campaign = farm.measure_on("board");
    assert_eq!(campaign["done"], campaign["runs"], "{campaign:#}\n{}", farm.logs());
}

/// A file system of 64 MiB in place of a folder, for whoever may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("our own directory");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m,mode=755", "none"]).arg(folder).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        eprintln!("skipped: only who may mount a file system can fill one");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}
