//! An Apple M2: what `powermetrics -f plist` prints, a new document every half second, and the level of thermal pressure that
//! the system tells whoever asks. There is no thermometer to be read.

use std::io;

use super::Tree;
use crate::simulate::physics::Look;

/// Half a second at twenty looks a second.
const LOOKS_PER_DOCUMENT: u32 = 10;
/// Shares of the package's energy.
const ON_GPU: f64 = 0.02;
/// The efficiency cluster's clock.
const EFFICIENCY_MHZ: f64 = 2424.0;
const LEVEL: &str = "com.apple.system.thermalpressurelevel";

pub(super) fn plant(tree: &mut Tree) -> io::Result<()> {
    let mut documents = Documents::default();
    tree.live("tool/powermetrics", 2400, move |look| documents.next(look))?;
    // 2 = heavy.
    tree.live(&format!("tool/notifyutil_-g_{LEVEL}"), 64, |look| {
        format!("{LEVEL} {}", if look.throttled { 2 } else { 0 })
    })
}

/// The document shown now, and what the next one will be about.
#[derive(Default)]
struct Documents {
    text: String,
    looks: u32,
    joules: f64,
    /// How many there were.
    number: u64,
    seconds: f64,
}

impl Documents {
    fn next(&mut self, look: &Look) -> String {
        if self.looks == 0 {
            self.text = self.document(look);
            self.joules = look.joules;
            self.seconds = look.seconds;
            self.number += 1;
        }
        self.looks = (self.looks + 1) % LOOKS_PER_DOCUMENT;
        self.text.clone()
    }

    /// Energies in millijoules over the time that really went by, which is a little more than asked for.
    fn document(&self, look: &Look) -> String {
        let seconds = (look.seconds - self.seconds).max(1e-3);
        let package = (look.joules - self.joules) * 1e3;
        let [on_gpu, on_processors] = [ON_GPU, 1.0 - ON_GPU].map(|share| package * share);
        let pressure = if look.throttled { "Heavy" } else { "Nominal" };
        let second = self.number / 2 % 60;
        let minute = self.number / 120 % 60;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
             <plist version=\"1.0\">\n<dict>\n\
             <key>is_delta</key><true/>\n\
             <key>elapsed_ns</key><integer>{:.0}</integer>\n\
             <key>hw_model</key><string>Mac14,2</string>\n\
             <key>timestamp</key><date>2024-01-01T00:{minute:02}:{second:02}Z</date>\n\
             <key>processor</key>\n<dict>\n\
             <key>clusters</key>\n<array>\n{}{}</array>\n\
             <key>cpu_energy</key><integer>{on_processors:.0}</integer>\n\
             <key>cpu_power</key><real>{:.3}</real>\n\
             <key>gpu_energy</key><integer>{on_gpu:.0}</integer>\n\
             <key>gpu_power</key><real>{:.3}</real>\n\
             <key>ane_energy</key><integer>0</integer>\n\
             <key>ane_power</key><real>0</real>\n\
             <key>combined_power</key><real>{:.3}</real>\n\
             </dict>\n\
             <key>thermal_pressure</key><string>{pressure}</string>\n\
             <key>gpu</key>\n<dict>\n\
             <key>freq_hz</key><real>444</real>\n\
             <key>idle_ratio</key><real>0.98</real>\n\
             <key>gpu_energy</key><integer>{on_gpu:.0}</integer>\n\
             </dict>\n</dict>\n</plist>",
            seconds * 1e9,
            cluster("E-Cluster", EFFICIENCY_MHZ, 0),
            cluster("P-Cluster", look.clock_mhz, 4),
            on_processors / seconds,
            on_gpu / seconds,
            package / seconds,
        )
    }
}

/// A cluster with its first processor.
fn cluster(name: &str, megahertz: f64, cpu: u32) -> String {
    let hertz = megahertz * 1e6;
    format!(
        "<dict><key>name</key><string>{name}</string><key>freq_hz</key><real>{hertz:.0}</real>\
         <key>idle_ratio</key><real>0.5</real><key>cpus</key><array><dict><key>cpu</key><integer>{cpu}</integer>\
         <key>freq_hz</key><real>{hertz:.0}</real><key>idle_ratio</key><real>0.5</real></dict></array></dict>\n"
    )
}
