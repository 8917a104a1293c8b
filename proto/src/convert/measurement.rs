//! What one run recorded. Its circumstances, placement and readings: [`super::environment`],
//! [`super::placement`], [`super::telemetry`].

use std::time::Duration;

use domain::{AccuracyRecord, Measurement, OutputCheck, Placement, Rate, Samples, Telemetry, Timestamp, Trial};

use super::field::{InvalidMessage, optional_text, positive, present, rate, wire_ns};
use super::load::stop_reason;
use crate::pb;

impl From<Measurement> for pb::Measurement {
    fn from(measurement: Measurement) -> Self {
        let Measurement {
            started_at,
            measured,
            issuing,
            stop,
            samples,
            slip,
            rate,
            trials,
            histogram,
            runtime_load,
            session_load,
            first_inference,
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query,
            environment,
            placement,
            placement_problem,
            inputs,
            outputs,
            accuracy,
            check,
            telemetry,
        } = measurement;
        Self {
            started_at_us: started_at.0,
            measured_ns: wire_ns(measured),
            issuing_ns: wire_ns(issuing),
            stop: pb::StopReason::from(stop).into(),
            samples: Some(samples.into()),
            slip: slip.map(Into::into),
            rate_millis: rate.map(Rate::millis),
            trials: trials.into_iter().map(Into::into).collect(),
            histogram,
            runtime_load_ns: wire_ns(runtime_load),
            session_load_ns: wire_ns(session_load),
            first_inference_ns: wire_ns(first_inference),
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query,
            environment: Some(environment.into()),
            placement: placement.map(Into::into),
            placement_problem: placement_problem.unwrap_or_default(),
            inputs,
            outputs,
            accuracy: accuracy.map(|record| (*record).into()),
            check: (check != OutputCheck::default()).then(|| check.into()),
            telemetry: telemetry.map(|telemetry| (*telemetry).into()),
        }
    }
}

impl TryFrom<pb::Measurement> for Measurement {
    type Error = InvalidMessage;

    fn try_from(measurement: pb::Measurement) -> Result<Self, InvalidMessage> {
        let pb::Measurement {
            started_at_us,
            measured_ns,
            issuing_ns,
            stop,
            samples,
            slip,
            rate_millis,
            trials,
            histogram,
            runtime_load_ns,
            session_load_ns,
            first_inference_ns,
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query,
            environment,
            placement,
            placement_problem,
            inputs,
            outputs,
            accuracy,
            check,
            telemetry,
        } = measurement;
        Ok(Self {
            started_at: Timestamp(started_at_us),
            measured: Duration::from_nanos(measured_ns),
            issuing: Duration::from_nanos(issuing_ns),
            stop: stop_reason("measurement.stop", stop)?,
            samples: present("measurement.samples", samples)?.try_into()?,
            slip: slip.map(Samples::try_from).transpose()?,
            rate: rate_millis.map(|millis| rate("measurement.rate_millis", millis)).transpose()?,
            trials: trials.into_iter().map(Trial::try_from).collect::<Result<_, _>>()?,
            histogram,
            runtime_load: Duration::from_nanos(runtime_load_ns),
            session_load: Duration::from_nanos(session_load_ns),
            first_inference: Duration::from_nanos(first_inference_ns),
            warmup_iterations,
            peak_rss_bytes,
            end_rss_bytes,
            samples_per_query: positive("measurement.samples_per_query", samples_per_query)?,
            environment: present("measurement.environment", environment)?.try_into()?,
            placement: placement.map(Placement::try_from).transpose()?,
            placement_problem: optional_text(placement_problem),
            inputs,
            outputs,
            accuracy: accuracy.map(AccuracyRecord::try_from).transpose()?.map(Box::new),
            // A version that checks no outputs sends nothing.
            check: check.map(OutputCheck::try_from).transpose()?.unwrap_or_default(),
            telemetry: telemetry.map(Telemetry::try_from).transpose()?.map(Box::new),
        })
    }
}

impl From<Samples> for pb::Samples {
    fn from(samples: Samples) -> Self {
        let Samples { pco, count, quantum_ns } = samples;
        Self { pco, count, quantum_ns }
    }
}

impl TryFrom<pb::Samples> for Samples {
    type Error = InvalidMessage;

    fn try_from(samples: pb::Samples) -> Result<Self, InvalidMessage> {
        let pb::Samples { pco, count, quantum_ns } = samples;
        Ok(Self {
            pco,
            count: positive("samples.count", count)?,
            quantum_ns: positive("samples.quantum_ns", quantum_ns)?,
        })
    }
}

impl From<Trial> for pb::Trial {
    fn from(trial: Trial) -> Self {
        let Trial { rate, queries, over_latency, passed } = trial;
        Self { rate_millis: rate.millis(), queries, over_latency, passed }
    }
}

impl TryFrom<pb::Trial> for Trial {
    type Error = InvalidMessage;

    fn try_from(trial: pb::Trial) -> Result<Self, InvalidMessage> {
        let pb::Trial { rate_millis, queries, over_latency, passed } = trial;
        Ok(Self { rate: rate("trial.rate_millis", rate_millis)?, queries, over_latency, passed })
    }
}
