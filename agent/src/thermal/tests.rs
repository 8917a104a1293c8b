//! What is found and read of whole boards: hand-written trees, recorded ones, and the simulated boards' own.

mod recorded;
mod simulated;
mod tree;

use tree::Tree;

const CPU: &str = "/sys/devices/system/cpu";
const THERMAL: &str = "/sys/class/thermal";
const HWMON: &str = "/sys/class/hwmon";

/// A zone's or cooling device's two files.
fn zone(tree: Tree, number: u32, kind: &str, temp: &str) -> Tree {
    tree.with(&format!("{THERMAL}/thermal_zone{number}"), &[("type", kind), ("temp", temp)])
}

fn cooling(tree: Tree, number: u32, kind: &str, state: &str) -> Tree {
    tree.with(&format!("{THERMAL}/cooling_device{number}"), &[("type", kind), ("cur_state", state)])
}

#[test]
fn an_empty_tree_tells_nothing() {
    assert_eq!(Tree::new().board().told(), []);
}

#[test]
fn zones_that_count_stand_apart_from_what_has_a_heat_of_its_own() {
    let mut tree = zone(Tree::new(), 0, "CPU-therm", "41000");
    tree = zone(tree, 1, "PMIC-Die", "100000");
    tree = zone(tree, 2, "battery", "31000");
    tree = zone(tree, 3, "CPU-therm", "42000");
    tree = zone(tree, 4, "AO-therm", "40500");
    tree = zone(tree, 10, "cv0-thermal", "-256000");
    assert_eq!(
        tree.board().told(),
        [
            ("zone/CPU-therm", Some(41.0)),
            ("other-zone/battery", Some(31.0)),
            ("zone/CPU-therm#2", Some(42.0)),
            ("zone/cv0-thermal", None),
            ("other-zone/AO-therm", Some(40.5)),
        ]
    );
}

#[test]
fn where_no_thermometer_is_known_to_be_at_the_chip_the_unknown_count() {
    let tree = zone(zone(Tree::new(), 0, "acpitz", "41000"), 1, "nvme", "50000");
    assert_eq!(tree.board().told(), [("other-zone/nvme", Some(50.0)), ("zone/acpitz", Some(41.0))]);
}

#[test]
fn a_block_that_is_switched_off_comes_back() {
    let tree = zone(Tree::new(), 0, "gpu-thermal", "45000");
    tree.put(&format!("{THERMAL}/thermal_zone0/temp@errno"), "EAGAIN");
    let mut board = tree.board();
    for _ in 0..5 {
        assert_eq!(board.told(), [("zone/gpu-thermal", None)]);
    }
    tree.remove(&format!("{THERMAL}/thermal_zone0/temp@errno"));
    assert_eq!(board.told(), [("zone/gpu-thermal", Some(45.0))]);
}

#[test]
fn what_may_not_be_read_is_not_listed_and_what_breaks_later_tells_nothing() {
    let tree = zone(zone(Tree::new(), 0, "cpu0-thermal", "45000"), 1, "cpu1-thermal", "46000");
    tree.put(&format!("{THERMAL}/thermal_zone1/temp@errno"), "EACCES");
    let mut board = tree.board();
    assert_eq!(board.told(), [("zone/cpu0-thermal", Some(45.0))]);
    for (errno, text) in
        [(Some("EIO"), "1"), (Some("EINTR"), "1"), (None, "unavailable"), (None, "45 C"), (None, "-61")]
    {
        tree.put(&format!("{THERMAL}/thermal_zone0/temp"), text);
        if let Some(errno) = errno {
            tree.put(&format!("{THERMAL}/thermal_zone0/temp@errno"), errno);
        }
        assert_eq!(board.told(), [("zone/cpu0-thermal", None)], "{errno:?} {text}");
        tree.put(&format!("{THERMAL}/thermal_zone0/temp@errno"), "");
        tree.remove(&format!("{THERMAL}/thermal_zone0/temp@errno"));
    }
}

#[test]
fn a_sensor_that_got_another_number_is_found_again_by_its_name() {
    let tree = Tree::new().with(&format!("{HWMON}/hwmon3"), &[("name", "soctherm_oc"), ("oc3_event_cnt", "2")]);
    let mut board = tree.board();
    assert_eq!(board.told_at(0), [("throttle/soctherm/oc3", Some(2.0))]);
    tree.rename(&format!("{HWMON}/hwmon3"), &format!("{HWMON}/hwmon1"));
    tree.put(&format!("{HWMON}/hwmon3/oc3_event_cnt@errno"), "ENODEV");
    assert_eq!(board.told_at(1), [("throttle/soctherm/oc3", None)], "a gap");
    assert_eq!(board.told_at(2), [("throttle/soctherm/oc3", Some(2.0))]);
}

#[test]
fn a_search_for_what_is_gone_is_rare() {
    let tree = zone(Tree::new(), 0, "cpu-thermal", "45000");
    let mut board = tree.board();
    let errno = format!("{THERMAL}/thermal_zone0/temp@errno");
    tree.put(&errno, "ENODEV");
    assert_eq!(board.told_at(0), [("zone/cpu-thermal", None)]);
    tree.rename(&format!("{THERMAL}/thermal_zone0"), &format!("{THERMAL}/thermal_zone7"));
    tree.put(&errno, "ENODEV");
    tree.remove(&format!("{THERMAL}/thermal_zone7/temp@errno"));
    // It looked in vain a second ago.
    assert_eq!(board.told_at(1_000_000_000), [("zone/cpu-thermal", None)]);
    assert_eq!(board.told_at(10_000_000_000), [("zone/cpu-thermal", None)], "searched after this look");
    assert_eq!(board.told_at(10_500_000_000), [("zone/cpu-thermal", Some(45.0))]);
}

#[test]
fn cooling_devices_tell_in_the_order_of_their_numbers_and_fans_do_not() {
    let mut tree = cooling(Tree::new(), 10, "gpu-throttle-alert", "1");
    tree = cooling(tree, 2, "cpufreq-cpu0", "3");
    tree = cooling(tree, 0, "pwm-fan", "4");
    tree = cooling(tree, 1, "intel_powerclamp", "-1");
    assert_eq!(
        tree.board().told(),
        [
            ("throttle/cooling/intel_powerclamp", Some(0.0)),
            ("throttle/cooling/cpufreq-cpu0", Some(3.0)),
            ("throttle/cooling/gpu-throttle-alert", Some(1.0)),
        ]
    );
}

#[test]
fn a_jetsons_monitors_tell_of_events_and_alarms() {
    let events = [("name", "soctherm_oc"), ("oc1_event_cnt", "1"), ("oc2_event_cnt", "0"), ("oc3_event_cnt", "7")];
    let enabled = [("oc1_throt_en", "0"), ("oc2_throt_en", "0"), ("oc3_throt_en", "1")];
    let monitor = [("name", "ina3221"), ("in1_label", "VDD_IN"), ("in2_label", "NC"), ("in3_label", "VDD_SOC")];
    let alarms =
        [("curr1_crit_alarm", "0"), ("curr2_crit_alarm", "1"), ("curr3_crit_alarm", "1"), ("curr4_crit_alarm", "1")];
    let tree = Tree::new()
        .with(&format!("{HWMON}/hwmon2"), &events)
        .with(&format!("{HWMON}/hwmon2"), &enabled)
        .with(&format!("{HWMON}/hwmon1"), &monitor)
        .with(&format!("{HWMON}/hwmon1"), &alarms);
    assert_eq!(
        tree.board().told(),
        [
            ("throttle/over-current/VDD_IN", Some(0.0)),
            ("throttle/over-current/VDD_SOC", Some(1.0)),
            ("throttle/soctherm/oc1", Some(1.0)),
            ("throttle/soctherm/oc3", Some(7.0)),
        ]
    );
}

#[test]
fn x86_counts_each_core_and_each_package_once() {
    let mut tree = Tree::new();
    for (cpu, core, package, siblings) in
        [(0, "3", "9", "0,2"), (1, "4", "9", "1,3"), (2, "3", "9", "0,2"), (3, "4", "9", "1,3")]
    {
        let directory = format!("{CPU}/cpu{cpu}");
        tree = tree
            .with(
                &format!("{directory}/thermal_throttle"),
                &[("core_throttle_count", core), ("package_throttle_count", package)],
            )
            .with(
                &format!("{directory}/topology"),
                &[("thread_siblings_list", siblings), ("physical_package_id", "0")],
            );
    }
    let mut board = tree.board();
    assert_eq!(board.told(), [("throttle/x86/core", Some(7.0)), ("throttle/x86/package", Some(9.0))]);
    // A processor that is switched off leaves its last count.
    tree.put(&format!("{CPU}/cpu1/thermal_throttle/core_throttle_count@errno"), "ENODEV");
    tree.put(&format!("{CPU}/cpu0/thermal_throttle/core_throttle_count"), "5");
    assert_eq!(board.told(), [("throttle/x86/core", Some(9.0)), ("throttle/x86/package", Some(9.0))]);
}

#[test]
fn x86_tells_its_packages_heat_and_neither_cores_nor_drives() {
    let core =
        [("name", "coretemp"), ("temp1_label", "Package id 0"), ("temp1_input", "55000"), ("temp2_label", "Core 0")];
    let amd = [
        ("name", "k10temp"),
        ("temp1_label", "Tctl"),
        ("temp1_input", "77000"),
        ("temp2_label", "Tdie"),
        ("temp2_input", "50000"),
    ];
    let tree = Tree::new()
        .with(&format!("{HWMON}/hwmon0"), &core)
        .with(&format!("{HWMON}/hwmon1"), &amd)
        .with(&format!("{HWMON}/hwmon2"), &[("name", "nvme"), ("temp1_input", "40000")]);
    let tree = tree.with(&format!("{HWMON}/hwmon0"), &[("temp2_input", "60000")]);
    assert_eq!(tree.board().told(), [("zone/coretemp", Some(55.0)), ("zone/k10temp", Some(50.0))]);
    let tree = zone(tree, 0, "x86_pkg_temp", "54000");
    assert_eq!(tree.board().told(), [("zone/x86_pkg_temp", Some(54.0)), ("zone/k10temp", Some(50.0))]);
}

#[test]
fn a_snapdragon_laptop_tells_its_heat_by_monitors_of_which_zones_are_not_told_twice() {
    let mut tree = Tree::new();
    for (number, name) in [(0, "cpu0_thermal"), (1, "gpu_thermal"), (2, "skin_temp_thermal"), (3, "pm8280_1_thermal")] {
        tree = tree.with(&format!("{HWMON}/hwmon{number}"), &[("name", name), ("temp1_input", "40000")]);
    }
    let tree = zone(tree, 0, "cpu0-thermal", "41000");
    assert_eq!(
        tree.board().told(),
        [
            ("zone/cpu0-thermal", Some(41.0)),
            ("zone/gpu_thermal", Some(40.0)),
            ("zone/skin_temp_thermal", Some(40.0)),
            ("other-zone/pm8280_1_thermal", Some(40.0)),
        ]
    );
}

#[test]
fn a_clock_is_the_hardwares_where_that_may_be_read() {
    let tree = Tree::new()
        .with(&format!("{CPU}/cpufreq/policy0"), &[("scaling_cur_freq", "1500000"), ("cpuinfo_cur_freq", "1420800")])
        .with(&format!("{CPU}/cpufreq/policy4"), &[("scaling_cur_freq", "2000000"), ("cpuinfo_cur_freq", "<unknown>")])
        .with("/sys/class/devfreq/17000000.gpu", &[("cur_freq", "306000000")])
        .with("/sys/class/devfreq/gpu-gpc-0", &[("cur_freq", "500000000"), ("device/of_node/name", "gpu-gpc-0")])
        .with("/sys/class/devfreq/1d84000.ufs", &[("cur_freq", "75000000"), ("device/of_node/name", "ufs")])
        .with("/sys/kernel/debug/bpmp/debug/clk/emc", &[("rate", "3199000000")]);
    assert_eq!(
        tree.board().told(),
        [
            ("clock/policy0", Some(1420.8)),
            ("clock/policy4", Some(2000.0)),
            ("clock/gpu", Some(306.0)),
            ("clock/gpu#2", Some(500.0)),
            ("clock/emc", Some(3199.0)),
        ]
    );
}

#[test]
fn old_kernels_keep_policies_with_their_processors() {
    let tree = Tree::new()
        .with(&format!("{CPU}/cpu0/cpufreq"), &[("scaling_cur_freq", "1500000"), ("related_cpus", "0 1")])
        .with(&format!("{CPU}/cpu1/cpufreq"), &[("scaling_cur_freq", "1500000"), ("related_cpus", "0 1")])
        .with(&format!("{CPU}/cpu2/cpufreq"), &[("scaling_cur_freq", "900000"), ("related_cpus", "2 3")]);
    assert_eq!(tree.board().told(), [("clock/policy0", Some(1500.0)), ("clock/policy2", Some(900.0))]);
}

#[test]
fn a_limit_that_something_lowers_is_told_and_one_that_a_person_sets_is_not() {
    let policy = format!("{CPU}/cpufreq/policy0");
    let tree = Tree::new().with(&policy, &[("scaling_max_freq", "2000000"), ("scaling_governor", "performance")]);
    let mut board = tree.board();
    let told = |khz: f64| [("throttle/cpufreq/policy0", Some(khz))];
    assert_eq!(board.told(), told(0.0));
    tree.put(&format!("{policy}/scaling_max_freq"), "1500000");
    assert_eq!(board.told(), told(1.0));
    tree.put("/var/lib/nvpmodel/status", "pmode:0001");
    assert_eq!(board.told(), told(0.0));
}

#[test]
fn the_limit_by_which_a_phone_was_once_reset_is_never_read() {
    let tree =
        Tree::new().with(&format!("{CPU}/cpu0"), &[("dcvsh_freq_limit", "1500000"), ("dcvsh_freq_limit_time", "5")]);
    assert_eq!(tree.board().told(), []);
}

#[test]
fn a_raspberry_pis_firmware_is_asked_at_every_look() {
    let tree = Tree::new().with(
        "/gencmd",
        &[
            ("get_throttled", "throttled=0xe0008"),
            ("measure_temp", "temp=80.8'C"),
            ("measure_clock_arm", "frequency(48)=1000212864"),
        ],
    );
    let tree = tree.with(&format!("{CPU}/cpufreq/policy0"), &[("scaling_cur_freq", "1500000")]);
    let mut board = tree.board();
    let expected = |under, capped, throttled, soft| {
        [
            ("zone/firmware", Some(80.8)),
            ("clock/arm", Some(1_000.212_864)),
            ("throttle/pi/under-voltage", Some(under)),
            ("throttle/pi/frequency-capped", Some(capped)),
            ("throttle/pi/throttled", Some(throttled)),
            ("throttle/pi/soft-limit", Some(soft)),
        ]
    };
    assert_eq!(board.told(), expected(0.0, 0.0, 0.0, 1.0));
    // It happened between two looks, and is over.
    tree.put("/gencmd/get_throttled", "throttled=0xf0000");
    assert_eq!(board.told(), expected(1.0, 0.0, 0.0, 0.0));
    tree.put("/gencmd/get_throttled", "error=1 error_msg=\"Command not registered\"");
    assert_eq!(board.told()[2..], expected(0.0, 0.0, 0.0, 0.0).map(|(name, _)| (name, None))[2..]);
}

#[test]
fn a_phone_whose_zones_are_closed_is_asked_for_its_thermal_service() {
    let service = "Thermal Status: 1\nHAL Ready: true\nCurrent temperatures from HAL:\n\
        \tTemperature{mValue=62.5, mType=0, mName=CPU0, mStatus=0}\n\
        \tTemperature{mValue=30.5, mType=2, mName=battery, mStatus=0}\n";
    let tree = Tree::new().with("/tool", &[("dumpsys_thermalservice", service)]);
    let status = ("throttle/android/thermal-status", Some(1.0));
    assert_eq!(tree.board().told(), [("zone/CPU0", Some(62.5)), ("other-zone/battery", Some(30.5)), status]);
    let tree = zone(tree, 0, "cpu-0-0-usr", "412").with("/system/bin", &[("sh", "")]);
    assert_eq!(tree.board().told(), [("zone/cpu-0-0-usr", Some(41.2)), status]);
}
