//! The thread that samples, since the crate's sampler may not leave the one it was made on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};
use macmon::{Metrics, Sampler};

use super::{GREATEST_W, NAME, Sample};
use crate::power::{Absent, PowerSource, Probed, ReadError, Reading, Root, SourceInfo};
use crate::stopwatch;

/// The model's counters have steps of a millijoule: below a tenth of a second they are mostly steps.
const INTERVAL: Duration = Duration::from_millis(500);
const INTERVAL_MS: u32 = 500;
const QUANTUM_W: f64 = 1e-3 / 0.5;
/// Half a minute of samples: nobody is behind for longer.
const QUEUE: usize = 64;
/// The first sample takes its interval, after the sensors were listed.
const PATIENCE: Duration = Duration::from_secs(10);
const PARTS: [&str; 4] = ["cpu", "gpu", "ane", "dram"];

/// A sample and when it ended, or why there are no more.
type Told = Result<(i64, Sample), String>;

pub(in crate::power) fn probe(root: &Arc<dyn Root>) -> Probed {
    let absent = |reason: String| Absent { source: NAME, reason, hint: None };
    if !root.real() {
        return Err(absent("no Apple chip".to_owned()));
    }
    let samples = start().map_err(|error| absent(format!("no thread to sample on ({error})")))?;
    let (_, first) = match samples.recv_timeout(PATIENCE) {
        Ok(told) => told.map_err(|error| absent(format!("the sensors can't be read ({error})")))?,
        Err(error) => return Err(absent(format!("no sample in {PATIENCE:?} ({error})"))),
    };
    let measured = first.values()[0].is_ok();
    let system = format!("{NAME}/system");
    // The controller tells what is now, and the model what was since the last sample.
    let machine = Rail {
        greatest_w: Some(GREATEST_W),
        ..Rail::new(system.clone(), Scope::DcInput, RailKind::Gauge { window: None })
    };
    let parts = PARTS.iter().map(|part| Rail {
        parent: Some(system.clone()),
        native: Some(INTERVAL),
        quantum: Some(QUANTUM_W),
        greatest_w: Some(GREATEST_W),
        ..Rail::new(format!("{NAME}/{part}"), Scope::ModelEstimate, RailKind::Gauge { window: Some(INTERVAL) })
    });
    Ok(Box::new(Macmon {
        info: SourceInfo { name: NAME.to_owned(), poll: INTERVAL, facts: BTreeMap::new(), remote: true },
        rails: [machine].into_iter().chain(parts).collect(),
        total: if measured { vec![0] } else { (1..=PARTS.len()).collect() },
        samples,
    }))
}

struct Macmon {
    info: SourceInfo,
    rails: Vec<Rail>,
    total: Vec<usize>,
    samples: Receiver<Told>,
}

impl PowerSource for Macmon {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn rails(&self) -> &[Rail] {
        &self.rails
    }

    fn total(&self) -> Option<&[usize]> {
        Some(&self.total)
    }

    fn read(&mut self, readings: &mut Vec<Reading>) -> Result<(), ReadError> {
        loop {
            match self.samples.try_recv() {
                Ok(Ok((at_ns, sample))) => readings.extend((0..).zip(sample.values()).map(|(rail, value)| Reading {
                    rail,
                    begin_ns: at_ns,
                    end_ns: at_ns,
                    value,
                })),
                Ok(Err(error)) => return Err(ReadError::Gone(error)),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(ReadError::Gone("the sampling thread ended".to_owned())),
            }
        }
    }

    fn recheck(&mut self) -> Result<(), ReadError> {
        self.samples = start().map_err(|error| ReadError::Failed(format!("no thread to sample on ({error})")))?;
        Ok(())
    }
}

/// The thread ends with its receiver, or with the first error.
fn start() -> std::io::Result<Receiver<Told>> {
    let (sender, samples) = sync_channel(QUEUE);
    thread::Builder::new().name(NAME.to_owned()).spawn(move || {
        if let Err(error) = sample(&sender) {
            // Nobody may be listening any more.
            sender.try_send(Err(error.to_string())).unwrap_or_default();
        }
    })?;
    Ok(samples)
}

fn sample(sender: &SyncSender<Told>) -> Result<(), Box<dyn std::error::Error>> {
    let mut sampler = Sampler::new()?;
    loop {
        let Metrics { sys_power, cpu_power, gpu_power, ane_power, ram_power, .. } = sampler.get_metrics(INTERVAL_MS)?;
        let sample = Sample {
            system: sys_power,
            processors: cpu_power,
            graphics: gpu_power,
            neural: ane_power,
            memory: ram_power,
        };
        // Of a listener who is half a minute behind, a sample is lost, which is a gap.
        if let Err(TrySendError::Disconnected(_)) = sender.try_send(Ok((stopwatch::monotonic_ns(), sample))) {
            return Ok(());
        }
    }
}
