-- A measurement holds what was recorded; what follows from it (statistics, verdict) is computed by the coordinator and
-- stored beside it. Suspect runs are repeated once.

alter table measurement rename column batch to samples_per_query;
alter table measurement
    -- From the first issue to the last.
    add column issuing_ns bigint check (issuing_ns >= 0),
    -- domain::StopReason
    add column stop text check (stop in ('satisfied', 'max-duration', 'max-queries', 'overload')),
    -- Server: the offered rate, in queries per 1000 s.
    add column rate_millis bigint check (rate_millis > 0),
    -- [domain::Trial]; empty unless the greatest rate was searched for.
    add column trials jsonb not null default '[]',
    -- domain::Statistics. The latency columns repeat statistics.latency, for queries in SQL. Null: stored before there were
    -- any; then the latency columns are all that is known.
    add column statistics jsonb,
    -- domain::StableEnvironment::id() as it was reported. Null: stored before there was one.
    add column env_id bytea check (octet_length(env_id) = 32),
    -- Why there is no row in `placement`.
    add column placement_problem text,
    -- domain::Tier, the verdict's.
    add column tier text not null default 'custom' check (tier in ('smoke', 'quick', 'standard', 'official', 'custom'));

-- What earlier versions stored is single-stream, which stopped when its rule was satisfied or its time was over, and whose
-- last query began at most max_ns before the end.
update measurement m set
    issuing_ns = greatest(m.measured_ns - m.max_ns, 0),
    stop = case
        when m.sample_count >= (c.spec #>> '{measure,min_queries}')::bigint
            and m.measured_ns >= (c.spec #>> '{measure,min_duration,secs}')::bigint * 1000000000
                + (c.spec #>> '{measure,min_duration,nanos}')::bigint
        then 'satisfied' else 'max-duration' end
from run r join cell c on c.id = r.cell_id
where r.id = m.run_id;
alter table measurement alter column issuing_ns set not null, alter column stop set not null;

create index measurement_environment on measurement (env_id);

-- Server: how late each query was issued, in issue order; as many as there are samples.
create table slip_blob (
    run_id bigint primary key references measurement,
    codec text not null check (codec in ('pco-u64')),
    quantum_ns bigint not null check (quantum_ns > 0),
    data bytea not null
);
alter table slip_blob alter column data set storage external;

-- Up to thousands of nodes: beside the measurement, so that lists stay light.
create table placement (
    run_id bigint primary key references measurement,
    -- domain::Placement
    data jsonb not null
);

-- The suspect run that this one repeats. Each is repeated once, and a repeat never, so that a cell has at most twice the
-- runs it was planned with.
alter table run add column repeats bigint unique references run check (repeats < id);
