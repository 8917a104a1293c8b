//! The circumstances of one run.

use domain::{Drift, Environment, StableEnvironment, VolatileEnvironment};

use super::field::{InvalidMessage, optional_finite, optional_text, present};
use crate::pb;

impl From<Environment> for pb::Environment {
    fn from(environment: Environment) -> Self {
        let Environment { stable, volatile } = environment;
        Self { stable: Some(stable.into()), volatile: Some(volatile.into()) }
    }
}

impl TryFrom<pb::Environment> for Environment {
    type Error = InvalidMessage;

    fn try_from(environment: pb::Environment) -> Result<Self, InvalidMessage> {
        let pb::Environment { stable, volatile } = environment;
        Ok(Self {
            stable: present("environment.stable", stable)?.into(),
            volatile: present("environment.volatile", volatile)?.try_into()?,
        })
    }
}

impl From<StableEnvironment> for pb::StableEnvironment {
    fn from(stable: StableEnvironment) -> Self {
        let StableEnvironment {
            agent_version,
            runtime_version,
            runtime_build,
            runtime_sha256,
            provider,
            provider_options,
            cpu_model,
            isa,
            cores,
            memory_bytes,
            kernel,
            governor,
            boost,
            huge_pages,
            affinity,
            variables,
        } = stable;
        Self {
            agent_version,
            runtime_version,
            runtime_build,
            runtime_sha256,
            provider,
            provider_options,
            cpu_model,
            isa,
            cores,
            memory_bytes,
            kernel,
            governor: governor.unwrap_or_default(),
            boost,
            huge_pages: huge_pages.unwrap_or_default(),
            affinity: affinity.unwrap_or_default(),
            variables,
        }
    }
}

impl From<pb::StableEnvironment> for StableEnvironment {
    fn from(stable: pb::StableEnvironment) -> Self {
        let pb::StableEnvironment {
            agent_version,
            runtime_version,
            runtime_build,
            runtime_sha256,
            provider,
            provider_options,
            cpu_model,
            isa,
            cores,
            memory_bytes,
            kernel,
            governor,
            boost,
            huge_pages,
            affinity,
            variables,
        } = stable;
        Self {
            agent_version,
            runtime_version,
            runtime_build,
            runtime_sha256,
            provider,
            provider_options,
            cpu_model,
            isa,
            cores,
            memory_bytes,
            kernel,
            governor: optional_text(governor),
            boost,
            huge_pages: optional_text(huge_pages),
            affinity: optional_text(affinity),
            variables,
        }
    }
}

impl From<VolatileEnvironment> for pb::VolatileEnvironment {
    fn from(volatile: VolatileEnvironment) -> Self {
        let VolatileEnvironment {
            foreign_cpu_share,
            processor_wait_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
            cpu_pressure,
            memory_pressure,
            io_pressure,
            frequency_start_mhz,
            frequency_end_mhz,
            temperature_start_c,
            temperature_end_c,
            throttle_events,
            available_bytes,
            drift,
        } = volatile;
        Self {
            foreign_cpu_share,
            processor_wait_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
            cpu_pressure,
            memory_pressure,
            io_pressure,
            frequency_start_mhz,
            frequency_end_mhz,
            temperature_start_c,
            temperature_end_c,
            throttle_events,
            available_bytes,
            drift: drift.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::VolatileEnvironment> for VolatileEnvironment {
    type Error = InvalidMessage;

    fn try_from(volatile: pb::VolatileEnvironment) -> Result<Self, InvalidMessage> {
        let pb::VolatileEnvironment {
            foreign_cpu_share,
            processor_wait_share,
            involuntary_switches,
            load_average,
            autogroup_raised,
            cpu_pressure,
            memory_pressure,
            io_pressure,
            frequency_start_mhz,
            frequency_end_mhz,
            temperature_start_c,
            temperature_end_c,
            throttle_events,
            available_bytes,
            drift,
        } = volatile;
        Ok(Self {
            foreign_cpu_share: optional_finite("environment.foreign_cpu_share", foreign_cpu_share)?,
            processor_wait_share: optional_finite("environment.processor_wait_share", processor_wait_share)?,
            involuntary_switches,
            load_average: optional_finite("environment.load_average", load_average)?,
            autogroup_raised,
            cpu_pressure: optional_finite("environment.cpu_pressure", cpu_pressure)?,
            memory_pressure: optional_finite("environment.memory_pressure", memory_pressure)?,
            io_pressure: optional_finite("environment.io_pressure", io_pressure)?,
            frequency_start_mhz,
            frequency_end_mhz,
            temperature_start_c: optional_finite("environment.temperature_start_c", temperature_start_c)?,
            temperature_end_c: optional_finite("environment.temperature_end_c", temperature_end_c)?,
            throttle_events,
            available_bytes,
            drift: drift.into_iter().map(Into::into).collect(),
        })
    }
}

impl From<Drift> for pb::Drift {
    fn from(drift: Drift) -> Self {
        let Drift { what, before, after } = drift;
        Self { what, before, after }
    }
}

impl From<pb::Drift> for Drift {
    fn from(drift: pb::Drift) -> Self {
        let pb::Drift { what, before, after } = drift;
        Self { what, before, after }
    }
}
