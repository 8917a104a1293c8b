//! Energy and heat: the record without which no figure is shown, and what was read, drawn over time.

use domain::{RunId, Telemetry};
use maud::{Markup, html};
use tracing::warn;

use super::facts;
use crate::{
    engine::Engine,
    store::{MeasurementRecord, StoreError},
    web::trace_chart,
};

/// Empty where nobody listened.
pub(super) async fn section(engine: &Engine, id: RunId, measured: &MeasurementRecord) -> Result<Markup, StoreError> {
    let Some(telemetry) = engine.store().telemetry(id).await? else { return Ok(Markup::default()) };
    let drawing = drawing(engine, id, &telemetry).await?;
    Ok(html! {
        section {
            h2 { "Energy and heat" }
            @if let Some(board) = &telemetry.simulated {
                p.warning { "The readings are those of a simulated " (board) ": they say nothing about a real one." }
            }
            (facts(&record(&telemetry, measured)))
            (drawing)
        }
    })
}

fn record(telemetry: &Telemetry, measured: &MeasurementRecord) -> Vec<(&'static str, String)> {
    let statistics = measured.statistics.as_ref();
    let mut lines = match statistics.and_then(|statistics| statistics.energy.as_ref()) {
        Some(figure) => figure.facts(),
        None => vec![("Energy", format!("none: {}", telemetry.no_power.as_deref().unwrap_or("not computed")))],
    };
    lines.extend(statistics.and_then(|statistics| statistics.heat.as_ref()).iter().flat_map(|heat| heat.facts()));
    lines.extend(telemetry.pinned.iter().map(|pin| ("Setting", pin.words())));
    lines
}

/// None if the trace can't be read, because the rest of the page can.
async fn drawing(engine: &Engine, id: RunId, telemetry: &Telemetry) -> Result<Markup, StoreError> {
    let trace = engine.store().trace(id).await?;
    let windows = telemetry.windows;
    let counted: Vec<String> = telemetry.power.iter().flat_map(|power| power.total.clone()).collect();
    // Takes up to a second for the longest trace: off the loop.
    let drawn = tokio::task::spawn_blocking(move || {
        energy::trace::decode(&trace).map(|series| trace_chart::render(&series, &windows, &counted))
    });
    match drawn.await {
        Ok(Ok(drawing)) => Ok(drawing),
        Ok(Err(error)) => {
            warn!(run.id = %id, %error, "a stored trace cannot be read");
            Ok(Markup::default())
        }
        Err(error) => {
            warn!(run.id = %id, %error, "reading a stored trace failed");
            Ok(Markup::default())
        }
    }
}
