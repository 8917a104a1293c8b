//! An Apple machine's power without root: what its system controller measures of the whole machine, and the chip's own model of
//! its parts, both as the crate `macmon` reads them.
//!
//! The controller's figure holds display, drives and fans, which the model does not: the parts are inside it, and never added
//! to it. Which counter of the chip means what, and in which unit, is the crate's to know.

#[cfg(target_os = "macos")]
mod sampler;

#[cfg(target_os = "macos")]
pub(super) use sampler::probe;

#[cfg(any(target_os = "macos", test))]
use super::Fault;

const NAME: &str = "macmon";

/// Elsewhere there is none.
#[cfg(not(target_os = "macos"))]
pub(super) fn probe(_root: &std::sync::Arc<dyn super::Root>) -> super::Probed {
    Err(super::Absent { source: NAME, reason: "no Apple chip".to_owned(), hint: None })
}

/// The largest machine with two dies, and its display.
#[cfg(any(target_os = "macos", test))]
const GREATEST_W: f64 = 500.0;

/// One sample in watts, as the crate tells it.
#[cfg(any(target_os = "macos", test))]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    /// Of the controller; raised to the sum of the parts if it is lower, and 0 if it can't be read.
    system: f32,
    processors: f32,
    graphics: f32,
    neural: f32,
    memory: f32,
}

#[cfg(any(target_os = "macos", test))]
impl Sample {
    /// By the order of the rails: the machine, then its parts.
    fn values(self) -> [Result<f64, Fault>; 5] {
        let Self { system, processors, graphics, neural, memory } = self;
        // What is no more than the model is the model, and no measurement: the rest of the machine draws something too.
        let measured = system > processors + graphics + neural;
        let whole = if measured { plausible(system) } else { Err(Fault::Sentinel) };
        // Some versions of macOS leave the processors' counter standing.
        let processors = plausible(processors).and_then(|watts| if watts > 0.0 { Ok(watts) } else { Err(Fault::Zero) });
        [whole, processors, plausible(graphics), plausible(neural), plausible(memory)]
    }
}

#[cfg(any(target_os = "macos", test))]
fn plausible(watts: f32) -> Result<f64, Fault> {
    match f64::from(watts) {
        watts if !watts.is_finite() => Err(Fault::NotANumber),
        watts if watts < 0.0 => Err(Fault::Negative),
        watts if watts > GREATEST_W => Err(Fault::UnitSuspect),
        watts => Ok(watts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Sample = Sample { system: 12.5, processors: 4.0, graphics: 1.5, neural: 0.0, memory: 0.5 };

    #[test]
    fn the_machine_comes_before_its_parts() {
        assert_eq!(SAMPLE.values(), [Ok(12.5), Ok(4.0), Ok(1.5), Ok(0.0), Ok(0.5)]);
    }

    #[test]
    fn a_sum_of_the_model_is_not_taken_for_a_measurement() {
        for system in [0.0, 5.5] {
            assert_eq!(Sample { system, ..SAMPLE }.values()[0], Err(Fault::Sentinel), "{system}");
        }
    }

    #[test]
    fn a_counter_that_stands_still_and_a_slip_of_units_are_no_values() {
        assert_eq!(Sample { processors: 0.0, ..SAMPLE }.values()[1], Err(Fault::Zero));
        assert_eq!(Sample { graphics: 4e3, ..SAMPLE }.values()[2], Err(Fault::UnitSuspect));
        assert_eq!(Sample { memory: f32::NAN, ..SAMPLE }.values()[4], Err(Fault::NotANumber));
        assert_eq!(Sample { memory: -1.0, ..SAMPLE }.values()[4], Err(Fault::Negative));
    }
}
