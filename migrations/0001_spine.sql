-- The first schema: devices, artifacts, campaigns with their cells and runs, attempts under leases, measurements, events.
-- States are readable text under CHECK constraints. Durations are nanoseconds (_ns), sizes are bytes (_bytes).
-- Leases and not_before are PostgreSQL's time (clock_timestamp()); every other timestamp is the coordinator's clock.

create table device (
    id uuid primary key,
    name text not null unique,
    labels jsonb not null,
    facts jsonb not null,
    agent_version text not null,
    -- Kernel boot id; empty where the platform has none.
    boot_id text not null,
    -- Grows with every Hello. A grant names it, so that a superseded session can be given nothing.
    session_epoch bigint not null default 1,
    enrolled_at timestamptz not null,
    last_seen timestamptz not null
) with (fillfactor = 50);

-- Bytes lie in <data_dir>/artifacts; a row says that they are whole and verified.
create table artifact (
    sha256 bytea primary key check (octet_length(sha256) = 32),
    size_bytes bigint not null check (size_bytes >= 0),
    stored_at timestamptz not null
);

create table model (
    name text primary key check (name <> ''),
    sha256 bytea not null references artifact,
    tokenizer_sha256 bytea references artifact,
    source text not null,
    licence text not null,
    added_at timestamptz not null
);

-- Selectors are interned: scheduling matches classes, of which there are few, and not runs.
create table selector_class (
    id bigint generated always as identity primary key,
    selector text not null unique
);

create table campaign (
    id bigint generated always as identity primary key,
    name text not null,
    file_name text not null,
    yaml text not null,
    idempotency_key text unique check (idempotency_key <> ''),
    state text not null default 'running' check (state in ('running', 'done', 'cancelled')),
    created_at timestamptz not null,
    finished_at timestamptz,
    check ((state = 'running') = (finished_at is null))
);
create index campaign_running on campaign (id) where state = 'running';

create table campaign_attachment (
    campaign_id bigint not null references campaign,
    path text not null,
    sha256 bytea not null references artifact,
    primary key (campaign_id, path)
);

create table cell (
    id bigint generated always as identity primary key,
    campaign_id bigint not null references campaign,
    -- From 1, within the campaign.
    number integer not null check (number > 0),
    -- Same combination on the same devices = same key, whatever campaign it comes from.
    key bytea not null check (octet_length(key) = 32),
    selector_class_id bigint not null references selector_class,
    -- domain::CellSpec
    spec jsonb not null,
    unique (campaign_id, number)
);

-- Ids ascend in plan order (cell, repetition); position is the order of execution.
create table run (
    id bigint generated always as identity primary key,
    campaign_id bigint not null references campaign,
    cell_id bigint not null references cell,
    selector_class_id bigint not null references selector_class,
    position integer not null check (position >= 0),
    repetition integer not null check (repetition > 0),
    state text not null default 'ready' check (state in ('ready', 'active', 'done', 'failed', 'cancelled')),
    -- Grows with every grant and with a cancellation. A result is stored only under the fence that holds.
    fence bigint not null default 0,
    -- Attempts made so far.
    attempts integer not null default 0 check (attempts >= 0),
    not_before timestamptz,
    ended_at timestamptz,
    unique (cell_id, repetition),
    unique (campaign_id, position),
    check ((state in ('done', 'failed', 'cancelled')) = (ended_at is not null))
) with (fillfactor = 70);
create index run_ready on run (selector_class_id, campaign_id, position) where state = 'ready';
create index run_unended on run (campaign_id) where state in ('ready', 'active');

create table attempt (
    id bigint generated always as identity primary key,
    run_id bigint not null references run,
    device_id uuid not null references device,
    -- From 1, within the run.
    number integer not null check (number > 0),
    -- The run's fence at the grant.
    fence bigint not null,
    state text not null check (state in ('leased', 'running', 'done', 'failed', 'lost', 'cancelled')),
    -- domain::AttemptPhase, as last heard from the agent.
    phase text check (phase in ('preparing', 'loading', 'warming-up', 'measuring', 'reporting')),
    leased_at timestamptz not null,
    lease_until timestamptz not null,
    ended_at timestamptz,
    -- Chosen by the agent; set when a measurement or failure is stored.
    result_uid uuid unique,
    -- domain::Failure
    failure jsonb,
    unique (run_id, fence),
    unique (run_id, number),
    check ((state in ('leased', 'running')) = (ended_at is null)),
    check (state <> 'failed' or failure is not null),
    check (state <> 'running' or phase is not null)
) with (fillfactor = 70);
-- A device executes at most one attempt at a time, and a run is executed by at most one.
create unique index attempt_one_per_device on attempt (device_id) where state in ('leased', 'running');
create unique index attempt_one_per_run on attempt (run_id) where state in ('leased', 'running');
create index attempt_lease on attempt (lease_until) where state in ('leased', 'running');

-- The one result of a run. Percentiles are exact: sorted[floor(n * p)] of the unquantised samples.
create table measurement (
    run_id bigint primary key references run,
    attempt_id bigint not null unique references attempt,
    result_uid uuid not null unique,
    device_id uuid not null references device,
    cell_key bytea not null,
    stored_at timestamptz not null,
    -- By the device's own clock.
    started_at timestamptz not null,
    measured_ns bigint not null check (measured_ns >= 0),
    sample_count bigint not null check (sample_count > 0),
    min_ns bigint not null,
    p50_ns bigint not null,
    p90_ns bigint not null,
    p95_ns bigint not null,
    p99_ns bigint not null,
    p999_ns bigint not null,
    max_ns bigint not null,
    mean_ns double precision not null,
    mad_ns bigint not null,
    runtime_load_ns bigint not null,
    session_load_ns bigint not null,
    first_inference_ns bigint not null,
    warmup_iterations bigint not null,
    peak_rss_bytes bigint not null,
    end_rss_bytes bigint not null,
    -- Samples per inference.
    batch bigint not null,
    -- domain::Environment
    environment jsonb not null,
    inputs jsonb not null,
    outputs jsonb not null,
    verdict text not null check (verdict in ('valid', 'suspect', 'invalid')),
    -- [domain::Reason]; empty if and only if valid.
    verdict_reasons jsonb not null
);
create index measurement_history on measurement (cell_key, device_id, started_at) include (p50_ns, p99_ns);
create index measurement_started on measurement using brin (started_at);

create table latency_histogram (
    run_id bigint primary key references measurement,
    -- HdrHistogram V2 + deflate.
    data bytea not null
);

create table sample_blob (
    run_id bigint primary key references measurement,
    codec text not null check (codec in ('pco-u64')),
    quantum_ns bigint not null check (quantum_ns > 0),
    data bytea not null
);
-- Already compressed: PostgreSQL need not try.
alter table sample_blob alter column data set storage external;
alter table latency_histogram alter column data set storage external;

-- The feed. Ids of one campaign are handed out under its row's lock, so that a reader of `id > n` misses none.
create table event (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    kind text not null,
    campaign_id bigint not null references campaign,
    run_id bigint references run,
    attempt_id bigint references attempt,
    device text,
    message text not null
);
create index event_feed on event (campaign_id, id);

-- Reports that came after their lease was lost: kept for audit, in no statistic. No foreign keys: they may name anything.
create table orphan_result (
    result_uid uuid primary key,
    attempt_id bigint not null,
    fence bigint not null,
    received_at timestamptz not null,
    reason text not null,
    -- furlong.v1.AttemptReport, encoded.
    report bytea not null
);
alter table orphan_result alter column report set storage external;
