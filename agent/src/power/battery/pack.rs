//! One battery: its status, its gauge, and the counter of its charge where that is calibrated.

use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::{Rail, RailKind, Scope};

use super::calibration::{self, Calibration};
use super::{GREATEST_W, NAME, SUPPLIES, Useless};
use crate::power::sysfs::{self, Integer, judged, scaled};
use crate::power::{Attribute, Fault, ReadError, Root};
use crate::stopwatch;

/// Of one cell, and of some in a row. Outside, the battery is none: set-top boxes tell 13 mV.
const CELL_MV: RangeInclusive<i64> = 2_500..=20_000;
/// Joules of a microampere-hour at one volt.
const UAH_J: f64 = 3600.0 / 1e6;
/// Of a cell, to turn a step of charge into one of energy.
const NOMINAL_V: f64 = 3.85;
/// Two looks further apart belong to two runs: what changed in between concerns neither.
const APART_NS: i64 = 10_000_000_000;

pub(super) struct Pack {
    rail: Rail,
    status: Attribute,
    /// What it said at the last look, and whether it said something else before.
    state: Option<String>,
    changed: bool,
    looked_ns: i64,
    gauge: Gauge,
    charge: Option<Charge>,
}

/// What power is made of.
enum Gauge {
    /// Microwatts. The sign means nothing: drivers do not agree, and the status says which way it flows.
    Power(Integer),
    /// Microvolts, and a current whose unit is so many microamperes.
    Product { voltage: Integer, current: Integer, unit_ua: f64, negative: Option<bool> },
}

/// What flowed out so far.
struct Charge {
    counter: Integer,
    voltage: Integer,
    step_uah: f64,
    last_uah: Option<i64>,
    joules: f64,
}

/// One value of the gauge, and one of the counter if there is one.
type Values = Vec<Result<f64, Fault>>;

impl Pack {
    pub(super) fn open(
        root: &Arc<dyn Root>,
        name: &str,
        calibration: Option<&Calibration>,
        phone: bool,
    ) -> Result<Self, Useless> {
        let path = format!("{SUPPLIES}/{name}");
        let status = root.open(&format!("{path}/status"));
        let status = status.map_err(|error| Useless::because(format!("tells no status ({error})")))?;
        let gauge = Gauge::open(root, &path, calibration, phone)?;
        let charge = calibration.and_then(|calibration| calibration.charge_step_uah);
        let charge = charge.and_then(|step_uah| Charge::open(root, &path, step_uah));
        let rail = Rail {
            greatest_w: Some(GREATEST_W),
            ..Rail::new(format!("{NAME}/{name}"), Scope::Battery, RailKind::Gauge { window: None })
        };
        Ok(Self { rail, status, state: None, changed: false, looked_ns: 0, gauge, charge })
    }

    /// Whether its second rail is a counter.
    pub(super) fn counts(&self) -> bool {
        self.charge.is_some()
    }

    pub(super) fn rails(&self) -> Vec<Rail> {
        let counter = self.charge.as_ref().map(|charge| Rail {
            key: format!("{}/charge", self.rail.key),
            kind: RailKind::Counter { range_j: None },
            quantum: Some(charge.step_uah * UAH_J * NOMINAL_V),
            ..self.rail.clone()
        });
        [self.rail.clone()].into_iter().chain(counter).collect()
    }

    /// Looks at its status.
    pub(super) fn look(&mut self) -> Result<(), ReadError> {
        let state = match self.status.read().or_else(|_interrupted| self.status.read()) {
            Ok(state) => Some(state),
            Err(error) if sysfs::gone(&error) => {
                return Err(ReadError::Gone(format!("{}: its status can no longer be read ({error})", self.rail.key)));
            }
            Err(_unreadable) => None,
        };
        let now_ns = stopwatch::monotonic_ns();
        let together = now_ns - std::mem::replace(&mut self.looked_ns, now_ns) < APART_NS;
        self.changed = together && self.state.is_some() && self.state != state;
        self.state = state;
        Ok(())
    }

    pub(super) fn discharges(&self) -> bool {
        self.state.as_deref() == Some("Discharging")
    }

    /// Values while some battery delivers: of one that rests, nothing or the fault that it does not.
    pub(super) fn read(&mut self) -> Result<Values, ReadError> {
        // What it told before and after belongs to two states of the device.
        if self.changed {
            return Ok(self.rest(Fault::Charging));
        }
        let watts = self.gauge.watts()?;
        if !self.discharges() {
            return Ok(if watts == Ok(0.0) { self.idle() } else { self.rest(Fault::Charging) });
        }
        let mut values = vec![watts.and_then(|watts| judged(watts, &self.rail, true))];
        if let Some(charge) = &mut self.charge {
            values.push(charge.joules()?);
        }
        Ok(values)
    }

    /// The same fault for each of its rails.
    pub(super) fn rest(&mut self, fault: Fault) -> Values {
        let charge = self.charge.as_mut().map(|charge| {
            // What flows in the meantime is none of the device's.
            charge.last_uah = None;
            Err(fault)
        });
        [Err(fault)].into_iter().chain(charge).collect()
    }

    fn idle(&self) -> Values {
        [Ok(0.0)].into_iter().chain(self.charge.as_ref().map(|charge| Ok(charge.joules))).collect()
    }
}

impl Gauge {
    fn open(root: &Arc<dyn Root>, path: &str, calibration: Option<&Calibration>, phone: bool) -> Result<Self, Useless> {
        let open = |file: &str| Integer::tried(root, format!("{path}/{file}"));
        if let Ok((power, _now)) = open("power_now") {
            return Ok(Self::Power(power));
        }
        let ((voltage, microvolts), (current, _now)) = match (open("voltage_now"), open("current_now")) {
            (Ok(voltage), Ok(current)) => (voltage, current),
            (Err(error), _) | (_, Err(error)) => {
                return Err(Useless::because(format!("tells neither power nor current and voltage ({error})")));
            }
        };
        if microvolts.is_ok_and(|microvolts| !CELL_MV.contains(&(microvolts / 1000))) {
            return Err(Useless::because("its voltage is none of a battery"));
        }
        match calibration {
            Some(Calibration { unit_ua, negative, charge_step_uah: _ }) => {
                Ok(Self::Product { voltage, current, unit_ua: *unit_ua, negative: *negative })
            }
            None if phone => Err(Useless {
                reason: "a phone's current is not calibrated, and its unit is not guessed".to_owned(),
                hint: Some(calibration::HINT),
            }),
            None => Ok(Self::Product { voltage, current, unit_ua: 1.0, negative: None }),
        }
    }

    /// Watts that leave the battery, as far as the status says that they do.
    fn watts(&mut self) -> Result<Result<f64, Fault>, ReadError> {
        Ok(match self {
            Self::Power(power) => power.read()?.map(|raw| scaled(raw, 1e-6).abs()),
            Self::Product { voltage, current, unit_ua, negative } => match (voltage.read()?, current.read()?) {
                (Ok(microvolts), Ok(raw)) => {
                    // Against the sign that was calibrated, it would flow in.
                    let sign = match negative {
                        Some(negative) if *negative == (raw > 0) && raw != 0 => -1.0,
                        _ => 1.0,
                    };
                    Ok(sign * scaled(microvolts, 1e-6) * scaled(raw, *unit_ua * 1e-6).abs())
                }
                (Err(fault), _) | (_, Err(fault)) => Err(fault),
            },
        })
    }
}

impl Charge {
    fn open(root: &Arc<dyn Root>, path: &str, step_uah: f64) -> Option<Self> {
        let open = |file: &str| Integer::tried(root, format!("{path}/{file}")).ok();
        let ((counter, charge), (voltage, _now)) = (open("charge_counter")?, open("voltage_now")?);
        // Below zero it is an errno, and none of a phone's battery holds less than a tenth of an ampere-hour.
        charge.is_ok_and(|uah| uah > 100_000).then_some(Self {
            counter,
            voltage,
            step_uah,
            last_uah: None,
            joules: 0.0,
        })
    }

    /// Joules since the first reading. More charge than before flowed in, which no discharging battery does.
    fn joules(&mut self) -> Result<Result<f64, Fault>, ReadError> {
        let (uah, microvolts) = match (self.counter.read()?, self.voltage.read()?) {
            (Ok(uah), Ok(microvolts)) if uah > 0 => (uah, microvolts),
            (Ok(_), Ok(_)) => return Ok(Err(Fault::Sentinel)),
            (Err(fault), _) | (_, Err(fault)) => return Ok(Err(fault)),
        };
        let left = self.last_uah.replace(uah).map_or(0, |last| last - uah);
        if left < 0 {
            return Ok(Err(Fault::Negative));
        }
        self.joules += scaled(left, UAH_J) * scaled(microvolts, 1e-6);
        Ok(Ok(self.joules))
    }
}
