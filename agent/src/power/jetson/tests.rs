use domain::RailKind;

use super::*;
use crate::power::sysfs::tree::{Tree, near, poll, total, values};

const I2C: &str = "/sys/devices/platform/c240000.i2c/i2c-1";
const ORIN: &str = "NVIDIA Jetson AGX Orin Developer Kit";

/// A Thor carrier's readings: the module's three rails, and the input behind an INA238 if it is there.
fn thor(input: bool) -> Tree {
    let module = [
        ("name", "ina3221"),
        ("in1_label", "VDD_GPU"),
        ("in1_input", "12040"),
        ("curr1_input", "640"),
        ("in2_label", "VDD_CPU_SOC_MSS"),
        ("in2_input", "12040"),
        ("curr2_input", "960"),
        ("in3_label", "VIN_SYS_5V0"),
        ("in3_input", "5088"),
        ("curr3_input", "1740"),
    ];
    let tree = Tree::of("/sys/class/hwmon/hwmon2", &module).model("NVIDIA Jetson AGX Thor Developer Kit");
    tree.link("/sys/class/hwmon/hwmon2/device", "../../../2-0040");
    if !input {
        return tree;
    }
    tree.link("/sys/class/hwmon/hwmon3/device", "../../../2-0044");
    let chip = [("name", "ina238"), ("in1_input", "20000"), ("curr1_input", "1150"), ("power1_input", "23000000")];
    tree.with("/sys/class/hwmon/hwmon3", &chip)
}

#[test]
fn agx_orin_counts_three_rails_and_not_the_one_inside() {
    let Some(tree) = Tree::new().model(ORIN).recorded("jetson-agx-orin/sys-12V/devices", "/sys/devices") else {
        return;
    };
    // As the kernel links them; the second chip's directory has no `name`, and is known by its driver.
    tree.link("/sys/class/hwmon/hwmon3", "../../devices/platform/c240000.i2c/i2c-1/1-0040/hwmon/hwmon3");
    tree.link("/sys/class/hwmon/hwmon4", "../../devices/platform/c240000.i2c/i2c-1/1-0041/hwmon/hwmon4");
    for address in ["1-0040", "1-0041"] {
        tree.link(&format!("/sys/bus/i2c/drivers/ina3221/{address}"), &format!("../../../../..{I2C}/{address}"));
    }
    let mut source = probe(&tree.root()).expect("found");
    assert_eq!(
        values(source.as_mut()),
        [
            ("ina3221@1-0040/VDD_GPU_SOC".to_owned(), 3.362),
            ("ina3221@1-0040/VDD_CPU_CV".to_owned(), 0.48),
            ("ina3221@1-0040/VIN_SYS_5V0".to_owned(), 4.869),
            ("ina3221@1-0041/VDDQ_VDD2_1V8AO".to_owned(), 0.397),
        ]
    );
    near(total(source.as_mut()).expect("a known board"), 8.711);
    let inside = &source.rails()[3];
    assert_eq!((inside.parent.as_deref(), inside.scope), (Some("ina3221@1-0040/VIN_SYS_5V0"), Scope::Rail));
    assert_eq!(source.rails()[0].scope, Scope::Module);
    let facts = &source.info().facts;
    assert_eq!(facts["ina3221@1-0040/VDD_GPU_SOC/supply_v"], "12");
    assert_eq!(facts["ina3221@1-0041/NC/dropped"], "not connected");
}

#[test]
fn an_unreadable_rail_of_the_sum_leaves_no_total() {
    let recorded = "jetson-agx-orin/sys-19V-ch3-unreadable/class/hwmon";
    let Some(tree) = Tree::new().model(ORIN).recorded(recorded, "/sys/class/hwmon") else { return };
    let mut source = probe(&tree.root()).expect("found");
    assert_eq!(
        values(source.as_mut()),
        [
            ("ina3221/VDD_GPU_SOC".to_owned(), 2.631),
            ("ina3221/VDD_CPU_CV".to_owned(), 0.376),
            // By the chip's own product.
            ("ina226/VDD_5V".to_owned(), 4.113),
        ]
    );
    assert_eq!(source.total(), None);
    let facts = &source.info().facts;
    assert!(facts["ina3221/VIN_SYS_5V0/dropped"].starts_with("can't be read"), "{facts:?}");
    assert_eq!(facts["total"], "none: a rail of its sum is missing");
    // 280 uV at 140 mA: a shunt of 2 mOhm, whose 40 uV are 20 mA.
    assert_eq!(facts["ina3221/VDD_GPU_SOC/shunt_uohm"], "2000");
    near(source.rails()[0].quantum.expect("known"), 0.020 * 18.792);
    near(source.rails()[0].offset_error_w.expect("known"), 0.040 * 18.792);
}

#[test]
fn orin_nano_is_its_input() {
    let model = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super";
    let Some(tree) = Tree::new().model(model).recorded("jetson-orin-nano-super/sys", "/sys") else { return };
    let mut source = probe(&tree.root()).expect("found");
    near(total(source.as_mut()).expect("a known board"), 9.250);
    assert_eq!(source.rails()[0].scope, Scope::Module);
}

#[test]
fn thor_counts_its_input_alone_and_the_module_without_it() {
    let mut source = probe(&thor(true).root()).expect("found");
    near(total(source.as_mut()).expect("a known board"), 23.0);
    let counted = &source.rails()[source.total().expect("known")[0]];
    assert_eq!((counted.key.as_str(), counted.scope), ("ina238@2-0044/VIN", Scope::DcInput));
    assert!(source.rails()[..3].iter().all(|rail| rail.parent.as_deref() == Some("ina238@2-0044/VIN")));

    let mut source = probe(&thor(false).root()).expect("found");
    near(total(source.as_mut()).expect("a known board"), 28.117);
    assert!(source.rails().iter().all(|rail| rail.scope == Scope::Module && rail.parent.is_none()));
}

#[test]
fn block_gated_reads_zero_on_thors_gpu_alone() {
    let tree = thor(false);
    let mut source = probe(&tree.root()).expect("found");
    for rail in [1, 2] {
        tree.put(&format!("/sys/class/hwmon/hwmon2/curr{rail}_input"), "0");
    }
    let read: Vec<_> = poll(source.as_mut()).expect("read").into_iter().map(|(_, value)| value).collect();
    assert_eq!(read[..2], [Ok(0.0), Err(super::super::Fault::Zero)]);
}

#[test]
fn unit_slip_of_a_power_in_milliwatts_is_caught_at_the_probe() {
    let tree = thor(true);
    tree.put("/sys/class/hwmon/hwmon3/power1_input", "23000");
    let mut source = probe(&tree.root()).expect("found");
    near(total(source.as_mut()).expect("a known board"), 23.0);
    assert!(source.info().facts["ina238@2-0044/in1/power1_input"].starts_with("not in microwatts"));
}

#[test]
fn channel_nc_or_disabled_is_dropped_with_its_reason() {
    let chip = [
        ("name", "ina3221"),
        ("in1_label", "NC"),
        ("in1_input", "0"),
        ("curr1_input", "0"),
        ("in2_label", "OFF"),
        ("in2_enable", "0"),
        ("in2_input", "3300"),
        ("curr2_input", "500"),
        ("in3_label", "DEAD"),
        ("in3_input@errno", "EIO"),
        ("curr3_input", "1"),
    ];
    let tree = Tree::of("/sys/class/hwmon/hwmon0", &chip);
    let absent = probe(&tree.root()).err().expect("no rail is left");
    assert!(absent.reason.contains("NC not connected"), "{absent:?}");
    assert!(absent.reason.contains("OFF switched off"), "{absent:?}");
    assert!(absent.reason.contains("DEAD can't be read (Input/output error"), "{absent:?}");
}

#[test]
fn sums_over_channels_and_voltages_of_shunts_are_no_rails() {
    let sums =
        [("in4_input", "280"), ("in7_input", "360"), ("in7_label", "sum of shunt voltages"), ("curr4_input", "360")];
    let one = [("name", "ina3221"), ("in2_label", "VDD_IN"), ("in2_input", "5000"), ("curr2_input", "1000")];
    let tree = Tree::of("/sys/class/hwmon/hwmon0", &one).with("/sys/class/hwmon/hwmon0", &sums);
    let mut source = probe(&tree.root()).expect("found");
    assert_eq!(values(source.as_mut()), [("ina3221/VDD_IN".to_owned(), 5.0)]);
}

#[test]
fn an_unknown_board_has_rails_and_no_total() {
    let chip = [("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "1000")];
    for model in ["NVIDIA Jetson of tomorrow", "Some other board"] {
        let source = probe(&Tree::of("/sys/class/hwmon/hwmon0", &chip).model(model).root()).expect("found");
        assert_eq!((source.rails().len(), source.total()), (1, None), "{model}");
        assert_eq!(source.info().facts["total"], "none: this board's rails are not known");
    }
}

#[test]
fn duplicate_zone_by_class_and_driver_is_kept_once() {
    let chip = [("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", "5000"), ("curr1_input", "1000")];
    let own = format!("{I2C}/1-0040/hwmon/hwmon1");
    let tree = Tree::of(&own, &chip);
    tree.link(&format!("{own}/device"), "../../../1-0040");
    tree.link("/sys/class/hwmon/hwmon1", "../../devices/platform/c240000.i2c/i2c-1/1-0040/hwmon/hwmon1");
    tree.link("/sys/bus/i2c/drivers/ina3221/1-0040", &format!("../../../../..{I2C}/1-0040"));
    let source = probe(&tree.root()).expect("found");
    let keys: Vec<_> = source.rails().iter().map(|rail| rail.key.as_str()).collect();
    assert_eq!(keys, ["ina3221@1-0040/VDD_IN"]);
}

#[test]
fn jetpack_4_prefers_the_chips_own_power() {
    let device = "/sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1";
    let files = [
        ("rail_name_0", "VDD_IN"),
        // Read at three instants: the product would be 0.131 W.
        ("in_voltage0_input", "730"),
        ("in_current0_input", "180"),
        ("in_power0_input", "1159"),
        ("rail_name_1", "VDD_SYS_CPU"),
        ("in_voltage1_input", "19000"),
        ("in_current1_input", "100"),
        ("rail_name_2", "NC"),
        ("in_power2_input", "0"),
    ];
    let carrier = "/sys/bus/i2c/drivers/ina3221x/0-0042/iio:device2";
    let outside = [
        ("rail_name_0", "VDD_MUX"),
        ("in_power0_input", "2000"),
        ("rail_name_1", "VDD_3V3_SYS"),
        ("in_power1_input", "300"),
    ];
    let mut source = probe(&Tree::of(device, &files).with(carrier, &outside).model("quill").root()).expect("found");
    assert_eq!(
        values(source.as_mut()),
        [
            ("ina3221@0-0041/VDD_IN".to_owned(), 1.159),
            ("ina3221@0-0041/VDD_SYS_CPU".to_owned(), 1.9),
            ("ina3221@0-0042/VDD_MUX".to_owned(), 2.0),
            ("ina3221@0-0042/VDD_3V3_SYS".to_owned(), 0.3),
        ]
    );
    near(total(source.as_mut()).expect("a TX2"), 3.159);
    let parents: Vec<_> = source.rails().iter().map(|rail| rail.parent.as_deref()).collect();
    assert_eq!(parents, [None, Some("ina3221@0-0041/VDD_IN"), None, Some("ina3221@0-0042/VDD_MUX")]);

    // Without its carrier it is the module, and says so.
    let mut source = probe(&Tree::of(device, &files).model("quill").root()).expect("found");
    near(total(source.as_mut()).expect("a TX2"), 1.159);
    assert_eq!(source.rails()[0].scope, Scope::Module);
}

#[test]
fn nano_is_its_input() {
    let model = "NVIDIA Jetson Nano Developer Kit";
    let Some(tree) = Tree::new().model(model).recorded("jetson-nano-jp4/sys", "/sys") else { return };
    let mut source = probe(&tree.root()).expect("found");
    assert_eq!(values(source.as_mut()), [("ina3221@6-0040/POM_5V_IN".to_owned(), 2.875)]);
    near(total(source.as_mut()).expect("a known board"), 2.875);
}

#[test]
fn sensor_absent_is_said_and_is_no_zero() {
    let absent = probe(&Tree::new().model("NVIDIA Jetson Nano 2GB Developer Kit").root()).err().expect("nothing there");
    assert_eq!(absent.source, "ina3221");
    assert!(absent.reason.starts_with("no INA monitor"), "{absent:?}");
}

#[test]
fn the_update_time_is_window_and_pace() {
    for (told, native, polled) in [("140", Some(140), 100), ("70", Some(70), 70), ("5", Some(5), 50), ("0", None, 50)] {
        let chip = [
            ("name", "ina3221"),
            ("samples", "512"),
            ("update_interval", told),
            ("in1_label", "VDD_IN"),
            ("in1_input", "5000"),
            ("curr1_input", "1000"),
            ("shunt1_resistor", "5000"),
        ];
        let source = probe(&Tree::of("/sys/class/hwmon/hwmon0", &chip).root()).expect("found");
        let native = native.map(std::time::Duration::from_millis);
        let rail = &source.rails()[0];
        assert_eq!((rail.native, rail.kind), (native, RailKind::Gauge { window: native }));
        assert_eq!(source.info().poll.as_millis(), polled);
        assert_eq!(source.info().facts["ina3221/samples"], "512");
        // 8 mA at 5 V.
        near(rail.quantum.expect("known"), 0.040);
    }
}

#[test]
fn every_model_is_its_own_board() {
    for (model, first) in [
        ("NVIDIA Jetson AGX Thor Developer Kit", "VIN"),
        ("Jetson-AGX", "GPU"),
        ("NVIDIA Jetson AGX Xavier Developer Kit", "GPU"),
        ("NVIDIA Jetson AGX Orin", "VDD_GPU_SOC"),
        ("NVIDIA Orin NX Developer Kit", "VDD_IN"),
        ("NVIDIA Jetson Xavier NX Developer Kit", "VDD_IN"),
        ("NVIDIA Jetson TX2 NX Developer Kit", "VDD_IN"),
        ("jetson_tx1", "VDD_IN"),
    ] {
        let board = board(Tree::new().model(model).root().as_ref()).expect("known");
        assert_eq!(board.totals[0].rails[0], first, "{model}");
    }
    let tx2_nx = board(Tree::new().model("NVIDIA Jetson TX2 NX Developer Kit").root().as_ref()).expect("known");
    assert_eq!(tx2_nx.totals.len(), 1, "no carrier is in parallel to a TX2 NX");
    assert!(board(Tree::new().model("Raspberry Pi 5 Model B").root().as_ref()).is_none());
}

#[test]
fn permission_denied_has_a_hint() {
    let chip = [("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input@errno", "EACCES"), ("curr1_input", "1")];
    let absent = probe(&Tree::of("/sys/class/hwmon/hwmon0", &chip).root()).err().expect("denied");
    assert!(absent.hint.is_some(), "{absent:?}");
}
