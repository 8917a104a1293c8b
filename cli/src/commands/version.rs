//! `version`: everything that takes part in a figure.

use ::toolchain::Package;

use crate::{exit::CliError, output};

pub(super) fn version() -> Result<(), CliError> {
    output::line(&format!("furlong {}", env!("CARGO_PKG_VERSION")))?;
    output::line(&format!("protocol {} to {}", proto::PROTOCOL_MIN, proto::PROTOCOL_MAX))?;
    for package in [Package::OnnxRuntime, Package::PostgreSql] {
        output::line(&format!("{package} {} (managed)", package.version()))?;
    }
    Ok(())
}
