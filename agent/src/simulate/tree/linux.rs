//! What every Linux board has alike: thermal zones, cooling devices, frequency policies.

use std::io;

use super::Tree;
use crate::simulate::physics::Look;
use crate::simulate::profile::Profile;

impl Tree {
    /// A thermal zone in thousandths of a degree.
    pub(super) fn zone(
        &mut self,
        number: u32,
        kind: &str,
        degrees: impl Fn(&Look) -> f64 + Send + 'static,
    ) -> io::Result<()> {
        let zone = format!("sys/class/thermal/thermal_zone{number}");
        self.fixed(&format!("{zone}/type"), &format!("{kind}\n"))?;
        self.number(&format!("{zone}/temp"), move |look| degrees(look) * 1e3)
    }

    /// A cooling device of one step, which is at work while the board throttles; or, like a fan, never.
    pub(super) fn cooling_device(&mut self, number: u32, kind: &str, throttles: bool) -> io::Result<()> {
        let device = format!("sys/class/thermal/cooling_device{number}");
        self.fixed(&format!("{device}/type"), &format!("{kind}\n"))?;
        self.fixed(&format!("{device}/max_state"), "1\n")?;
        self.number(&format!("{device}/cur_state"), move |look| f64::from(u8::from(throttles && look.throttled)))
    }

    /// Processors in their frequency domains, all at the board's clock. The fastest ones are the last; each domain before runs
    /// at nine tenths of the next. `told`: whether the driver sees that the firmware took the clock down.
    pub(super) fn processors(&mut self, profile: &'static Profile, driver: &str, told: bool) -> io::Result<()> {
        let cpu = "sys/devices/system/cpu";
        let present = format!("0-{}\n", profile.cores() - 1);
        for file in ["online", "present", "possible"] {
            self.fixed(&format!("{cpu}/{file}"), &present)?;
        }
        let mut first = 0;
        for (domain, &last) in profile.last_cores.iter().enumerate() {
            let behind = i32::try_from(profile.last_cores.len() - 1 - domain).unwrap_or(0);
            let share = 0.9_f64.powi(behind);
            let policy = format!("{cpu}/cpufreq/policy{first}");
            let members: Vec<String> = (first..=last).map(|core| core.to_string()).collect();
            let greatest = format!("{:.0}\n", profile.clock_mhz * share * 1e3);
            for (file, text) in [
                ("related_cpus", format!("{}\n", members.join(" "))),
                ("affected_cpus", format!("{}\n", members.join(" "))),
                ("scaling_driver", format!("{driver}\n")),
                ("scaling_governor", "performance\n".to_owned()),
                ("scaling_available_governors", "ondemand performance powersave schedutil\n".to_owned()),
                ("cpuinfo_min_freq", "600000\n".to_owned()),
                ("scaling_min_freq", "600000\n".to_owned()),
                ("cpuinfo_max_freq", greatest.clone()),
                ("scaling_max_freq", greatest),
            ] {
                self.fixed(&format!("{policy}/{file}"), &text)?;
            }
            let asked_khz = profile.clock_mhz * share * 1e3;
            let real = move |look: &Look| look.clock_mhz * share * 1e3;
            self.number(&format!("{policy}/cpuinfo_cur_freq"), real)?;
            self.number(&format!("{policy}/scaling_cur_freq"), move |look| if told { real(look) } else { asked_khz })?;
            for core in first..=last {
                self.link(&format!("{cpu}/cpu{core}/cpufreq"), &format!("../cpufreq/policy{first}"))?;
                self.fixed(&format!("{cpu}/cpu{core}/online"), "1\n")?;
            }
            first = last + 1;
        }
        Ok(())
    }
}
