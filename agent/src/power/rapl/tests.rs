use super::*;
use crate::power::sysfs::tree::{Tree, near, poll, total};
use crate::power::{Fault, ReadError};

fn zone(tree: &Tree, directory: &str, name: &str, energy: &str) {
    tree.put(&format!("{CLASS}/{directory}/name"), name);
    tree.put(&format!("{CLASS}/{directory}/energy_uj"), energy);
    tree.put(&format!("{CLASS}/{directory}/max_energy_range_uj"), "262143328850");
}

#[test]
fn duplicate_zone_by_mmio_and_malformed_ones_are_left_out() {
    for recorded in ["linux-generic/kepler-sys/class/powercap", "linux-generic/node-exporter-sys/class/powercap"] {
        let Some(tree) = Tree::new().recorded(recorded, CLASS) else { return };
        let mut source = probe(&tree.root()).expect("found");
        let keys: Vec<_> = source.rails().iter().map(|rail| rail.key.as_str()).collect();
        assert_eq!(keys, ["rapl/package-0", "rapl/package-0/core"], "{recorded}");
        assert_eq!(source.rails()[0].kind, RailKind::Counter { range_j: Some(262_143.328_85) });
        near(total(source.as_mut()).expect("a package"), 240_422.366_267);
        near(poll(source.as_mut()).expect("read")[1].1.expect("a value"), 118_821.284_256);
    }
}

#[test]
fn parent_and_child_are_never_summed() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", "1000000");
    zone(&tree, "intel-rapl:0:0", "core", "400000");
    zone(&tree, "intel-rapl:0:1", "dram", "300000");
    zone(&tree, "intel-rapl:1", "package-1", "2000000");
    zone(&tree, "intel-rapl:1:0", "core", "500000");
    zone(&tree, "intel-rapl:2", "psys", "9000000");
    let mut source = probe(&tree.root()).expect("found");
    near(total(source.as_mut()).expect("packages"), 3.0);
    let parents: Vec<_> = source.rails().iter().map(|rail| (rail.key.as_str(), rail.parent.as_deref())).collect();
    assert_eq!(
        parents,
        [
            ("rapl/package-0", Some("rapl/psys")),
            ("rapl/package-0/core", Some("rapl/package-0")),
            ("rapl/package-0/dram", Some("rapl/package-0")),
            ("rapl/package-1", Some("rapl/psys")),
            ("rapl/package-1/core", Some("rapl/package-1")),
            ("rapl/psys", None),
        ]
    );
    assert_eq!(source.rails()[0].scope, Scope::Rail);
}

#[test]
fn permission_denied_has_a_rule_of_udev_for_a_hint() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", "1");
    tree.put(&format!("{CLASS}/intel-rapl:0/energy_uj@errno"), "EACCES");
    let absent = probe(&tree.root()).err().expect("denied");
    assert_eq!(absent.reason, "permission to read /sys/class/powercap/intel-rapl:0/energy_uj is denied");
    assert!(absent.hint.is_some_and(|hint| hint.contains("SUBSYSTEM==\"powercap\"")));
}

#[test]
fn a_package_that_cannot_be_read_leaves_no_total() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", "1");
    zone(&tree, "intel-rapl:1", "package-1", "1");
    tree.put(&format!("{CLASS}/intel-rapl:1/energy_uj@errno"), "EIO");
    let source = probe(&tree.root()).expect("one of two");
    assert_eq!((source.rails().len(), source.total()), (1, None));
}

#[test]
fn sensor_absent_is_said() {
    let absent = probe(&Tree::new().root()).err().expect("nothing there");
    assert_eq!(absent.reason, "no /sys/class/powercap");
}

#[test]
fn a_counter_that_fails_later_is_a_gap_or_gone() {
    let tree = Tree::new();
    zone(&tree, "intel-rapl:0", "package-0", "5");
    let mut source = probe(&tree.root()).expect("found");
    let errno = format!("{CLASS}/intel-rapl:0/energy_uj@errno");
    tree.put(&errno, "EIO");
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Broken));
    tree.put(&errno, "ENODEV");
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
}
