-- Models in several precisions, their side files, and what is known of them before they run.

-- domain::ModelCard
alter table model add column card jsonb not null default '{}';

-- A model in another precision. It is made from one content of the model, and goes when the name is given to other.
create table model_variant (
    model text not null references model on update cascade on delete cascade,
    -- domain::Precision
    precision text not null check (precision <> ''),
    sha256 bytea not null references artifact,
    -- domain::Provenance
    provenance jsonb not null,
    added_at timestamptz not null,
    primary key (model, precision)
);

-- Files beside an ONNX file that hold its weights.
create table model_file (
    model text not null references model on update cascade on delete cascade,
    -- Null: of the model as it was added. Else of this variant, whose row must then exist.
    precision text,
    -- From the ONNX file's folder.
    path text not null check (path <> ''),
    sha256 bytea not null references artifact,
    foreign key (model, precision) references model_variant on update cascade on delete cascade
);
create unique index model_file_path on model_file (model, coalesce(precision, ''), path);

-- Which artifacts are needed is asked by their hash.
create index model_sha256 on model (sha256);
create index model_tokenizer on model (tokenizer_sha256) where tokenizer_sha256 is not null;
create index model_variant_sha256 on model_variant (sha256);
create index model_file_sha256 on model_file (sha256);
