//! `trace`: every reading of power, heat and clocks beside a run, for other programs to draw and to count.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use anyhow::Context as _;
use domain::{Quantity, RunId, Series, Window, Windows};
use proto::pb;
use serde::Serialize;

use crate::{
    args::{Format, TraceArgs, TraceFormat},
    client::Client,
    exit::CliError,
    output::{self, Answer},
};

/// The readings of one run. Its table is CSV in long form.
#[derive(Debug, Serialize)]
struct TraceView {
    run: String,
    windows: WindowsView,
    series: Vec<SeriesView>,
}

/// Nanoseconds since measuring began; `None` = there was no such part.
#[derive(Debug, Serialize)]
struct WindowsView {
    idle_before: Option<Window>,
    warm_up: Option<Window>,
    ranging: Option<Window>,
    measuring: Option<Window>,
    idle_after: Option<Window>,
}

#[derive(Debug, Serialize)]
struct SeriesView {
    series: String,
    quantity: Quantity,
    unit: &'static str,
    /// Since measuring began, ascending.
    times_ns: Vec<i64>,
    /// As many.
    values: Vec<f64>,
}

impl TraceView {
    fn new(run: RunId, windows: Windows, series: Vec<Series>) -> Self {
        let Windows { idle_before, idle_after, warm_up, ranging, measuring } = windows;
        let series = series.into_iter().map(|Series { name, quantity, times_ns, values }| SeriesView {
            series: name,
            quantity,
            unit: quantity.unit(),
            times_ns,
            values,
        });
        Self {
            run: run.to_string(),
            windows: WindowsView { idle_before, warm_up, ranging, measuring, idle_after },
            series: series.collect(),
        }
    }

    fn readings(&self) -> usize {
        self.series.iter().map(|series| series.values.len()).sum()
    }
}

impl Answer for TraceView {
    const SCHEMA: &'static str = "furlong.trace/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "time_s,series,unit,value")?;
        for SeriesView { series, quantity: _, unit, times_ns, values } in &self.series {
            let series = quoted(series);
            for (time, value) in times_ns.iter().zip(values) {
                writeln!(out, "{},{series},{unit},{value}", Seconds(*time))?;
            }
        }
        Ok(())
    }
}

/// Nanoseconds as seconds, every digit kept.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, ns) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// RFC 4180.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

pub(super) async fn trace(args: TraceArgs) -> Result<(), CliError> {
    let TraceArgs { run, file, connection, output } = args;
    let client = Client::connect(&connection.coordinator).await?;
    let Some((windows, trace)) = readings(&client, run).await? else {
        return Err(CliError::Invalid(format!(
            "there are no readings of power, heat or clocks beside {run}\nhint: `furlong show {run}` says why"
        )));
    };
    let series = energy::trace::decode(&trace).map_err(anyhow::Error::from)?;
    let view = TraceView::new(run, windows, series);
    let format = match output {
        TraceFormat::Csv => Format::Table,
        TraceFormat::Json => Format::Json,
    };
    let Some(path) = file else { return output::write_to(&mut BufWriter::new(io::stdout().lock()), &view, format) };
    let created = File::create(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
    output::write_to(&mut BufWriter::new(created), &view, format)?;
    output::note(&format!("{} readings of {} series are in `{}`", view.readings(), view.series.len(), path.display()));
    Ok(())
}

/// What the coordinator holds of a run's readings, compressed; `None` if it holds none.
pub(super) async fn readings(client: &Client, run: RunId) -> Result<Option<(Windows, Vec<u8>)>, CliError> {
    use pb::trace_chunk::Chunk;
    let mut chunks = match client.results().get_trace(pb::GetTraceRequest { run_id: run.0 }).await {
        Ok(chunks) => chunks.into_inner(),
        Err(status) if status.code() == tonic::Code::NotFound => return Ok(None),
        Err(status) => return Err(status.into()),
    };
    let (mut windows, mut trace) = (None, Vec::new());
    while let Some(pb::TraceChunk { chunk }) = chunks.message().await? {
        match chunk {
            Some(Chunk::Windows(told)) => windows = Some(Windows::try_from(told).map_err(anyhow::Error::from)?),
            Some(Chunk::Data(data)) => trace.extend_from_slice(&data),
            None => {}
        }
        if trace.len() > proto::TRACE_LIMIT_BYTES {
            let limit = proto::TRACE_LIMIT_BYTES;
            return Err(anyhow::anyhow!("the readings of {run} are longer than {limit} bytes").into());
        }
    }
    let windows = windows.with_context(|| format!("the readings of {run} came without their windows"))?;
    Ok(Some((windows, trace)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_exported_one_a_line_with_every_digit() {
        let series = Series {
            name: "ina3221@1-0040/VDD_IN, \"5 V\"".to_owned(),
            quantity: Quantity::Power,
            times_ns: vec![-1_500_000_001, 0, 20_000_000],
            values: vec![5.0, 0.1 + 0.2, 6.25],
        };
        let view = TraceView::new(RunId(7), Windows::default(), vec![series]);
        let mut out = Vec::new();
        view.table(&mut out).expect("a vector takes everything");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "time_s,series,unit,value\n\
             -1.500000001,\"ina3221@1-0040/VDD_IN, \"\"5 V\"\"\",W,5\n\
             0.000000000,\"ina3221@1-0040/VDD_IN, \"\"5 V\"\"\",W,0.30000000000000004\n\
             0.020000000,\"ina3221@1-0040/VDD_IN, \"\"5 V\"\"\",W,6.25\n"
        );
    }
}
