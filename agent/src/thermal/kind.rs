//! What a thermometer is at, by its name. Pure.

/// What a thermal zone or a chip's sensor measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Where the work is done, or the skin that must stay cool: the device's temperature.
    Chip,
    /// Something that has a heat of its own: a battery, a charger, a drive, an antenna.
    Apart,
    /// The name does not tell.
    Unknown,
    /// No thermometer at all.
    Absurd,
}

/// Beginnings of a name's words.
const CHIP: [&str; 13] =
    ["cpu", "gpu", "soc", "tj", "cv", "x86", "skin", "tsens", "cluster", "npu", "tpu", "nsp", "package"];
/// Whole words, of Exynos and Tensor (clusters by their size, the graphics processor), and of others' own.
const CHIP_WORDS: [&str; 8] = ["big", "mid", "little", "g3d", "bigcore", "littlecore", "mtktscpu", "tcpu"];
const APART: [&str; 24] = [
    "batt", "bms", "bcl", "vbat", "ibat", "chg", "charg", "usb", "nvme", "ssd", "ufs", "emmc", "wifi", "wlan",
    "iwlwifi", "modem", "mdm", "pm", "cam", "flash", "lcd", "disp", "panel", "rf",
];
/// A crystal oscillator, a power amplifier, a chip set, the air.
const APART_WORDS: [&str; 4] = ["xo", "pa", "pch", "ambient"];

/// A constant 100 degrees on Jetsons; and on phones the battery's state of charge in percent.
const ABSURD: [&str; 3] = ["pmic-die", "soc", "socd"];

impl Kind {
    /// By the name's words, in any case: `cpu-thermal` and `CPU-therm` are the chip's.
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        if ABSURD.contains(&name.as_str()) {
            return Self::Absurd;
        }
        let words = || name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let bare = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let any = |prefixes: &[&str], whole: &[&str]| {
            words().any(|word| {
                prefixes.iter().any(|prefix| word.starts_with(prefix))
                    || whole.contains(&word)
                    || whole.contains(&bare(word).as_str())
            })
        };
        if any(&APART, &APART_WORDS) {
            Self::Apart
        } else if any(&CHIP, &CHIP_WORDS) {
            Self::Chip
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_measured() {
        for (kind, names) in [
            (
                Kind::Chip,
                "cpu-thermal CPU-therm gpu-thermal GPU-therm cv0-thermal soc2-thermal soc012-thermal tj-thermal",
            ),
            (Kind::Chip, "x86_pkg_temp cpu-0-0-usr gpuss-0-usr tsens_tz_sensor11 skin-therm sdm-skin-thermal"),
            (Kind::Chip, "skin_temp_thermal cpu4_thermal BIG MID LITTLE G3D TPU nspss0-thermal"),
            (Kind::Chip, "bigcore0-thermal littlecore-thermal mtktscpu TCPU"),
            (Kind::Apart, "battery bms quiet-charger pa_therm1 xo-therm xo_therm_buf flash_therm ufs_therm pm8998_tz"),
            (Kind::Apart, "pmi8998_tz PM8150_tz nvme iwlwifi_1 wlan mdmss-0-usr pch_skylake usb-thermal rf1-thermal"),
            (
                Kind::Unknown,
                "quiet_therm msm_therm case_therm acpitz AO-therm PLL-therm thermal-fan-est bcm2835_thermal",
            ),
            (Kind::Absurd, "PMIC-Die socd soc"),
        ] {
            for name in names.split(' ') {
                assert_eq!(Kind::of(name), kind, "{name}");
            }
        }
    }
}
