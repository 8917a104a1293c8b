//! What readers of real boards find in the trees.

use crate::power::{DirectoryRoot, Root, discover};
use crate::simulate::physics::{Look, Physics};

use super::*;

struct Planted {
    directory: tempfile::TempDir,
    tree: Tree,
    physics: Physics,
}

fn planted(name: &str) -> Planted {
    let directory = tempfile::tempdir().expect("a directory");
    let profile = Profile::named(name).expect("a board");
    let physics = Physics::at_rest(profile);
    let tree = Tree::plant(profile, &directory.path().join("root"), &physics.look()).expect("planted");
    Planted { directory, tree, physics }
}

impl Planted {
    fn root(&self) -> DirectoryRoot {
        DirectoryRoot::tree(self.directory.path().join("root"))
    }

    /// As if the board were throttled now.
    fn overheat(&mut self) -> Look {
        let look = Look { watts: 9.0, die_c: 101.25, throttled: true, throttle_events: 1, ..self.physics.look() };
        self.tree.show(&look).expect("shown");
        look
    }
}

fn number(root: &DirectoryRoot, path: &str) -> f64 {
    let text = root.read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.parse().unwrap_or_else(|_error| panic!("{path} is no number: `{text}`"))
}

#[test]
fn every_board_shows_every_extreme_in_its_width() {
    for name in ["jetson-orin-nano", "rpi5", "snapdragon-8g3", "mac-m2"] {
        let mut planted = planted(name);
        for watts in [0.0, 99.999] {
            let look = Look {
                seconds: 1e6,
                watts,
                joules: 1e6,
                die_c: 149.9,
                board_c: -9.9,
                throttled: true,
                throttle_events: u64::MAX,
                ..planted.physics.look()
            };
            planted.tree.show(&look).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn a_file_keeps_its_length_and_its_place() {
    let mut planted = planted("jetson-orin-nano");
    let path = planted.directory.path().join("root/sys/class/thermal/thermal_zone0/temp");
    let before = fs::metadata(&path).expect("there").len();
    let attribute = planted.root().open("/sys/class/thermal/thermal_zone0/temp").expect("opened");
    planted.overheat();
    assert_eq!(attribute.read().expect("read"), "100950", "the file that was open shows it");
    assert_eq!(fs::metadata(&path).expect("there").len(), before);
}

#[test]
fn a_jetsons_monitor_is_found_by_class_and_by_address() {
    let mut planted = planted("jetson-orin-nano");
    let root = planted.root();
    assert_eq!(root.list("/sys/class/hwmon").expect("listed"), ["hwmon1", "hwmon2"]);
    let monitor = "/sys/class/hwmon/hwmon1";
    assert_eq!(root.read(&format!("{monitor}/name")).expect("read"), "ina3221");
    let device = root.link(&format!("{monitor}/device")).expect("a link");
    assert_eq!(device.file_name().and_then(|name| name.to_str()), Some("1-0040"));
    assert_eq!(root.read("/sys/bus/i2c/drivers/ina3221/1-0040/name").expect("read"), "ina3221");
    assert_eq!(root.read(&format!("{monitor}/device/name")).expect("read"), "ina3221");
    assert_eq!(root.read("/proc/device-tree/model").expect("read"), "NVIDIA Jetson Orin Nano Developer Kit");
    let look = planted.overheat();
    let watts = |channel: u32| {
        let milli = |what: &str| number(&root, &format!("{monitor}/{what}{channel}_input"));
        milli("in") * milli("curr") / 1e6
    };
    assert!((watts(1) - look.watts).abs() <= 0.02, "{}", watts(1));
    assert!(watts(2) + watts(3) < watts(1), "what is inside is less than the whole");
    assert_eq!(root.read("/sys/class/thermal/cooling_device1/cur_state").expect("read"), "1");
    let gated = root.read("/sys/class/thermal/thermal_zone2/temp").expect_err("switched off");
    assert_eq!(gated.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(root.read("/sys/class/devfreq/17000000.gpu/device/of_node/name").expect("read"), "ga10b");
    assert_eq!(root.tool("nvpmodel", &["-q"]).expect("answered"), "NV Power Mode: 15W\n0");
}

#[test]
fn the_reader_of_real_jetsons_finds_what_the_model_draws() {
    let mut planted = planted("jetson-orin-nano");
    let look = planted.overheat();
    let root: std::sync::Arc<dyn Root> = std::sync::Arc::new(planted.root());
    let mut found = discover(&root, &[]);
    let source = found.sources.first_mut().expect("a source");
    assert_eq!(source.info().name, "ina3221");
    let total: Vec<&str> =
        source.total().expect("a known board").iter().map(|&rail| source.rails()[rail].key.as_str()).collect();
    assert_eq!(total, ["ina3221@1-0040/VDD_IN"]);
    let mut readings = Vec::new();
    source.read(&mut readings).expect("read");
    let watts =
        readings.iter().find(|reading| reading.rail == 0).and_then(|reading| reading.value.ok()).expect("watts");
    assert!((watts - look.watts).abs() < 0.03, "{watts} W instead of {} W", look.watts);
}

#[test]
fn a_raspberry_pis_rails_add_up_to_what_the_board_draws() {
    let mut planted = planted("rpi5");
    let root = planted.root();
    let look = planted.overheat();
    let text = root.gencmd("pmic_read_adc").expect("answered");
    assert_eq!(text.lines().count(), 26);
    let value = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")))?;
        line.split_once('=')?.1.trim_end_matches(['A', 'V']).parse::<f64>().ok()
    };
    let stems = text.lines().filter_map(|line| line.trim_start().split_once("_A current").map(|(stem, _)| stem));
    let sum: f64 = stems
        .map(|stem| {
            let [amperes, volts] = ["A", "V"].map(|unit| value(&format!("{stem}_{unit}")).expect("a pair"));
            amperes * volts
        })
        .sum();
    assert!((sum - look.watts).abs() < 1e-3, "{sum} W");
    assert_eq!(root.gencmd("get_throttled").expect("answered"), "throttled=0x60006");
    assert_eq!(root.gencmd("measure_temp").expect("answered"), "temp=101.2'C");
    // The kernel's driver is not told.
    assert_eq!(root.read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").expect("read"), "2400000");
}

#[test]
fn a_phone_discharges_and_its_zones_are_by_core() {
    let mut planted = planted("snapdragon-8g3");
    let root = planted.root();
    let look = planted.overheat();
    let gauge = "/sys/class/power_supply/battery";
    assert_eq!(root.read(&format!("{gauge}/status")).expect("read"), "Discharging");
    let watts = number(&root, &format!("{gauge}/current_now")) * number(&root, &format!("{gauge}/voltage_now")) / 1e12;
    assert!((watts + look.watts).abs() < 1e-3, "{watts} W, below zero while it discharges");
    assert_eq!(root.read("/sys/class/thermal/thermal_zone7/type").expect("read"), "cpu-2-0-usr");
    assert_eq!(root.read("/sys/class/thermal/thermal_zone7/temp").expect("read"), "101250");
    assert_eq!(root.read("/sys/class/kgsl/kgsl-3d0/thermal_pwrlevel").expect("read"), "1");
    let service = root.tool("dumpsys", &["thermalservice"]).expect("answered");
    assert!(service.contains("Thermal Status: 3") && service.contains("mName=skin"), "{service}");
}

#[test]
fn a_macs_documents_hold_the_energy_of_the_time_they_name() {
    let mut planted = planted("mac-m2");
    let root = planted.root();
    let value = |text: &str, key: &str| {
        let (_, rest) = text.split_once(&format!("<key>{key}</key><")).expect("the key");
        let (_, rest) = rest.split_once('>').expect("its type");
        rest.split_once('<').expect("its end").0.parse::<f64>().expect("a number")
    };
    // One document is shown for ten looks; the next one is about their time.
    for _ in 0..20 {
        planted.physics.step(std::time::Duration::from_millis(50), 1.0);
        planted.tree.show(&planted.physics.look()).expect("shown");
    }
    let text = root.tool("powermetrics", &[]).expect("answered");
    assert!(text.starts_with("<?xml") && text.ends_with("</plist>"), "{text}");
    let elapsed_s = value(&text, "elapsed_ns") / 1e9;
    assert!((elapsed_s - 0.5).abs() < 0.01, "{elapsed_s} s");
    let watts = (value(&text, "cpu_energy") + value(&text, "gpu_energy")) / 1e3 / elapsed_s;
    let look = planted.physics.look();
    assert!((watts - look.watts).abs() < 0.05, "{watts} W");
    let per_time = value(&text, "cpu_energy") / elapsed_s / value(&text, "cpu_power");
    assert!((per_time - 1.0).abs() < 1e-3, "power is energy by time: {per_time}");
    planted.overheat();
    let level = root.tool("notifyutil", &["-g", "com.apple.system.thermalpressurelevel"]).expect("answered");
    assert_eq!(level, "com.apple.system.thermalpressurelevel 2");
}
