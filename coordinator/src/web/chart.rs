//! Two small drawings of a run's latencies as SVG. Every drawing is bounded, however many samples there are.

use std::fmt::Write as _;

use domain::{SteadyState, units};
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Room for the axis labels.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 22.0;
/// Columns drawn: about two to a pixel pair.
const COLUMNS: usize = 360;

/// Pieces and outliers marked at most; what goes beyond is seen in the drawing itself.
const MARKS: usize = 100;

/// Latency by issue order. Each column spans the least and the greatest of its samples, so that no outlier vanishes. The
/// pieces that `steady` found are marked at their medians, and its outliers by dots.
pub(super) fn over_time(samples: &[u64], steady: Option<&SteadyState>) -> Markup {
    let top = samples.iter().copied().max().unwrap_or(1).max(1);
    let columns = samples.len().min(COLUMNS);
    let mut path = String::new();
    for column in 0..columns {
        let part = &samples[column * samples.len() / columns..(column + 1) * samples.len() / columns];
        let (Some(low), Some(high)) = (part.iter().min(), part.iter().max()) else { continue };
        let x = LEFT + (index(column) + 0.5) * (WIDTH - LEFT) / index(columns);
        // A dash of one pixel where all samples are alike.
        let (low, high) = (height_of(*low, top) + 0.5, height_of(*high, top) - 0.5);
        let _infallible = write!(path, "M{x:.1} {low:.1}V{high:.1}");
    }
    let label = format!("Latency of {} queries in order of issue, up to {}", samples.len(), units::duration_ns(top));
    let drawing = html! {
        path.bars d=(path) {}
        @if let Some(steady) = steady { (marks(samples, steady, top)) }
    };
    svg(&label, top, &drawing, &format!("query 1 to {}", samples.len()), None)
}

fn marks(samples: &[u64], steady: &SteadyState, top: u64) -> Markup {
    let count = index(samples.len().max(1));
    let x = |sample: u64| LEFT + index64(sample) * (WIDTH - LEFT) / count;
    let mut pieces = String::new();
    for piece in steady.segments.iter().take(MARKS) {
        let y = height_of(piece.p50_ns.min(top), top);
        let _infallible = write!(pieces, "M{:.1} {y:.1}H{:.1}", x(piece.start), x(piece.end));
    }
    let mut outliers = String::new();
    for &outlier in steady.outliers.iter().take(MARKS) {
        let Some(&latency) = usize::try_from(outlier).ok().and_then(|outlier| samples.get(outlier)) else { continue };
        let _infallible =
            write!(outliers, "M{:.1} {:.1}h0", x(outlier) + (WIDTH - LEFT) / count / 2.0, height_of(latency, top));
    }
    html! {
        path.pieces d=(pieces) { title { "medians of the pieces between changes" } }
        path.outliers d=(outliers) { title { "outliers" } }
    }
}

/// The empirical cumulative distribution, from the least to the greatest latency.
pub(super) fn cumulative(samples: &[u64]) -> Markup {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let (Some(least), Some(greatest)) = (sorted.first().copied(), sorted.last().copied()) else { return html! {} };
    let span = index64(greatest - least).max(1.0);
    let points = sorted.len().min(COLUMNS);
    let mut path = format!("M{LEFT:.1} {:.1}", HEIGHT - BOTTOM);
    for point in 1..=points {
        let rank = point * sorted.len() / points;
        let x = LEFT + index64(sorted[rank - 1] - least) * (WIDTH - LEFT - 2.0) / span;
        let y = (HEIGHT - BOTTOM) * (1.0 - index(rank) / index(sorted.len()));
        let _infallible = write!(path, "H{x:.1}V{:.1}", y.max(1.0));
    }
    let label = format!(
        "Cumulative share of queries by latency, {} to {}",
        units::duration_ns(least),
        units::duration_ns(greatest)
    );
    svg(
        &label,
        greatest,
        &html! { path.line d=(path) {} },
        &units::duration_ns(least),
        Some(&units::duration_ns(greatest)),
    )
}

fn svg(label: &str, top: u64, drawing: &Markup, left: &str, right: Option<&str>) -> Markup {
    let upper = if right.is_some() { "100 %".to_owned() } else { units::duration_ns(top) };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            line.axis x1=(LEFT) y1="0" x2=(LEFT) y2=(HEIGHT - BOTTOM) {}
            line.axis x1=(LEFT) y1=(HEIGHT - BOTTOM) x2=(WIDTH) y2=(HEIGHT - BOTTOM) {}
            text x=(LEFT - 6.0) y="11" text-anchor="end" { (upper) }
            text x=(LEFT - 6.0) y=(HEIGHT - BOTTOM) text-anchor="end" { "0" }
            text x=(LEFT) y=(HEIGHT - 6.0) { (left) }
            @if let Some(right) = right { text x=(WIDTH) y=(HEIGHT - 6.0) text-anchor="end" { (right) } }
            (drawing)
        }
    }
}

fn height_of(value: u64, top: u64) -> f64 {
    (HEIGHT - BOTTOM) * (1.0 - index64(value) / index64(top))
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand pixels")]
fn index(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand pixels")]
fn index64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use domain::{Segment, SteadyClass};

    use super::*;

    #[test]
    fn drawings_stay_small_and_hold_any_number_of_samples() {
        for count in [1, 2, 359, 360, 361, 100_000] {
            let samples: Vec<u64> = (0..count).map(|number| number * 7919 % 1_000_003).collect();
            let pieces =
                samples.iter().map(|&sample| Segment { start: sample, end: sample, mean_ns: 1.0, p50_ns: sample });
            let steady = SteadyState {
                class: SteadyClass::Flat,
                segments: pieces.collect(),
                steady_from: 0,
                burst_ns: 0,
                sustained_ns: 0,
                outlier_count: count,
                // One of them beyond the end.
                outliers: (0..=count).collect(),
            };
            for drawing in [over_time(&samples, Some(&steady)), over_time(&samples, None), cumulative(&samples)] {
                let text = drawing.into_string();
                assert!(text.len() < 20_000, "{count} samples take {} bytes", text.len());
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
    }
}
