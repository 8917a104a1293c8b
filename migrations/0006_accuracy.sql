-- Accuracy: runs over data sets, how models compare on the same examples, and what every run shows of its outputs.

alter table run add column mode text not null default 'performance' check (mode in ('performance', 'accuracy'));

alter table cell
    -- What it has in common with cells that differ in their load alone: one run over the data set tells of all of them.
    add column evaluation_key bytea check (octet_length(evaluation_key) = 32);
create index cell_evaluation on cell (campaign_id, evaluation_key) where evaluation_key is not null;

create table accuracy (
    run_id bigint primary key references measurement,
    -- domain::Task
    task text not null check (task <> ''),
    dataset_sha256 bytea not null check (octet_length(dataset_sha256) = 32),
    -- Examples: in the data set, looked at, with a prediction, left out.
    total bigint not null,
    seen bigint not null,
    scored bigint not null check (scored > 0),
    skipped bigint not null,
    check (scored + skipped = seen and seen <= total),
    -- [domain::ExampleProblem]
    problems jsonb not null,
    -- [domain::Metric], computed from the predictions by the coordinator.
    metrics jsonb not null,
    -- gzip of JSON lines, see score::predictions.
    predictions_sha256 bytea not null references artifact,
    preprocessing text not null,
    elapsed_ns bigint not null check (elapsed_ns >= 0),
    inference_ns bigint not null check (inference_ns >= 0)
);
create index accuracy_predictions on accuracy (predictions_sha256);

-- Follows from both runs' predictions; computed when it is first asked for.
create table accuracy_comparison (
    run_id bigint not null references accuracy,
    reference_run_id bigint not null references accuracy,
    -- score::Comparison
    comparison jsonb not null,
    primary key (run_id, reference_run_id)
);

create table output_check (
    run_id bigint primary key references measurement,
    model_sha256 bytea not null check (octet_length(model_sha256) = 32),
    -- Of the inputs' bytes; null where an answer depends on earlier ones.
    inputs_sha256 bytea check (octet_length(inputs_sha256) = 32),
    -- [domain::Fingerprint]
    fingerprints jsonb not null,
    -- Of the checked examples, as an accuracy run's; empty where there is no data set.
    predictions bytea not null
);
create index output_check_inputs on output_check (model_sha256, inputs_sha256) where inputs_sha256 is not null;

-- Cards from before said of photos alone what becomes of them, in a form of its own.
update model set card = card - 'preprocessing' where card -> 'preprocessing' ? 'crop';
