use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::power::Fault;
use crate::power::sysfs::tree::{Tree, near, poll, recorded, total};

fn line(fixture: &str) -> Option<Line> {
    Some(Line::parse(&std::fs::read_to_string(recorded(&format!("jetson-tegrastats/{fixture}"))?).expect("read")))
}

fn named(values: &[(String, f64)]) -> Vec<(&str, f64)> {
    values.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

#[test]
fn real_lines_tell_their_rails() {
    let expected: [(&str, &[(&str, f64)]); 14] = [
        ("agx-orin-fragment.txt", &[]),
        ("agx-orin-no-temp-fragment.txt", &[]),
        ("agx-orin-jp7.2.txt", &[("VDD_GPU_SOC", 5.139), ("VDD_CPU_CV", 3.268), ("VIN_SYS_5V0", 5.5)]),
        ("nano-root.txt", &[("POM_5V_IN", 0.933), ("POM_5V_GPU", 0.0), ("POM_5V_CPU", 0.084)]),
        ("nano-user.txt", &[("POM_5V_IN", 0.933), ("POM_5V_GPU", 0.0), ("POM_5V_CPU", 0.084)]),
        ("orin-nx-jp6.txt", &[("VDD_IN", 12.479), ("VDD_CPU_GPU_CV", 4.667), ("VDD_SOC", 2.817)]),
        (
            "orin-root.txt",
            &[("VDD_GPU_SOC", 2.39), ("VDD_CPU_CV", 0.796), ("VIN_SYS_5V0", 3.522), ("VDDQ_VDD2_1V8AO", 0.301)],
        ),
        ("orin-user.txt", &[]),
        ("tx1-root.txt", &[]),
        ("tx1-user.txt", &[]),
        (
            "tx2-old-order-root.txt",
            &[
                ("VDD_IN", 14.025),
                ("VDD_CPU", 2.209),
                ("VDD_GPU", 6.854),
                ("VDD_SOC", 1.371),
                ("VDD_WIFI", 0.019),
                ("VDD_DDR", 2.702),
            ],
        ),
        (
            "tx2-root.txt",
            &[
                ("VDD_IN", 1.383),
                ("VDD_CPU", 0.153),
                ("VDD_GPU", 0.076),
                ("VDD_SOC", 0.384),
                ("VDD_WIFI", 0.364),
                ("VDD_DDR", 0.192),
            ],
        ),
        (
            "tx2-user.txt",
            &[
                ("VDD_IN", 1.038),
                ("VDD_CPU", 0.153),
                ("VDD_GPU", 0.153),
                ("VDD_SOC", 0.384),
                ("VDD_WIFI", 0.038),
                ("VDD_DDR", 0.192),
            ],
        ),
        (
            "xavier-user.txt",
            &[("GPU", 1.155), ("CPU", 0.385), ("SOC", 2.504), ("CV", 0.0), ("VDDRQ", 0.192), ("SYS5V", 2.692)],
        ),
    ];
    for (fixture, rails) in expected {
        let Some(line) = line(fixture) else { return };
        let rounded: Vec<_> =
            named(&line.rails).iter().map(|(name, watts)| (*name, (watts * 1e3).round() / 1e3)).collect();
        assert_eq!(rounded, rails, "{fixture}");
    }
}

#[test]
fn gated_blocks_and_the_constant_sensor_are_no_temperatures() {
    let Some(orin) = line("orin-root.txt") else { return };
    let names: Vec<_> = named(&orin.temperatures).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["CPU", "Tboard", "SOC2", "Tdiode", "SOC0", "tj", "SOC1"]);
    let Some(tx2) = line("tx2-old-order-root.txt") else { return };
    assert_eq!(
        named(&tx2.temperatures),
        [("PLL", 45.0), ("AO", 47.5), ("Tboard", 37.0), ("Tdiode", 46.75), ("thermal", 46.4)]
    );
    let Some(latest) = line("agx-orin-jp7.2.txt") else { return };
    assert_eq!(
        named(&latest.temperatures),
        [("cpu", 52.968), ("soc2", 48.406), ("soc0", 49.531), ("gpu", 47.625)],
        "two values each"
    );
}

#[test]
fn loads_and_clocks_have_six_spellings() {
    let text = "RAM 1/2MB (lfb 1x2MB) IRAM 0/252kB(lfb 252kB) CPU [1%@102,off,7%@204] EMC_FREQ 3%@204 GR3D_FREQ 12%@[1300,1301] \
                GR3D2_FREQ @[5,6,7] VIC_FREQ 115 NVENC off NVDEC 716 EMC2_FREQ 0% MTS fg 0% bg 0% cpu@1.5C NC 5/5";
    let line = Line::parse(text);
    let told: Vec<_> =
        line.units.iter().map(|unit| (unit.name.as_str(), unit.load_percent, unit.clocks_mhz.as_slice())).collect();
    assert_eq!(
        told,
        [
            ("CPU0", Some(1.0), &[102.0][..]),
            ("CPU2", Some(7.0), &[204.0]),
            ("EMC", Some(3.0), &[204.0]),
            ("GR3D", Some(12.0), &[1300.0, 1301.0]),
            ("GR3D2", None, &[5.0, 6.0, 7.0]),
            ("VIC", None, &[115.0]),
            ("NVDEC", None, &[716.0]),
            ("EMC2", Some(0.0), &[]),
        ]
    );
    assert_eq!((named(&line.temperatures), line.rails.len()), (vec![("cpu", 1.5)], 0));
}

#[test]
fn a_date_memory_and_rails_of_one_to_three_values_are_told_apart() {
    let rails = |text: &str| {
        named(&Line::parse(text).rails).iter().map(|(name, watts)| format!("{name}={watts}")).collect::<Vec<_>>()
    };
    assert_eq!(rails("01-03-2023 16:07:54 RAM 1/2MB SWAP 3/4MB (cached 0MB) VDD_IN 2000/3000"), ["VDD_IN=2"]);
    assert_eq!(rails("VDD_IN 2000mW/3000mW/4000mW NC 0mW/0mW A 1000mW"), ["VDD_IN=2"], "no average, no rail");
    assert_eq!(rails("VDD_IN 2000/3000 VDD_IN 5/5"), ["VDD_IN=2"], "each once");
    assert_eq!(rails("VDD_IN -5/3 VDD_SOC 1.5/2 VDD_CPU 1/2/3/4"), [""; 0]);
}

const NX: &str = "RAM 6185/7620MB cpu@53.9C VDD_IN 12479mW/12479mW VDD_CPU_GPU_CV 4667mW/4667mW VDD_SOC 2817mW/2817mW";

fn nx(text: &str) -> Tree {
    Tree::of("/tool", &[("tegrastats", text)]).model("NVIDIA Jetson Orin NX Developer Kit")
}

#[test]
fn a_tree_shows_the_last_line_with_the_boards_total() {
    let tree = nx(NX);
    let mut source = probe(&tree.root()).expect("found");
    near(total(source.as_mut()).expect("a known board"), 12.479);
    assert_eq!(source.rails()[1].parent.as_deref(), Some("tegrastats/VDD_IN"));
    tree.put("/tool/tegrastats", &format!("{NX}\n{}", NX.replace("12479", "13000")));
    near(total(source.as_mut()).expect("a known board"), 13.0);
    tree.put("/tool/tegrastats", &NX.replace("12479", "0"));
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Zero));
}

#[test]
fn partial_output_is_discarded() {
    let tree = nx(NX);
    let mut source = probe(&tree.root()).expect("found");
    tree.put("/tool/tegrastats", &NX[..NX.len() - 20]);
    assert_eq!(poll(source.as_mut()).expect("read"), []);
}

#[test]
fn a_line_cut_anywhere_tells_no_other_value() {
    let whole = Line::parse(NX).rails;
    for end in 0..NX.len() {
        let rails = Line::parse(&NX[..end]).rails;
        assert_eq!(rails, whole[..rails.len()], "{}", &NX[..end]);
    }
}

#[test]
fn it_is_not_started_where_the_monitors_are_read() {
    let chip = [("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "1000")];
    let absent = probe(&nx(NX).with("/sys/class/hwmon/hwmon0", &chip).root()).err().expect("not needed");
    assert!(absent.reason.contains("not needed"), "{absent:?}");
}

#[test]
fn without_rails_or_without_the_program_there_is_a_reason() {
    let absent = probe(&nx("RAM 1/2MB CPU@41.3C").root()).err().expect("no rails");
    assert!(absent.reason == "tegrastats prints no rails" && absent.hint.is_some(), "{absent:?}");
    let absent = probe(&Tree::new().root()).err().expect("no program");
    assert_eq!(absent.reason, "no program tegrastats");
}

/// A program that prints what tegrastats prints, as a real process.
fn program(script: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tegrastats");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made executable");
    let path = path.to_str().expect("text").to_owned();
    (directory, path)
}

fn source(feed: Feed, first: Line) -> Tegrastats {
    Tegrastats::new(nx("").root(), feed, first)
}

#[test]
fn one_process_prints_line_after_line_until_it_is_killed() {
    let (_directory, path) =
        program(&format!("test \"$*\" = '--interval 500' || exit 1; echo '{NX}'; echo '{NX}'; exec cat /dev/zero"));
    // What follows the two lines never ends and is no line: it is discarded piece by piece.
    let process = Process::start(&path).expect("started");
    let first = process.wait_for_line().expect("a line");
    let id = nix::unistd::Pid::from_raw(i32::try_from(process.child.id()).expect("an id"));
    let mut source = source(Feed::Process(process), first);
    let mut readings = Vec::new();
    let deadline = stopwatch::now() + Duration::from_secs(10);
    while readings.is_empty() && stopwatch::now() < deadline {
        source.read(&mut readings).expect("read");
        std::thread::yield_now();
    }
    assert_eq!(readings.len(), 3, "one line of three rails");
    assert!(readings.iter().all(|reading| reading.value.is_ok() && reading.begin_ns > 0));
    drop(source);
    assert!(nix::sys::signal::kill(id, None).is_err(), "no process is left behind");
}

#[test]
fn partial_output_of_a_process_that_ends_is_discarded_and_told() {
    let (_directory, path) = program(&format!("echo '{NX}'; echo '{NX}'; printf '%s' '{NX}'"));
    let process = Process::start(&path).expect("started");
    let first = process.wait_for_line().expect("a line");
    let mut source = source(Feed::Process(process), first);
    let mut readings = Vec::new();
    let deadline = stopwatch::now() + Duration::from_secs(10);
    let error = loop {
        match source.read(&mut readings) {
            Ok(()) if stopwatch::now() < deadline => std::thread::yield_now(),
            ended => break ended.expect_err("it ended"),
        }
    };
    assert!(matches!(error, ReadError::Gone(_)), "{error}");
    assert_eq!(readings.len(), 3, "the second line, and nothing of the third");
}
