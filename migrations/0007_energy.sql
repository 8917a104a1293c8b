-- Power, heat and clocks: what each device told beside its runs, the energy that follows from it, and how hot each device
-- is.

-- A run waits until its device is cool.
alter table attempt drop constraint attempt_phase_check;
alter table attempt add constraint attempt_phase_check
    check (phase in ('preparing', 'cooling', 'loading', 'warming-up', 'measuring', 'reporting'));

alter table device
    -- domain::Heat as its agent told it last, and when. Null: it never told.
    add column heat jsonb,
    add column heat_at timestamptz,
    add constraint device_heat check ((heat is null) = (heat_at is null));

alter table cell
    -- domain::ThermalGate. A column, because scheduling looks for the few runs that need not wait among many that must.
    add column thermal_gate text not null
        generated always as (coalesce(spec #>> '{environment,thermal_gate}', 'auto')) stored;
create index cell_ungated on cell (id) where thermal_gate = 'off';

alter table measurement
    -- The simulated board that measured. Null: a real device.
    add column simulated text check (simulated <> '');

-- Beside the measurement, so that lists stay light. No row: nobody listened, as versions before did.
create table telemetry (
    run_id bigint primary key references measurement,
    -- domain::Telemetry but for its trace.
    data jsonb not null
);

create table trace_blob (
    run_id bigint primary key references telemetry,
    codec text not null check (codec in ('furlong-trace-1')),
    data bytea not null
);
alter table trace_blob alter column data set storage external;

-- What queries need of statistics.energy, and whether it may be set beside others. No row: the run has no energy.
create table energy (
    run_id bigint primary key references measurement,
    -- Of the readings, e.g. 'ina3221'.
    source text not null check (source <> ''),
    -- domain::Scope
    scope text not null check (scope in ('wall', 'dc-input', 'battery', 'module', 'rail', 'model-estimate')),
    mean_w double precision not null,
    -- Null: refused, as statistics.energy.refusal says.
    gross_j double precision,
    per_inference_j double precision,
    -- Relative standard uncertainty of gross_j. Null: not known.
    uncertainty double precision,
    -- Share (0..1) of measuring that readings cover.
    coverage double precision not null check (coverage between 0 and 1),
    -- domain::ThrottleVerdict
    throttle text not null check (throttle in ('none', 'light', 'throttled', 'unknown')),
    rankable boolean not null,
    check (not rankable or per_inference_j is not null)
);
