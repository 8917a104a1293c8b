//! Meters beside the device, which somebody named with `--power-meter KIND=ADDRESS`: smart plugs, programs that print what an
//! instrument reads, an Otii server, a `PTDaemon`'s log, an INA on a bus.
//!
//! Owns what each of them says and on whose clock. Looks for nothing by itself, never switches a supply, and integrates
//! nothing: see crate `energy`.

mod alignment;
mod command;
mod feed;
mod i2c;
mod joulescope;
mod otii;
mod plug;
mod ptd;
mod shelly;
mod spec;
mod tasmota;
mod value;

pub use spec::MeterSpec;
