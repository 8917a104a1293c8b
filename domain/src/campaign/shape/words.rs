//! Rules for single texts: names, paths, versions and what else has a grammar of its own.

use std::path::Path;

use super::{MOST_TEXT_BYTES, Refusal, Rule};
use crate::{Affinity, Precision, ProviderName, Runtime, Selector, campaign::node::shortened, spelling::did_you_mean};

type Checked = Result<(), Refusal>;

pub(in crate::campaign) const API_VERSION: Rule = Rule { read: api_version, pattern: "^furlong/v1$" };
pub(in crate::campaign) const KIND: Rule = Rule { read: kind, pattern: "^Campaign$" };
pub(in crate::campaign) const CAMPAIGN: Rule = Rule { read: campaign, pattern: r"^\s*\S[\s\S]{0,99}$" };
pub(in crate::campaign) const MODEL: Rule = Rule { read: model, pattern: r"^[\s\S]{1,200}$" };
pub(in crate::campaign) const PRECISION: Rule = Rule { read: precision, pattern: "^[a-z][a-z0-9._-]{0,63}$" };
pub(in crate::campaign) const DEVICE: Rule = Rule { read: device, pattern: r"\S" };
pub(in crate::campaign) const COUNT: Rule = Rule { read: count, pattern: "^(one|all|[1-9][0-9]{0,3})$" };
pub(in crate::campaign) const RUNTIME: Rule =
    Rule { read: runtime, pattern: r"^(onnxruntime|onnxruntime\s*==\s*[0-9]+\.[0-9]+\.[0-9][0-9A-Za-z.]*)$" };
pub(in crate::campaign) const PROVIDER: Rule =
    Rule { read: provider, pattern: "^([a-z][a-z-]*|[0-9A-Za-z]{1,63}ExecutionProvider)$" };
pub(in crate::campaign) const SCENARIO: Rule =
    Rule { read: scenario, pattern: "^(single-stream|multi-stream|offline|server)$" };
pub(in crate::campaign) const INPUT: Rule = Rule { read: input, pattern: "^(?!)" };
pub(in crate::campaign) const ATTACHMENT: Rule =
    Rule { read: attachment, pattern: r"^(?!/)(?!.*(^|[/\\])\.\.([/\\]|$))." };
pub(in crate::campaign) const TENSORS: Rule =
    Rule { read: tensors, pattern: r"^(?!/)(?!.*(^|[/\\])\.\.([/\\]|$)).+\.(npz|pb)$" };
pub(in crate::campaign) const LIBRARY: Rule = Rule { read: library, pattern: r"^(/|[A-Za-z]:[/\\])" };
pub(in crate::campaign) const AFFINITY: Rule = Rule { read: affinity, pattern: r"^(any|big|little|[0-9][0-9, -]*)$" };
pub(in crate::campaign) const TARGET_QPS: Rule = Rule { read: target_qps, pattern: r"^(max|[0-9.eE+-]+)$" };
pub(in crate::campaign) const LABEL: Rule = Rule { read: label, pattern: r"^[^\u0000-\u001f]{1,64}$" };
pub(in crate::campaign) const NAME: Rule = Rule { read: name, pattern: r"^[^\u0000-\u001f\u007f-\u009f]{1,256}$" };
pub(in crate::campaign) const VARIABLE: Rule = Rule {
    read: variable,
    pattern: "^(?!([Ll][Dd]|[Dd][Yy][Ll][Dd]|[Ff][Uu][Rr][Ll][Oo][Nn][Gg])_)[A-Za-z_][A-Za-z0-9_]*$",
};
pub(in crate::campaign) const PERCENT: Rule = Rule { read: percent, pattern: r"^[0-9]+(\.[0-9]+)?%$" };
pub(in crate::campaign) const METRIC: Rule = Rule { read: metric, pattern: r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$" };
pub(in crate::campaign) const BASELINE: Rule = Rule { read: baseline, pattern: r"^(last|campaign)\([^()]+\)$" };
/// For texts that only have to be short and plain.
pub(in crate::campaign) const SHORT: Rule = LABEL;

/// Beginnings of variables that would change what is run and not how: the loader's (Linux, macOS) and our own.
const RESERVED: [&str; 3] = ["LD_", "DYLD_", "FURLONG_"];

fn api_version(text: &str, _path: &str) -> Checked {
    known("apiVersion", text, "furlong/v1")
}

fn kind(text: &str, _path: &str) -> Checked {
    known("kind", text, "Campaign")
}

fn known(key: &str, text: &str, only: &str) -> Checked {
    if text == only {
        return Ok(());
    }
    Err(Refusal::new(format!("unknown {key} `{}`", shortened(text)), format!("this version reads `{only}`")))
}

fn campaign(text: &str, _path: &str) -> Checked {
    if text.trim().is_empty() || text.len() > 100 || text.contains('\0') {
        let message = format!("a campaign's name has 1 to 100 bytes, this one has {}", text.trim().len());
        return Err(Refusal::plain(message));
    }
    Ok(())
}

fn model(text: &str, _path: &str) -> Checked {
    if text.is_empty() || text.len() > 200 || text.contains('\0') {
        return Err(Refusal::new("a model's name has 1 to 200 bytes", "`furlong models ls` lists the names"));
    }
    Ok(())
}

fn precision(text: &str, _path: &str) -> Checked {
    Precision::parse(text).map(drop).map_err(|error| {
        let hint = did_you_mean(&text.to_lowercase(), Precision::known());
        Refusal { message: error.to_string(), hint }
    })
}

fn device(text: &str, _path: &str) -> Checked {
    let hint = "write `any`, a device's name or class, or `class=orin,ram_mb>=8000`";
    if text.len() > MOST_TEXT_BYTES || text.chars().any(char::is_control) {
        return Err(Refusal::new("a device selector is a short text without control characters", hint));
    }
    text.parse::<Selector>().map(drop).map_err(|error| Refusal::new(error.to_string(), hint))
}

fn count(text: &str, path: &str) -> Checked {
    let is_number = text.parse::<u32>().is_ok_and(|number| (1..=9999).contains(&number)) && !text.starts_with('0');
    if matches!(text, "one" | "all") || is_number {
        return Ok(());
    }
    let hint = "write `one`, `all`, or a number from 1 to 9999";
    Err(Refusal::new(format!("{path} is `{}`, which is no number of devices", shortened(text)), hint))
}

fn runtime(text: &str, _path: &str) -> Checked {
    const HINT: &str = "write `onnxruntime`, `onnxruntime==1.30.0`, or `{ file: lib/libonnxruntime.so }`";
    let (library, version) = match text.split_once("==") {
        Some((library, version)) => (library.trim(), Some(version.trim())),
        None => (text, None),
    };
    match (library, version) {
        (Runtime::NAME, None) => Ok(()),
        (Runtime::NAME, Some(version)) if is_release(version) => Ok(()),
        (Runtime::NAME, Some(version)) => {
            let message = format!("`{}` is not a release of {}", shortened(version), Runtime::NAME);
            Err(Refusal::new(message, "write all three numbers, such as `onnxruntime==1.30.0`"))
        }
        ("file", None) => Err(Refusal::new("runtime `file` needs the file's path", HINT)),
        _ => {
            let known = [Runtime::NAME, "onnxruntime==VERSION", "{ file: PATH }"];
            let hint = did_you_mean(text, known).unwrap_or_else(|| format!("this version knows {}", known.join(", ")));
            Err(Refusal::new(format!("unknown runtime `{}`", shortened(text)), hint))
        }
    }
}

/// `1.30.0`, or `1.31.0rc1`, `1.31.0.dev20260101`: three numbers, so that one release has one spelling, and nothing that
/// means something to a shell or to pip.
fn is_release(version: &str) -> bool {
    /// Longer than any release so far by half.
    const MOST_BYTES: usize = 32;
    let mut parts = version.splitn(3, '.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    version.len() <= MOST_BYTES
        && is_number(major)
        && is_number(minor)
        && patch.is_some_and(|patch| {
            patch.starts_with(|first: char| first.is_ascii_digit())
                && patch
                    .split('.')
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        })
}

fn provider(text: &str, _path: &str) -> Checked {
    let unknown = |hint: String| Refusal::new(format!("unknown provider `{}`", shortened(text)), hint);
    // Any `..ExecutionProvider` may exist; one that differs from a known one by case alone does not.
    let known = || ProviderName::known().filter_map(ProviderName::parse);
    if let Some(meant) = known()
        .find(|known| known.execution_provider().eq_ignore_ascii_case(text) && known.execution_provider() != text)
    {
        return Err(unknown(format!("did you mean `{}`?", meant.execution_provider())));
    }
    if ProviderName::parse(text).is_some() {
        return Ok(());
    }
    Err(unknown(did_you_mean(text, ProviderName::known()).unwrap_or_else(|| {
        let names: Vec<&str> = ProviderName::known().collect();
        format!("this version knows {}, and the runtime's own names, such as QNNExecutionProvider", names.join(", "))
    })))
}

fn scenario(text: &str, _path: &str) -> Checked {
    const SCENARIOS: [&str; 4] = ["single-stream", "multi-stream", "offline", "server"];
    if SCENARIOS.contains(&text) {
        return Ok(());
    }
    let hint = did_you_mean(text, SCENARIOS);
    let hint = hint.unwrap_or_else(|| format!("this version knows {}", SCENARIOS.join(", ")));
    Err(Refusal::new(format!("unknown scenario `{}`", shortened(text)), hint))
}

fn input(text: &str, _path: &str) -> Checked {
    let hint = match did_you_mean(text, ["text", "random", "tensors"]) {
        Some(hint) if hint.contains(&format!("`{text}`")) => {
            "it has a value, such as `input: { random: {} }`".to_owned()
        }
        Some(hint) => hint,
        None => "such as `input: { random: {} }`".to_owned(),
    };
    let message = format!("input takes exactly one of text, random, tensors, here is `{}`", shortened(text));
    Err(Refusal::new(message, hint))
}

/// Whether a path stays beside or below the file that names it.
pub(in crate::campaign) fn is_confined(path: &str) -> bool {
    let escapes = path.split(['/', '\\']).any(|part| part == "..");
    !path.is_empty()
        && !path.starts_with('/')
        && !escapes
        && !path.chars().any(char::is_control)
        && path.len() <= MOST_TEXT_BYTES
}

fn attachment(text: &str, path: &str) -> Checked {
    if is_confined(text) {
        return Ok(());
    }
    let message = format!("{path} must name a file beside or below the campaign file, not `{}`", shortened(text));
    Err(Refusal::plain(message))
}

fn tensors(text: &str, path: &str) -> Checked {
    attachment(text, path)?;
    let extension = Path::new(text).extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("npz" | "pb")) {
        return Ok(());
    }
    let message = format!("input.tensors is `{}`, which is neither an .npz nor a .pb file", shortened(text));
    Err(Refusal::new(message, "`numpy.savez` writes several inputs; an ONNX TensorProto holds one"))
}

/// A path on the device, where the campaign's folder means nothing.
fn library(text: &str, _path: &str) -> Checked {
    let bytes = text.as_bytes();
    let is_windows = matches!(bytes, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    if (bytes.starts_with(b"/") || is_windows) && !text.contains('\0') && text.len() <= MOST_TEXT_BYTES {
        return Ok(());
    }
    let message = format!("library must be an absolute path on the device, not `{}`", shortened(text));
    Err(Refusal::new(message, "such as `/opt/qnn/libonnxruntime_providers_qnn.so`"))
}

fn affinity(text: &str, _path: &str) -> Checked {
    if Affinity::parse(text).is_some() {
        return Ok(());
    }
    let message = format!("affinity is `{}`, which names no processors", shortened(text));
    Err(Refusal::new(message, "write `any`, `big`, `little`, or their numbers, such as `\"0-3,6\"`"))
}

fn target_qps(text: &str, path: &str) -> Checked {
    if text == "max" {
        return Ok(());
    }
    let Some(rate) = text.parse::<f64>().ok().filter(|rate| rate.is_finite()) else {
        let message = format!("{path} is `{}`, which is not a number of queries per second", shortened(text));
        return Err(Refusal::new(message, "give a number such as `20` or `12.5`, or `max` for the greatest rate"));
    };
    if !(0.001..=1e6).contains(&rate) {
        return Err(Refusal::plain(format!("{path} is {rate}, it must be 0.001 to 1000000")));
    }
    let scaled = rate * 1e3;
    if (scaled - scaled.round()).abs() > 1e-5 {
        return Err(Refusal::plain(format!("{path} is {rate}, it may have at most 3 decimals")));
    }
    Ok(())
}

fn label(text: &str, path: &str) -> Checked {
    if (1..=64).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::plain(format!("{path} must have 1 to 64 bytes and no control characters")))
}

fn name(text: &str, path: &str) -> Checked {
    /// Bytes of a name: models name their inputs after scopes, which grow long.
    const MOST_NAME_BYTES: usize = 256;
    if (1..=MOST_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::plain(format!("a name in {path} has 1 to {MOST_NAME_BYTES} bytes and no control characters")))
}

fn variable(text: &str, path: &str) -> Checked {
    name(text, path)?;
    let is_variable = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit());
    if !is_variable {
        let message = format!("`{}` cannot be the name of a variable", shortened(text));
        return Err(Refusal::new(message, "use letters, digits and `_`, and no digit at the start"));
    }
    // Some systems do not tell upper and lower case apart.
    let upper = text.to_ascii_uppercase();
    if let Some(reserved) = RESERVED.iter().find(|reserved| upper.starts_with(**reserved)) {
        let message =
            format!("variable `{}` may not be set: {reserved}* changes what is run, not how", shortened(text));
        return Err(Refusal::new(message, "another library is a `runtime: { file: .. }` or a provider's `library`"));
    }
    Ok(())
}

fn percent(text: &str, path: &str) -> Checked {
    let share =
        text.strip_suffix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    match share.and_then(|digits| digits.parse::<f64>().ok()) {
        Some(share) if share <= 1000.0 => Ok(()),
        Some(share) => Err(Refusal::plain(format!("{path} is {share}%, it must be 0% to 1000%"))),
        None => Err(Refusal::new(format!("{path} is `{}`, which is no share", shortened(text)), "such as `5%`")),
    }
}

fn metric(text: &str, _path: &str) -> Checked {
    const METRICS: [&str; 15] = [
        "latency.p50",
        "latency.p90",
        "latency.p95",
        "latency.p99",
        "latency.p99.9",
        "latency.mean",
        "latency.max",
        "throughput.queries_per_s",
        "throughput.samples_per_s",
        "energy.j_per_inf",
        "energy.w_mean",
        "memory.peak_bytes",
        "load.time_s",
        "accuracy.ratio",
        "accuracy.value",
    ];
    if METRICS.contains(&text) {
        return Ok(());
    }
    let hint = did_you_mean(text, METRICS).unwrap_or_else(|| format!("this version knows {}", METRICS.join(", ")));
    Err(Refusal::new(format!("unknown metric `{}`", shortened(text)), hint))
}

fn baseline(text: &str, path: &str) -> Checked {
    let argument = ["last(", "campaign("].iter().find_map(|function| text.strip_prefix(function)?.strip_suffix(')'));
    if argument.is_some_and(|argument| !argument.is_empty() && !argument.contains(['(', ')']) && argument.len() <= 100)
    {
        return Ok(());
    }
    let message = format!("{path} is `{}`, which is no baseline", shortened(text));
    Err(Refusal::new(
        message,
        "write `last(main)` for the newest results with the label `branch: main`, or `campaign(12)`",
    ))
}
