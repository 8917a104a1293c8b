//! One JSON document an answer: `{"schema": "...", "data": ...}`.

use std::io::Write;

use serde::Serialize;

use super::Answer;
use crate::exit::CliError;

#[derive(Serialize)]
struct Document<'a, A> {
    schema: &'static str,
    data: &'a A,
}

pub(super) fn write<A: Answer>(answer: &A, out: &mut dyn Write) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, &Document { schema: A::SCHEMA, data: answer })
        .map_err(|error| CliError::from(std::io::Error::from(error)))?;
    writeln!(out)?;
    Ok(())
}
