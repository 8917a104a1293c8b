//! Writes answers: tables for people, JSON with a versioned schema for programs.

mod json;
mod table;
mod views;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use table::{Table, facts};
pub(crate) use views::{
    Absent, AccuracyView, ArchitectureView, ArtifactView, CampaignView, CellView, CollectedView, DeviceView, Figures,
    Known, ModelDetailView, ModelView, PlanView, RecordView, ReferenceView, ResolvedCellView, RunView,
    VerifiedArtifactView, VerifiedFileView, count,
};

use crate::{args::Format, exit::CliError};

/// Something that can be written in every format.
pub(crate) trait Answer: Serialize {
    /// Name and version of its JSON form, e.g. `furlong.devices/v1`.
    const SCHEMA: &'static str;

    fn table(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(crate) fn write<A: Answer>(answer: &A, format: Format) -> Result<(), CliError> {
    write_to(&mut io::stdout().lock(), answer, format)
}

/// As [`write`], to somewhere else.
pub(crate) fn write_to<A: Answer>(out: &mut dyn Write, answer: &A, format: Format) -> Result<(), CliError> {
    match format {
        Format::Table => answer.table(out)?,
        Format::Json => json::write(answer, out)?,
    }
    out.flush()?;
    Ok(())
}

/// Writes one line to standard output.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Writes one line to standard error: progress and advice, which no program reads.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell if standard error is gone.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
