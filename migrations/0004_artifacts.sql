-- Garbage: an artifact goes when nothing refers to it and nobody asked for it for a while. Every reference is a foreign
-- key, so that no DELETE can win a race against a new one.

alter table artifact add column asked_at timestamptz;
update artifact set asked_at = stored_at;
-- When a client last asked for it or stored it.
alter table artifact alter column asked_at set not null;

-- What the cells of a campaign that has not ended need. Rows of ended campaigns mean nothing, and are removed in time.
create table campaign_artifact (
    campaign_id bigint not null references campaign,
    sha256 bytea not null references artifact,
    primary key (campaign_id, sha256)
);
create index campaign_artifact_artifact on campaign_artifact (sha256);
create index campaign_attachment_artifact on campaign_attachment (sha256);

-- Of campaigns that run while this version is installed: every digest their cells name.
insert into campaign_artifact (campaign_id, sha256)
select distinct c.campaign_id, a.sha256
from cell c
join campaign k on k.id = c.campaign_id and k.state = 'running'
cross join lateral (
    select c.spec #>> '{model,tokenizer_sha256}' as hex
    union all select digest #>> '{}' from jsonb_path_query(c.spec, 'strict $.**.sha256') as digest
) as named
join artifact a on a.sha256 = decode(named.hex, 'hex')
where octet_length(named.hex) = 64;
