//! A planned cell as YAML: every setting, and behind each where it comes from. What is written is an entry of `extra`.

use std::{
    fmt::{Display, Write as _},
    time::Duration,
};

use super::{
    PlannedCell,
    origin::{Origin, Origins},
};
use crate::{
    AccuracyRule, CellSpec, EnvironmentRule, InputSource, MeasureRule, PowerRule, ProviderName, Regime, Requirement,
    Runtime, Scenario, ServerLoad, Settings, Warmup,
};

impl PlannedCell {
    /// In the words of a campaign file: as an entry of `extra`, it makes this cell again.
    pub fn to_yaml(&self) -> String {
        let Self { number: _, spec, device, key: _, tag, evaluates: _, origins } = self;
        let mut writer = Writer { lines: Vec::new(), origins };
        writer.cell(spec, &device.to_string());
        if let Some(tag) = tag {
            writer.value("tag", text(tag));
        }
        writer.finish()
    }
}

struct Writer<'a> {
    /// Each with where it comes from.
    lines: Vec<(String, Option<Origin>)>,
    origins: &'a Origins,
}

impl Writer<'_> {
    /// `path` ends in the key; its other parts say how deep it stands.
    fn value(&mut self, path: &str, value: impl Display) {
        self.keyed(&path.split('.').collect::<Vec<_>>(), value);
    }

    fn keyed(&mut self, path: &[&str], value: impl Display) {
        let Some((key, above)) = path.split_last() else { return };
        let origin = self.origin(&path.join("."));
        self.lines.push((format!("{}{}: {value}", "  ".repeat(above.len()), text(key)), Some(origin)));
    }

    fn head(&mut self, depth: usize, key: &str) {
        self.lines.push((format!("{}{}:", "  ".repeat(depth), text(key)), None));
    }

    /// Of that setting, else of what it is a part of, else of its first part.
    fn origin(&self, path: &str) -> Origin {
        let mut above = path;
        loop {
            if let Some(origin) = self.origins.get(above) {
                return origin.clone();
            }
            let Some((shorter, _)) = above.rsplit_once('.') else { break };
            above = shorter;
        }
        let beneath = format!("{path}.");
        let part = self.origins.range(beneath.clone()..).next().filter(|(part, _)| part.starts_with(&beneath));
        if let Some((_, origin)) = part {
            return origin.clone();
        }
        // The numbers of a measurement are those of its tier.
        let tier = if path.starts_with("measure.") { self.origins.get("measure.tier") } else { None };
        tier.cloned().unwrap_or(Origin::BUILT_IN)
    }

    fn finish(self) -> String {
        /// Further to the right, nobody reads a comment.
        const WIDEST: usize = 48;
        let width = self.lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= WIDEST).max();
        let width = width.unwrap_or(0);
        let mut yaml = String::new();
        for (line, origin) in self.lines {
            yaml.push_str(&line);
            if let Some(origin) = origin {
                yaml.extend(std::iter::repeat_n(' ', width.saturating_sub(line.chars().count())));
                yaml.push_str(if origin == Origin::BUILT_IN { "  # " } else { "  # from " });
                // A file's name may hold anything but must not end the comment.
                yaml.extend(origin.to_string().chars().map(|c| if c.is_control() { '?' } else { c }));
            }
            yaml.push('\n');
        }
        yaml
    }

    fn table<T>(&mut self, key: &str, table: &std::collections::BTreeMap<String, T>, value: impl Fn(&T) -> String) {
        if !table.is_empty() {
            self.head(0, key);
            for (name, item) in table {
                self.keyed(&[key, name], value(item));
            }
        }
    }

    fn cell(&mut self, spec: &CellSpec, device: &str) {
        let CellSpec {
            model,
            runtime,
            provider,
            provider_options,
            provider_library,
            fallback,
            scenario,
            batch,
            sequence_length,
            dims,
            shapes,
            intra_threads,
            settings,
            input,
            state,
            require,
            warmup,
            measure,
            time_limit,
            power_mode,
            environment,
            power,
            accuracy,
        } = spec;
        self.value("model", text(&model.name));
        self.optional("precision", model.precision.as_ref());
        self.value("device", text(device));
        match runtime {
            Runtime::Managed | Runtime::Release(_) => self.value("runtime", text(&runtime.to_string())),
            Runtime::File(file) => {
                self.head(0, "runtime");
                self.value("runtime.file", text(&file.path));
            }
        }
        self.value("provider", providers(provider, provider_options, provider_library.as_deref(), fallback));
        self.scenario(*scenario);
        self.value("batch", batch);
        self.optional("sequence_length", sequence_length.as_ref());
        self.table("dims", dims, u32::to_string);
        self.table("shapes", shapes, |lengths| format!("{lengths:?}"));
        self.value("intra_threads", intra_threads);
        self.settings(settings);
        self.input(input);
        self.table("state", state, |input| text(input));
        if let Some(Requirement { provider, min_share_millionths }) = require {
            self.head(0, "require");
            self.value("require.provider", provider);
            self.value("require.min_share", f64::from(*min_share_millionths) / 1e6);
        }
        self.optional("time_limit", time_limit.map(period).as_ref());
        let Warmup { min_iterations, min_duration } = warmup;
        self.head(0, "warmup");
        self.value("warmup.min_iterations", min_iterations);
        self.value("warmup.min_duration", period(*min_duration));
        let MeasureRule { tier, min_queries, min_duration, max_duration } = measure;
        self.head(0, "measure");
        self.value("measure.tier", tier.name());
        self.value("measure.min_queries", min_queries);
        self.value("measure.min_duration", period(*min_duration));
        self.value("measure.max_duration", period(*max_duration));
        self.optional("power_mode", power_mode.as_deref().map(text).as_ref());
        self.conditions(environment, power.as_ref(), accuracy.as_ref());
    }

    fn optional(&mut self, path: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.value(path, value);
        }
    }

    fn scenario(&mut self, scenario: Scenario) {
        match scenario {
            Scenario::SingleStream | Scenario::Offline => self.value("scenario", scenario.name()),
            Scenario::MultiStream { samples_per_query } => {
                self.head(0, "scenario");
                self.head(1, scenario.name());
                self.value("scenario.multi-stream.samples_per_query", samples_per_query);
            }
            Scenario::Server { load, target_latency, percentile } => {
                self.head(0, "scenario");
                self.head(1, scenario.name());
                let rate = match load {
                    ServerLoad::Fixed(rate) => rate.per_second().to_string(),
                    ServerLoad::Search => "max".to_owned(),
                };
                self.value("scenario.server.target_qps", rate);
                self.value("scenario.server.target_latency", period(target_latency));
                self.value("scenario.server.percentile", f64::from(percentile.millionths()) / 1e4);
            }
        }
    }

    fn settings(&mut self, settings: &Settings) {
        let Settings { inter_threads, spinning, optimization, arena, affinity, variables } = settings;
        self.value("inter_threads", inter_threads);
        self.value("spinning", spinning);
        self.value("optimization", optimization.name());
        self.value("arena", arena);
        self.value("affinity", text(&affinity.to_string()));
        self.table("variables", variables, |value| text(value));
    }

    fn input(&mut self, input: &InputSource) {
        self.head(0, "input");
        match input {
            InputSource::Text(file) => self.value("input.text", text(&file.path)),
            InputSource::Tensors(file) => self.value("input.tensors", text(&file.path)),
            InputSource::Random { seed, ranges } => {
                self.head(1, "random");
                self.value("input.random.seed", seed);
                if !ranges.is_empty() {
                    self.head(2, "ranges");
                }
                for (name, (low, high)) in ranges {
                    self.keyed(&["input", "random", "ranges", name], format!("[{low}, {high}]"));
                }
            }
        }
    }

    fn conditions(
        &mut self,
        environment: &EnvironmentRule,
        power: Option<&PowerRule>,
        accuracy: Option<&AccuracyRule>,
    ) {
        let EnvironmentRule { governor, max_start_temp_c, cooldown, thermal_gate, regime } = environment;
        if !environment.is_default() {
            self.head(0, "environment");
            self.optional("environment.governor", governor.as_deref().map(text).as_ref());
            self.optional("environment.max_start_temp_c", max_start_temp_c.as_ref());
            self.optional("environment.cooldown", cooldown.map(period).as_ref());
            self.value("environment.thermal_gate", text(thermal_gate.name()));
            self.value("environment.regime", regime.name());
            if let Regime::Sustained { plateau } = regime {
                self.value("environment.plateau_window", period(*plateau));
            }
        }
        if let Some(PowerRule { source, rate_hz, idle_window, method }) = power {
            self.head(0, "power");
            self.value("power.source", text(source));
            self.optional("power.rate_hz", rate_hz.as_ref());
            self.value("power.idle_window", period(*idle_window));
            self.value("power.method", method.name());
        }
        if let Some(AccuracyRule { task, min_ratio_millionths, reference, evaluation }) = accuracy {
            self.head(0, "accuracy");
            self.value("accuracy.task", text(task.as_deref().unwrap_or(AccuracyRule::FROM_MODEL)));
            let ratio = min_ratio_millionths.map(|millionths| f64::from(millionths) / 1e6);
            self.optional("accuracy.min_ratio", ratio.as_ref());
            self.value("accuracy.ref", reference);
            if let Some(evaluation) = evaluation {
                self.value("accuracy.dataset", text(&evaluation.dataset.path));
                self.optional("accuracy.examples", evaluation.examples.as_ref());
                self.value("accuracy.checked_examples", evaluation.checked_examples);
                self.value("accuracy.on_bad_example", evaluation.on_bad_example.name());
            }
        }
    }
}

/// In one line: a list of providers is one value.
fn providers(
    name: &ProviderName,
    options: &std::collections::BTreeMap<String, String>,
    library: Option<&str>,
    fallback: &[ProviderName],
) -> String {
    let mut parts: Vec<String> = library.map(|library| format!("library: {}", text(library))).into_iter().collect();
    if !options.is_empty() {
        let options: Vec<String> =
            options.iter().map(|(key, value)| format!("{}: {}", text(key), text(value))).collect();
        parts.push(format!("options: {{ {} }}", options.join(", ")));
    }
    let first = if parts.is_empty() { name.to_string() } else { format!("{{ {name}: {{ {} }} }}", parts.join(", ")) };
    if fallback.is_empty() {
        return first;
    }
    let all: Vec<String> = std::iter::once(first).chain(fallback.iter().map(ToString::to_string)).collect();
    format!("[{}]", all.join(", "))
}

fn period(period: Duration) -> String {
    humantime::format_duration(period).to_string()
}

/// Plain where it can't be taken for anything else, else in quotes.
fn text(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./=<>!+".contains(&byte);
    let is_word = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && text.bytes().all(safe)
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_word {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // What YAML does not print, or takes for the end of a line.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') || c as u32 >= 0xfffe => {
                // Writing to a string cannot fail.
                write!(quoted, "\\U{:08x}", c as u32).unwrap_or_default();
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
