use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::library::Functions;
use super::*;
use crate::power::sysfs::tree::{Tree, near, poll, recorded, total};

const SUPPORTED: c_int = 0;
const NOT_SUPPORTED: c_int = 3;
const LOST: c_int = 15;

// A library of two cards, the first of which counts energy; the address of a card is its number plus one.

extern "C" fn fine() -> c_int {
    SUPPORTED
}

#[expect(unsafe_code, reason = "the library's calling convention")]
extern "C" fn two(count: *mut c_uint) -> c_int {
    // SAFETY: the caller's pointer is valid for a write.
    unsafe { count.write(2) };
    SUPPORTED
}

#[expect(unsafe_code, reason = "the library's calling convention")]
extern "C" fn handle(index: c_uint, device: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's pointer is valid for a write.
    unsafe { device.write(std::ptr::without_provenance_mut(index as usize + 1)) };
    SUPPORTED
}

#[expect(unsafe_code, reason = "the library's calling convention")]
extern "C" fn uuid(device: *mut c_void, text: *mut c_char, length: c_uint) -> c_int {
    let name = format!("GPU-{}", device.addr());
    assert!(name.len() < length as usize);
    // SAFETY: the caller's buffer is longer than the name, and holds zeros.
    unsafe { std::ptr::copy_nonoverlapping(name.as_ptr().cast(), text, name.len()) };
    SUPPORTED
}

#[expect(unsafe_code, reason = "the library's calling convention")]
extern "C" fn energy(device: *mut c_void, millijoules: *mut c_ulonglong) -> c_int {
    if device.addr() != 1 {
        return NOT_SUPPORTED;
    }
    // SAFETY: the caller's pointer is valid for a write.
    unsafe { millijoules.write(123_456_789) };
    SUPPORTED
}

#[expect(unsafe_code, reason = "the library's calling convention")]
extern "C" fn power(_device: *mut c_void, milliwatts: *mut c_uint) -> c_int {
    // SAFETY: the caller's pointer is valid for a write.
    unsafe { milliwatts.write(67_030) };
    SUPPORTED
}

extern "C" fn no_energy(_device: *mut c_void, _millijoules: *mut c_ulonglong) -> c_int {
    NOT_SUPPORTED
}

extern "C" fn no_number(_device: *mut c_void, _number: *mut c_uint) -> c_int {
    NOT_SUPPORTED
}

const CARDS: Functions =
    Functions { init: fine, shutdown: fine, count: two, handle, uuid, energy, power, limit: power };

fn nvml(functions: Functions) -> Result<Nvml, String> {
    Nvml::new(Api::begin(functions, None).expect("it starts"))
}

#[test]
fn a_counter_comes_before_the_gauge() {
    let mut source = nvml(CARDS).expect("two cards");
    let kinds: Vec<_> = source.rails().iter().map(|rail| (rail.key.as_str(), rail.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("nvml/GPU-1", RailKind::Counter { range_j: None }),
            ("nvml/GPU-2", RailKind::Gauge { window: Some(Duration::from_secs(1)) }),
        ]
    );
    let values = poll(&mut source).expect("read");
    near(values[0].1.expect("joules"), 123_456.789);
    near(values[1].1.expect("watts"), 67.03);
    assert_eq!(source.total(), Some(&[0, 1][..]));
    near(source.rails()[1].greatest_w.expect("a limit"), 134.06);
}

#[test]
fn not_supported_falls_through() {
    let why = nvml(Functions { energy: no_energy, power: no_number, ..CARDS }).expect_err("an Orin");
    assert_eq!(why, "NVML answers, but tells neither energy nor power (not supported)");
}

#[test]
fn a_card_without_a_limit_has_no_greatest_power() {
    let source = nvml(Functions { limit: no_number, ..CARDS }).expect("two cards");
    assert_eq!(source.rails()[0].greatest_w, None);
}

#[test]
fn a_card_that_is_lost_is_looked_for_again() {
    static STATE: AtomicI32 = AtomicI32::new(SUPPORTED);
    extern "C" fn failing(device: *mut c_void, millijoules: *mut c_ulonglong) -> c_int {
        match STATE.load(Ordering::Relaxed) {
            SUPPORTED => energy(device, millijoules),
            status => status,
        }
    }
    let mut source = nvml(Functions { energy: failing, ..CARDS }).expect("two cards");
    STATE.store(LOST, Ordering::Relaxed);
    let error = poll(&mut source).expect_err("lost");
    assert_eq!(error.to_string(), "the sensor is gone: NVML lost GPU-1 (the card fell off the bus)");
    source.recheck().expect("both are listed");
    STATE.store(999, Ordering::Relaxed);
    assert_eq!(poll(&mut source).expect("read")[0].1, Err(Fault::Broken));
}

#[test]
fn the_library_is_shut_down_at_the_end() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    extern "C" fn end() -> c_int {
        ENDED.store(true, Ordering::Relaxed);
        SUPPORTED
    }
    drop(nvml(Functions { shutdown: end, ..CARDS }).expect("two cards"));
    assert!(ENDED.load(Ordering::Relaxed));
}

#[test]
fn nvidia_smi_of_four_versions_of_its_document() {
    for (fixture, power_w, greatest_limit_w) in [
        ("a100-sxm4-v12.xml", Some(67.03), Some(500.0)),
        ("gtx-1070-ti.xml", None, None),
        ("rtx-3080-v13.xml", Some(139.62), Some(336.0)),
        ("tesla-t4.xml", Some(26.78), Some(70.0)),
    ] {
        let Some(path) = recorded(&format!("nvidia-smi/{fixture}")) else { return };
        let text = std::fs::read_to_string(path).expect("read");
        let cards = smi::parse(&text).expect("a document");
        assert_eq!(cards.len(), 1, "{fixture}");
        assert!(cards[0].uuid.starts_with("GPU-"), "{fixture}");
        assert_eq!((cards[0].power_w, cards[0].greatest_limit_w), (power_w, greatest_limit_w), "{fixture}");
        assert_eq!(smi::parse(&text[..text.len() - 40]), None, "{fixture} cut short");
    }
}

fn document(cards: &[(&str, &str)]) -> String {
    let card = |(uuid, power): &(&str, &str)| format!("<gpu id=\"0\"><uuid>{uuid}</uuid>{power}</gpu>");
    let cards: String = cards.iter().map(card).collect();
    format!(
        "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n<nvidia_smi_log>{cards}</nvidia_smi_log>"
    )
}

const SMI: &str = "/tool/nvidia-smi_-q_-x";

#[test]
fn the_tool_is_the_fallback_and_partial_output_is_a_gap() {
    let told = "<gpu_power_readings><instant_power_draw>40.00 W</instant_power_draw><average_power_draw>39.00 W\
                </average_power_draw></gpu_power_readings><module_power_readings><power_draw>999.00 W</power_draw>\
                </module_power_readings>";
    let silent = "<power_readings><power_draw>[Not Supported]</power_draw></power_readings>";
    let tree = Tree::new();
    tree.put(SMI, &document(&[("GPU-a", silent), ("GPU-b", told)]));
    let mut source = probe(&tree.root()).expect("one of two tells");
    assert_eq!(source.rails()[0].key, "nvidia-smi/GPU-b");
    near(total(source.as_mut()).expect("the cards"), 39.0);
    tree.put(SMI, &document(&[("GPU-b", told)])[..150]);
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::Stale));
    tree.put(SMI, &document(&[("GPU-b", silent)]));
    assert_eq!(poll(source.as_mut()).expect("read")[0].1, Err(Fault::NotANumber));
    tree.remove(SMI);
    assert!(matches!(poll(source.as_mut()), Err(ReadError::Gone(_))));
}

#[test]
fn a_document_cut_anywhere_is_none() {
    let whole =
        document(&[("GPU-a", "<power_readings><power_draw>5.00 W</power_draw></power_readings>"), ("GPU-b", "")]);
    assert_eq!(smi::parse(&whole).expect("whole").len(), 2);
    assert!((0..whole.len()).all(|end| smi::parse(&whole[..end]).is_none()));
    assert!(smi::parse("<html><gpu></gpu></html>").is_none());
}

#[test]
fn without_library_and_tool_both_reasons_are_told() {
    let absent = probe(&Tree::new().root()).err().expect("no card");
    assert_eq!(absent.reason, "no library of NVIDIA's driver; no nvidia-smi");
    let tree = Tree::new();
    tree.put(SMI, &document(&[("GPU-a", "")]));
    assert!(probe(&tree.root()).err().expect("silent").reason.contains("no card tells its power"));
}

#[test]
fn a_machine_without_the_driver_says_so() {
    if let Err(why) = Api::load() {
        assert!(why.contains("libnvidia-ml.so.1") || why.starts_with("NVML does not start"), "{why}");
    }
}
