//! One attempt's use of the sensors, from before its runner starts to after it has ended.

use std::time::Duration;

use domain::{
    AttemptPhase, CellSpec, Cooldown, CooldownOutcome, Failure, FailureKind, Heat, Measurement, Pin, PowerRule,
    ThermalGate,
};
use energy::gate::{Decision, Gate, Rule};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Station;
use super::keeper::MARGIN_C;
use super::recording::{Circumstances, Marks};
use super::thread::Command;
use crate::stopwatch;

/// Rest before a run on a board that is waited for, where the campaign names none: heat spreads from the die into its board,
/// where no sensor sees it.
const REST: Duration = Duration::from_secs(30);
const REST_SIMULATED: Duration = Duration::from_secs(2);
/// The temperature must stand still for so long, within so many degrees.
const SETTLE: Duration = Duration::from_secs(10);
const SETTLE_SIMULATED: Duration = Duration::from_secs(3);
const SETTLE_C: f64 = 1.0;
/// A board that is not cool after ten minutes will not be.
const GIVE_UP: Duration = Duration::from_mins(10);
/// The sensor thread looks once a second; one that is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// Readings that must lie before and after measuring.
const PERIODS_AROUND: u32 = 2;
/// Longest wait for them, whatever the source.
const AROUND_MOST: Duration = Duration::from_secs(3);

/// One attempt's use of the sensors. Dropped midway, the recording is thrown away.
#[derive(Debug)]
pub(crate) struct Visit {
    station: Station,
    source: Option<usize>,
    no_power: Option<String>,
    poll: Option<Duration>,
    idle_window: Duration,
    idle_before: Option<(i64, i64)>,
    cooldown: Option<Cooldown>,
    recording: bool,
}

impl Visit {
    /// Refuses a cell that names a power source this device lacks.
    pub(crate) fn begin(station: &Station, cell: &CellSpec) -> Result<Self, Failure> {
        let rule = cell.power.as_ref();
        let source = station.choose(rule).map_err(unsupported)?;
        let off = rule.is_some_and(|rule| rule.source == PowerRule::OFF);
        let no_power = if off { Some("the campaign asks for none".to_owned()) } else { station.no_power_reason() };
        let period = |hertz: u32| Duration::from_secs(1) / hertz.max(1);
        Ok(Self {
            station: station.clone(),
            source,
            no_power,
            poll: rule.and_then(|rule| rule.rate_hz).map(period),
            idle_window: rule.map_or(Duration::ZERO, |rule| rule.idle_window),
            idle_before: None,
            cooldown: None,
            recording: false,
        })
    }

    /// Waits until the board may be measured. Safe to drop midway.
    pub(crate) async fn cool(&mut self, cell: &CellSpec) -> Result<(), Failure> {
        let cooldown = self.wait(cell).await?;
        self.station.command(Command::Waited { in_vain: cooldown.outcome == CooldownOutcome::Timeout });
        if cooldown.waited > Duration::ZERO {
            info!(waited = ?cooldown.waited, outcome = cooldown.outcome.name(), start_c = cooldown.start_c, "the board was waited for");
        }
        self.cooldown = Some(cooldown);
        Ok(())
    }

    async fn wait(&self, cell: &CellSpec) -> Result<Cooldown, Failure> {
        let asked = &cell.environment;
        let mut looks = self.station.watch();
        // The first look may still be to come.
        let mut heat = *looks.borrow_and_update();
        if heat.is_none() && timeout(SILENCE, looks.changed()).await.is_ok() {
            heat = *looks.borrow_and_update();
        }
        let reference_c = heat.and_then(|heat| heat.reference_c).filter(|_| asked.thermal_gate != ThermalGate::Off);
        let gates = heat.is_some() && (reference_c.is_some() || asked.max_start_temp_c.is_some());
        let required = asked.thermal_gate == ThermalGate::Required;
        if required && heat.is_none() {
            return Err(unsupported("the cell asks for a cool device (`environment.thermal_gate: required`), and nothing on this device tells its temperature".to_owned()));
        }
        let outcome = if heat.is_none() {
            CooldownOutcome::NoSensor
        } else if asked.thermal_gate == ThermalGate::Off {
            CooldownOutcome::Off
        } else {
            CooldownOutcome::NoReference
        };
        let simulated = self.station.simulated().is_some();
        let rest = asked.cooldown.unwrap_or(match (reference_c, simulated) {
            (None, _) => Duration::ZERO,
            (Some(_), false) => REST,
            (Some(_), true) => REST_SIMULATED,
        });
        let begin = stopwatch::now();
        if !gates && !required {
            sleep(rest).await;
            let start_c = self.station.heat().map(|heat| heat.temperature_c);
            return Ok(Cooldown { reference_c, start_c, waited: stopwatch::now() - begin, outcome });
        }
        let mut gate: Option<Gate> = None;
        loop {
            let now: Option<Heat> = *looks.borrow_and_update();
            let known = now.and_then(|heat| heat.reference_c).filter(|_| asked.thermal_gate != ThermalGate::Off);
            // A reference that is required is waited for as long as it takes to learn it.
            if known.is_some() || !required {
                let gate = gate.get_or_insert_with(|| {
                    Gate::new(Rule {
                        rest,
                        reference_c: known,
                        margin_c: MARGIN_C,
                        max_start_c: asked.max_start_temp_c.map(f64::from),
                        settle: if simulated { SETTLE_SIMULATED } else { SETTLE },
                        settle_c: SETTLE_C,
                        timeout: GIVE_UP,
                    })
                });
                let waited = stopwatch::now() - begin;
                match gate.look(waited, now.map(|heat| heat.temperature_c)) {
                    Decision::Wait => {}
                    Decision::Start(cooldown) => return Ok(cooldown),
                }
            }
            // Looked at anew once a second, or as often as the thread says something.
            let _told_or_silent = timeout(SILENCE, looks.changed()).await;
        }
    }

    /// The runner starts: from now on the board is not at rest, whatever it does. To be said of every run, or the temperature of
    /// a long evaluation would be learnt as that of an idle board.
    pub(crate) fn attend(&self) {
        self.station.command(Command::Attend(true));
    }

    /// Begins to listen, and looks at the idle board for as long as the campaign asks. Safe to drop midway.
    pub(crate) async fn listen(&mut self) {
        self.station.command(Command::Record { source: self.source, poll: self.poll });
        self.recording = true;
        if self.source.is_none() {
            return;
        }
        if self.idle_window.is_zero() {
            sleep(self.around()).await;
            return;
        }
        let begin_ns = stopwatch::monotonic_ns();
        sleep(self.idle_window).await;
        self.idle_before = Some((begin_ns, stopwatch::monotonic_ns()));
    }

    /// Listens a little longer, and adds what was heard to the measurement. `pinned`: settings read back after the run.
    pub(crate) async fn end(mut self, measurement: &mut Measurement, marks: Option<Marks>, pinned: Vec<Pin>) {
        let Some(marks) = marks else { return };
        let mut idle_after = None;
        if self.source.is_some() {
            sleep(self.around()).await;
            if !self.idle_window.is_zero() {
                let begin_ns = stopwatch::monotonic_ns();
                sleep(self.idle_window / 2).await;
                idle_after = Some((begin_ns, stopwatch::monotonic_ns()));
            }
        }
        let (receiver, recording) = oneshot::channel();
        self.station.command(Command::Finish(receiver));
        self.recording = false;
        let Ok(recording) = recording.await else {
            warn!("the sensor thread is gone: the run has no telemetry");
            return;
        };
        let circumstances = Circumstances {
            no_power: self.no_power.take(),
            idle_before: self.idle_before,
            idle_after,
            cooldown: self.cooldown,
            pinned,
            simulated: self.station.simulated().map(|simulated| simulated.board.clone()),
        };
        match recording.telemetry(&marks, circumstances) {
            Ok(telemetry) => measurement.telemetry = Some(Box::new(telemetry)),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "what the sensors told can't be stored"),
        }
    }

    /// Time in which the source has given readings enough on one side of measuring.
    fn around(&self) -> Duration {
        let source = self.source.and_then(|source| self.station.inner.sources.get(source));
        let poll = self.poll.or(source.map(|source| source.poll)).unwrap_or_default();
        (poll * PERIODS_AROUND).min(AROUND_MOST)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.recording {
            let (receiver, _nobody) = oneshot::channel();
            self.station.command(Command::Finish(receiver));
        }
        self.station.command(Command::Attend(false));
    }
}

fn unsupported(message: String) -> Failure {
    Failure::without_runner(FailureKind::Unsupported, AttemptPhase::Preparing, message)
}
