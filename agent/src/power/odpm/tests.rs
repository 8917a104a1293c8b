use super::*;
use crate::power::sysfs::tree::{Tree, near, poll, recorded};

const MAIN: &str = "t=1000\nCH0(T=1000)[S4M_VDD_CPUCL0], 1000000\nCH1(T=1000)[S3M_VDD_CPUCL1], 2000000\n\
    CH2(T=1000)[S2M_VDD_CPUCL2], 3000000\nCH3(T=1000)[S5M_VDD_INT], 4000000\nCH4(T=1000)[S1M_VDD_MIF], 5000000\n\
    CH5(T=1000)[VSYS_PWR_MODEM], 0\n";
const SECOND: &str = "t=990\nCH0(T=990)[S2S_VDD_G3D], 6000000\nCH1(T=990)[L9S_GNSS_CORE], 7000000\n";

fn device(number: u32) -> String {
    format!("{DEVICES}/iio:device{number}")
}

fn pixel() -> Tree {
    Tree::of(&device(0), &[("name", "s2mpg10-odpm\n"), ("energy_value", MAIN)])
        .with(&device(1), &[("name", "s2mpg11-odpm\n"), ("energy_value", SECOND)])
        .with(&device(2), &[("name", "light-sensor\n")])
}

fn source(tree: &Tree) -> Box<dyn PowerSource> {
    probe(&tree.root()).map_err(|absent| absent.reason).expect("a Pixel")
}

#[test]
fn a_supply_is_known_by_its_chip_and_its_name() {
    let tree = pixel();
    let mut source = source(&tree);
    let told = poll(source.as_mut()).expect("read");
    assert_eq!(told[0], ("odpm@s2mpg10-odpm/S4M_VDD_CPUCL0".to_owned(), Ok(1.0)));
    assert_eq!(told[5], ("odpm@s2mpg10-odpm/VSYS_PWR_MODEM".to_owned(), Ok(0.0)), "a modem may have used nothing");
    assert_eq!(told[6], ("odpm@s2mpg11-odpm/S2S_VDD_G3D".to_owned(), Ok(6.0)));
    assert_eq!(told.len(), 8);
    assert!(source.rails().iter().all(|rail| rail.scope == Scope::Rail));
}

#[test]
fn the_total_is_of_the_chip_and_only_if_all_of_it_is_told() {
    let tree = pixel();
    assert_eq!(source(&tree).total(), Some(&[0, 1, 2, 3, 4, 6][..]), "neither the modem nor what a regulator feeds");
    tree.put(&format!("{}/energy_value", device(1)), "t=990\nCH1(T=990)[L9S_GNSS_CORE], 7000000\n");
    assert_eq!(source(&tree).total(), None);
}

#[test]
fn counters_that_began_anew_are_counted_from_zero() {
    let tree = pixel();
    let mut source = source(&tree);
    let first = |source: &mut dyn PowerSource| poll(source).expect("read")[0].1.expect("a value");
    near(first(source.as_mut()), 1.0);
    let show = |time: u64, energy: u64| {
        let text = format!("t={time}\nCH0(T={time})[S4M_VDD_CPUCL0], {energy}\n");
        tree.put(&format!("{}/energy_value", device(0)), &text);
    };
    show(1100, 1_500_000);
    near(first(source.as_mut()), 1.5);
    // The clock went back, and the counter is past its old value by now.
    show(50, 9_000_000);
    near(first(source.as_mut()), 0.0);
    show(150, 9_250_000);
    near(first(source.as_mut()), 0.25);
}

#[test]
fn a_rail_that_is_not_told_is_a_gap_of_its_own() {
    let tree = pixel();
    let mut source = source(&tree);
    tree.put(&format!("{}/energy_value", device(0)), "t=1100\nCH0(T=1100)[S4M_VDD_CPUCL0], 1500000\nCH1(T=11");
    let told = poll(source.as_mut()).expect("read");
    assert_eq!((told[0].1, told[1].1, told[6].1), (Ok(1.5), Err(Fault::Broken), Ok(6.0)));
    tree.put(&format!("{}/energy_value", device(0)), "");
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::NotANumber));
    tree.put(&format!("{}/energy_value@errno", device(0)), "EAGAIN");
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Interrupted));
}

#[test]
fn a_monitor_that_got_another_number_is_found_again() {
    let tree = pixel();
    let mut source = source(&tree);
    let lost = format!("{}/energy_value@errno", device(1));
    tree.put(&lost, "ENODEV");
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
    assert!(matches!(source.recheck(), Err(ReadError::Gone(_))), "one of two is not the source");
    tree.rename(&device(1), &device(7));
    tree.remove(&format!("{}/energy_value@errno", device(7)));
    source.recheck().expect("found again");
    assert_eq!(poll(source.as_mut()).expect("read")[6].1, Ok(6.0));
}

#[test]
fn a_phone_without_counters_says_why() {
    let absent = |tree: &Tree| probe(&tree.root()).map(|_| ()).expect_err("no counters");
    assert!(absent(&Tree::new()).reason.contains("no energy_value"));
    let closed = Tree::of(&device(0), &[("energy_value@errno", "EACCES"), ("name", "s2mpg10-odpm")]);
    assert!(absent(&closed).hint.is_some_and(|hint| hint.contains("root")));
}

#[test]
fn real_pixels_tell_their_counters() {
    let read = |device: &str| {
        let path = recorded(&format!("pixel/odpm-{device}.energy_value"))?;
        Some(std::fs::read_to_string(path).expect("read"))
    };
    let (Some(main), Some(second), Some(six)) = (read("angle-device1"), read("angle-device0"), read("pixel6-device1"))
    else {
        return;
    };
    let told = Told::parse(&six).expect("told");
    assert_eq!((told.time, told.energies.len()), (473_848, 8));
    assert_eq!(told.energy("S4M_VDD_CPUCL0"), Some(113_447_446));
    assert_eq!(told.energies[0], ("S10M_VDD_TPU", 3_161_249), "its channel's number is 42");
    // Both have channels 0 to 7, and no name was recorded.
    let tree = Tree::of(&device(0), &[("energy_value", &second)]).with(&device(1), &[("energy_value", &main)]);
    let mut source = source(&tree);
    let keys: std::collections::BTreeSet<&str> = source.rails().iter().map(|rail| rail.key.as_str()).collect();
    assert_eq!(keys.len(), 16);
    let total = source.total().expect("the chip is told").to_vec();
    let told = poll(source.as_mut()).expect("read");
    let joules: f64 = total.iter().map(|&rail| told[rail].1.expect("a value")).sum();
    // By hand: 124.265856 + 170.096352 + 289.995530 + 190.164699 + 196.512891 + 3702.041607.
    near(joules, 4_673.076_935);
}
