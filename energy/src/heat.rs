//! Temperatures, clocks, and whether the device was held back while it was measured.

#[cfg(test)]
mod tests;

use domain::{HeatFigure, Quantity, Series, Telemetry, ThrottleCause, ThrottleSignal, ThrottleVerdict, Window, units};

/// Zones that count among those of which the hottest is the device's temperature, and the processors' clocks.
const ZONES: &str = "zone/";
const PROCESSOR_CLOCKS: [&str; 2] = ["clock/policy", "clock/arm"];
/// Share of the looks at a limit of power below which it counts as a moment.
const LIGHT_SHARE: f64 = 0.05;
/// Events a second at which an Orin Nano Super lives in its greatest power mode: each lasts about a millisecond at half speed.
const LIGHT_EVENTS_PER_S: f64 = 30.0;

/// The heat of a run.
pub fn heat(telemetry: &Telemetry, series: &[Series]) -> HeatFigure {
    let measuring = telemetry.windows.measuring;
    let hottest =
        merged(series, measuring, |series| series.quantity == Quantity::Temperature && series.name.starts_with(ZONES));
    let clocks = merged(series, measuring, |series| {
        series.quantity == Quantity::Frequency && PROCESSOR_CLOCKS.iter().any(|prefix| series.name.starts_with(prefix))
    });
    let (throttle, evidence) = verdict(&telemetry.throttle, measuring);
    HeatFigure {
        throttle,
        evidence,
        cooldown: telemetry.cooldown,
        start_c: hottest.first().copied(),
        end_c: hottest.last().copied(),
        max_c: hottest.iter().copied().reduce(f64::max),
        clock_median_mhz: stats::median(&clocks),
        clock_p5_mhz: percentile(&clocks, 0.05),
    }
}

/// The greatest of the chosen series at each look within the window, in order of time.
fn merged(series: &[Series], window: Option<Window>, chosen: impl Fn(&Series) -> bool) -> Vec<f64> {
    let Some(window) = window else { return Vec::new() };
    let mut greatest = std::collections::BTreeMap::<i64, f64>::new();
    for series in series.iter().filter(|series| chosen(series)) {
        let within = series.times_ns.iter().zip(&series.values);
        for (&at, &value) in within.filter(|(at, _)| (window.begin_ns..=window.end_ns).contains(*at)) {
            greatest.entry(at).and_modify(|greatest| *greatest = greatest.max(value)).or_insert(value);
        }
    }
    greatest.into_values().collect()
}

fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below the number of looks"
    )]
    let index = (share * sorted.len() as f64) as usize;
    sorted.get(index).copied()
}

fn verdict(signals: &[ThrottleSignal], measuring: Option<Window>) -> (ThrottleVerdict, Vec<String>) {
    if signals.is_empty() {
        return (ThrottleVerdict::Unknown, Vec::new());
    }
    let seconds = measuring.map_or(0.0, Window::seconds);
    let happened = || signals.iter().filter(|signal| signal.events > 0);
    let worst = happened().map(|signal| if is_light(signal, seconds) { 1 } else { 2 }).max();
    let verdict = match worst {
        None => ThrottleVerdict::None,
        Some(1) => ThrottleVerdict::Light,
        Some(_) => ThrottleVerdict::Throttled,
    };
    (verdict, happened().map(|signal| sentence(signal, seconds)).collect())
}

/// Only a limit of power may be one at which a board lives: heat and a sagging supply never are.
#[expect(clippy::cast_precision_loss, reason = "events of one run")]
fn is_light(signal: &ThrottleSignal, seconds: f64) -> bool {
    signal.cause == ThrottleCause::PowerLimit
        && match signal.share {
            Some(share) => share < LIGHT_SHARE,
            None => signal.events as f64 <= LIGHT_EVENTS_PER_S * seconds.max(1.0),
        }
}

fn sentence(signal: &ThrottleSignal, seconds: f64) -> String {
    let ThrottleSignal { name, cause, events, share } = signal;
    let cause = match cause {
        ThrottleCause::Thermal => "heat",
        ThrottleCause::PowerLimit => "a limit of power",
        ThrottleCause::Supply => "the supply",
    };
    match share {
        Some(share) => format!("{name}: held back by {cause} for {} of measuring", units::percent(*share)),
        None => format!("{name}: held back by {cause} {events} times in {seconds:.0} s"),
    }
}
