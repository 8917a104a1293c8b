//! What distinguishes a cell, in a few words.

use domain::{Affinity, CellSpec, Settings};

/// Its settings in one line: always those that every cell has, the others where they are not left at their default.
pub(super) fn describe(spec: &CellSpec) -> String {
    let CellSpec {
        model,
        runtime,
        provider,
        provider_options,
        provider_library: _,
        scenario,
        batch,
        sequence_length,
        dims,
        shapes,
        intra_threads,
        settings,
        input: _,
        state: _,
        require: _,
        warmup: _,
        measure: _,
        time_limit: _,
    } = spec;
    let mut parts =
        vec![model.name.clone(), format!("{runtime}/{provider}"), scenario.to_string(), format!("batch {batch}")];
    parts.extend(sequence_length.map(|length| format!("length {length}")));
    parts.extend(dims.iter().map(|(axis, length)| format!("{axis} {length}")));
    parts.extend(shapes.iter().map(|(input, lengths)| format!("{input} {lengths:?}")));
    parts.push(format!("{intra_threads} {}", if *intra_threads == 1 { "thread" } else { "threads" }));
    parts.extend(changed(settings));
    parts.extend(provider_options.iter().map(|(key, value)| format!("{key}={value}")));
    parts.join(", ")
}

fn changed(settings: &Settings) -> Vec<String> {
    let Settings { inter_threads, spinning, optimization, arena, affinity, variables } = settings;
    let default = Settings::default();
    let mut parts = Vec::new();
    if *inter_threads != default.inter_threads {
        parts.push(format!("{inter_threads} threads between operators"));
    }
    if !spinning {
        parts.push("no spinning".to_owned());
    }
    if *optimization != default.optimization {
        parts.push(format!("optimization {}", optimization.name()));
    }
    if !arena {
        parts.push("no arena".to_owned());
    }
    match affinity {
        Affinity::Any => {}
        Affinity::Big | Affinity::Little => parts.push(format!("on the {affinity} cluster")),
        Affinity::Cpus(_) => parts.push(format!("on processors {affinity}")),
    }
    parts.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    parts
}

#[cfg(test)]
mod tests {
    use domain::{Digest, ModelRef, Optimization};

    use super::*;

    #[test]
    fn only_what_is_not_usual_is_told() {
        let model = ModelRef { name: "m".to_owned(), sha256: Digest::of(b"m"), size_bytes: 1, tokenizer_sha256: None };
        let mut spec = CellSpec::new(model);
        assert_eq!(describe(&spec), "m, onnxruntime/cpu, single-stream, batch 1, 1 thread");
        spec.shapes.insert("x".to_owned(), vec![1, 3]);
        spec.settings = Settings { optimization: Optimization::Basic, affinity: Affinity::Big, ..Settings::default() };
        let expected =
            "m, onnxruntime/cpu, single-stream, batch 1, x [1, 3], 1 thread, optimization basic, on the big cluster";
        assert_eq!(describe(&spec), expected);
    }
}
