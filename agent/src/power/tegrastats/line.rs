//! The grammar of a line of tegrastats, of every release since 2018. Knows no board.

/// Below this no board runs: -256 is a block that is switched off, and early releases printed -45 for it.
const COLDEST_C: f64 = -40.0;
/// The sensor of the power management chip shows 100 degrees and nothing else.
const CONSTANT: &str = "PMIC";

/// What one line tells. Names are the line's own, each once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Line {
    /// Watts now, without channels that are not connected.
    pub(super) rails: Vec<(String, f64)>,
    /// Degrees Celsius. The agent's temperatures and clocks come from sysfs; here they keep the grammar whole.
    pub(super) temperatures: Vec<(String, f64)>,
    /// Load in per cent and clocks in MHz, of `CPU0`, `CPU1`, .., `EMC`, `GR3D` and every engine that runs.
    pub(super) units: Vec<Unit>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) load_percent: Option<f64>,
    pub(super) clocks_mhz: Vec<f64>,
}

impl Line {
    /// Everything in the line that is understood; what is not is left out, as the words between differ from release to release.
    pub(super) fn parse(text: &str) -> Self {
        let mut line = Self::default();
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if let Some((name, celsius)) = temperature(word) {
                if celsius >= COLDEST_C && name != CONSTANT {
                    line.temperatures.push((name.to_owned(), celsius));
                }
                continue;
            }
            let Some(&value) = words.peek() else { break };
            if matches!(word, "RAM" | "SWAP" | "IRAM") {
                // Their `a/b` is memory, whatever stands behind it.
                words.next();
            } else if !is_name(word) {
                // A date, or the inside of a bracket.
            } else if let Some(cores) = value.strip_prefix('[').filter(|_| word == "CPU") {
                let cores = cores.trim_end_matches(']').split(',').enumerate();
                line.units.extend(cores.filter_map(|(core, text)| unit(format!("CPU{core}"), text)));
                words.next();
            } else if let Some(milliwatts) = rail(value) {
                if word != "NC" && !line.rails.iter().any(|(name, _)| name == word) {
                    line.rails.push((word.to_owned(), milliwatts * 1e-3));
                }
                words.next();
            } else if let Some(unit) = unit(word.strip_suffix("_FREQ").unwrap_or(word).to_owned(), value) {
                line.units.push(unit);
                words.next();
            }
        }
        line
    }
}

/// `VDD_IN` and its like: a letter, then capitals, digits and underscores.
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The first of `now/average`, `1mW/2mW` or `1mW/2mW/3mW`.
fn rail(value: &str) -> Option<f64> {
    let numbers: Option<Vec<f64>> =
        value.split('/').map(|part| digits(part.strip_suffix("mW").unwrap_or(part))).collect();
    match numbers?.as_slice() {
        [now, _] | [now, _, _] => Some(*now),
        _ => None,
    }
}

/// `CPU@41.4C`, or `cpu@52.9C/52.9C` of which the first is now.
fn temperature(word: &str) -> Option<(&str, f64)> {
    let (name, value) = word.split_once('@')?;
    let now = value.split('/').next()?.strip_suffix('C')?;
    Some((name, now.parse().ok().filter(|celsius: &f64| celsius.is_finite())?)).filter(|_| !name.is_empty())
}

/// `3%`, `3%@204`, `12%@[1300,1300]`, `@[0,0]` or `716`; `off` runs not.
fn unit(name: String, value: &str) -> Option<Unit> {
    let (load, clocks) = match value.split_once('@') {
        Some((load, clocks)) => (load, clocks),
        None if value.ends_with('%') => (value, ""),
        None => ("", value),
    };
    let load_percent = load.strip_suffix('%').map(digits);
    let clocks = clocks.trim_start_matches('[').trim_end_matches(']').split(',').filter(|clock| !clock.is_empty());
    let clocks_mhz: Vec<f64> = clocks.map(digits).collect::<Option<_>>()?;
    match load_percent {
        // A load that is no number.
        Some(None) => None,
        None if clocks_mhz.is_empty() || !load.is_empty() => None,
        load => Some(Unit { name, load_percent: load.flatten(), clocks_mhz }),
    }
}

fn digits(text: &str) -> Option<f64> {
    text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).map(f64::from)
}
