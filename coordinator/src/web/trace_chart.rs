//! Power and temperature over time as SVG, with the windows of the run shaded. Every drawing is bounded, however many
//! readings there are.

use std::fmt::Write as _;

use domain::{Quantity, Series, Window, Windows, units};
use maud::{Markup, html};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Room for the axis labels.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 22.0;
/// Columns of a line: each spans the least and the greatest of its readings, so that no peak vanishes.
const COLUMNS: usize = 240;
/// Lines of one drawing: as many as there are colours that can be told apart. The first are those that count.
const LINES: usize = 6;

/// A series as it is drawn.
struct Line {
    name: String,
    /// Seconds and value, ascending.
    points: Vec<(f64, f64)>,
}

/// Power, then temperature; empty if neither was read. `counted`: the rails that add up to the device, drawn first.
pub(super) fn render(series: &[Series], windows: &Windows, counted: &[String]) -> Markup {
    let mut power: Vec<Line> = series.iter().filter_map(watts).collect();
    power.sort_by_key(|line| !counted.contains(&line.name));
    let heat: Vec<Line> =
        series.iter().filter(|series| series.quantity == Quantity::Temperature).filter_map(line).collect();
    html! {
        @if let Some(drawing) = chart("Power", &power, windows, units::watts, true) { (drawing) }
        @if let Some(drawing) = chart("Temperature", &heat, windows, units::celsius, false) { (drawing) }
    }
}

/// As it was read.
fn line(series: &Series) -> Option<Line> {
    let points = series.times_ns.iter().zip(&series.values).map(|(time, value)| (seconds(*time), *value)).collect();
    named(series, points)
}

/// Power as it was read, or the slope of energy between readings far enough apart to have one.
fn watts(series: &Series) -> Option<Line> {
    match series.quantity {
        Quantity::Power => line(series),
        Quantity::Energy => {
            let step = (series.values.len() / COLUMNS).max(1);
            let readings: Vec<(f64, f64)> = line(series)?.points.into_iter().step_by(step).collect();
            let slopes = readings.windows(2).filter_map(|pair| {
                let ((from, before), (to, after)) = (pair[0], pair[1]);
                // A counter that wrapped or was set back has no slope there.
                (to > from && after >= before).then(|| (f64::midpoint(from, to), (after - before) / (to - from)))
            });
            named(series, slopes.collect())
        }
        Quantity::Temperature | Quantity::Frequency | Quantity::Events | Quantity::State => None,
    }
}

fn named(series: &Series, points: Vec<(f64, f64)>) -> Option<Line> {
    (!points.is_empty()).then(|| Line { name: series.name.clone(), points })
}

/// `None` if there is nothing to draw. `from_zero`: the axis begins at 0, and not below the least value.
fn chart(title: &str, lines: &[Line], windows: &Windows, unit: fn(f64) -> String, from_zero: bool) -> Option<Markup> {
    let shown = &lines[..lines.len().min(LINES)];
    let points = || shown.iter().flat_map(|line| &line.points);
    let (begin, end) = span(points().map(|(time, _)| *time))?;
    let (least, greatest) = span(points().map(|(_, value)| *value))?;
    let bottom = if from_zero { least.min(0.0) } else { least.floor() };
    let top = if greatest > bottom { greatest } else { bottom + 1.0 };
    let x = |time: f64| LEFT + (time - begin) * (WIDTH - LEFT) / (end - begin).max(1e-9);
    let y = |value: f64| (HEIGHT - BOTTOM) * (top - value) / (top - bottom);
    let label = format!("{title} over time, {} to {}, {begin:.1} s to {end:.1} s", unit(least), unit(greatest));
    Some(html! {
        h3 { (title) }
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            @for (class, window) in shaded(windows) {
                @let (from, to) = (seconds(window.begin_ns).clamp(begin, end), seconds(window.end_ns).clamp(begin, end));
                rect class=(class) x=(format!("{:.1}", x(from))) y="0" width=(format!("{:.1}", x(to) - x(from)))
                    height=(HEIGHT - BOTTOM) { title { (class) } }
            }
            line.axis x1=(LEFT) y1="0" x2=(LEFT) y2=(HEIGHT - BOTTOM) {}
            line.axis x1=(LEFT) y1=(HEIGHT - BOTTOM) x2=(WIDTH) y2=(HEIGHT - BOTTOM) {}
            text x=(LEFT - 6.0) y="11" text-anchor="end" { (unit(top)) }
            text x=(LEFT - 6.0) y=(HEIGHT - BOTTOM) text-anchor="end" { (unit(bottom)) }
            text x=(LEFT) y=(HEIGHT - 6.0) { (format!("{begin:.1} s")) }
            text x=(WIDTH) y=(HEIGHT - 6.0) text-anchor="end" { (format!("{end:.1} s")) }
            @for (number, line) in shown.iter().enumerate() {
                path class={ "series series" (number) } d=(path(&line.points, x, y)) { title { (line.name) } }
            }
        }
        p.note {
            @for (number, line) in shown.iter().enumerate() { span class={ "key key" (number) } { (line.name) } " " }
            @if lines.len() > LINES { "and " (lines.len() - LINES) " more that are not drawn. " }
            "Measuring is shaded, and begins at 0 s."
        }
    })
}

fn shaded(windows: &Windows) -> Vec<(&'static str, Window)> {
    let Windows { idle_before, idle_after, warm_up, ranging, measuring } = *windows;
    let windows = [
        ("idle", idle_before),
        ("warm-up", warm_up),
        ("ranging", ranging),
        ("measuring", measuring),
        ("idle", idle_after),
    ];
    windows.into_iter().filter_map(|(class, window)| Some((class, window?))).collect()
}

fn path(points: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let columns = points.len().min(COLUMNS);
    let mut path = String::new();
    for column in 0..columns {
        let part = &points[column * points.len() / columns..(column + 1) * points.len() / columns];
        let Some((low, high)) = span(part.iter().map(|(_, value)| *value)) else { continue };
        let at = x(part[part.len() / 2].0);
        let command = if column == 0 { 'M' } else { 'L' };
        // A dot where there is nothing but one reading.
        let _infallible = write!(path, "{command}{at:.1} {:.1}V{:.1}", y(low), y(high));
        if columns == 1 {
            path.push_str("h0.5");
        }
    }
    path
}

/// Least and greatest of finite numbers; `None` of none.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |span, value| match span {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand pixels")]
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, quantity: Quantity, values: impl IntoIterator<Item = f64>) -> Series {
        let values: Vec<f64> = values.into_iter().collect();
        let times_ns = (0..values.len()).map(|number| i64::try_from(number).expect("few") * 10_000_000).collect();
        Series { name: name.to_owned(), quantity, times_ns, values }
    }

    fn windows() -> Windows {
        Windows { measuring: Some(Window { begin_ns: 0, end_ns: 5_000_000_000 }), ..Windows::default() }
    }

    #[test]
    fn drawings_stay_small_and_hold_any_number_of_readings() {
        for count in [1_u32, 2, 239, 240, 241, 100_000] {
            let power = (0..10).map(|rail| {
                series(&format!("rail-{rail}"), Quantity::Power, (0..count).map(|number| f64::from(number % 13)))
            });
            let heat = series("cpu", Quantity::Temperature, (0..count).map(|_| 40.0));
            let all: Vec<Series> = power.chain([heat]).collect();
            let text = render(&all, &windows(), &["rail-9".to_owned()]).into_string();
            assert!(text.len() < 80_000, "{count} readings take {} bytes", text.len());
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            assert!(text.contains("rail-9") && !text.contains("rail-8"), "those that count are drawn");
        }
    }

    #[test]
    fn a_counter_is_drawn_as_its_slope_and_not_where_it_wrapped() {
        // 5 W, and back to 0 in the middle.
        let counter = series("package", Quantity::Energy, (0..20).map(|number| f64::from(number % 10) * 0.05));
        let points = watts(&counter).expect("a line").points;
        assert_eq!(points.len(), 18);
        assert!(points.iter().all(|(_, watts)| (watts - 5.0).abs() < 1e-9), "{points:?}");
    }

    #[test]
    fn without_power_and_heat_there_is_no_drawing() {
        let clocks = [series("cpu0", Quantity::Frequency, [1.0, 2.0]), series("empty", Quantity::Power, [])];
        assert_eq!(render(&clocks, &windows(), &[]).into_string(), "");
    }
}
