-- All runs of a cell are executed by one device: a difference between two boards is no variation from run to run.

alter table cell
    -- The device that has a run of this cell or measured one; null while none has.
    add column device_id uuid references device,
    -- A word of the campaign's author for cells added one by one.
    add column tag text;
-- Of campaigns from before, the device that measured first keeps what is left.
update cell set device_id = (
    select m.device_id from measurement m join run r on r.id = m.run_id where r.cell_id = cell.id order by m.stored_at limit 1);

-- Where a random order of runs begins; null where nothing is drawn. A decimal number below 2^64, which no integer here holds.
alter table campaign add column order_seed text check (order_seed ~ '^[0-9]{1,20}$');

-- The texts a campaign file includes are as immutable as the file itself.
create table campaign_include (
    campaign_id bigint not null references campaign,
    -- As the campaign file spells it.
    path text not null,
    text text not null,
    primary key (campaign_id, path)
);
