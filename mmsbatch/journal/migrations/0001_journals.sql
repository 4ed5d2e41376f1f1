-- The journals of all runs that share this database. Facts are as in an SQLite journal: texts as they
-- were hashed, so nothing of the database's own formats is in the chain.
CREATE TABLE mmsbatch.journals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL UNIQUE,          -- the run's, as in its folder
    seq bigint NOT NULL DEFAULT 0,          -- of the last fact
    hash text NOT NULL DEFAULT '',          -- of the last fact
    writer text                             -- the process that sends the run, in words
);
CREATE TABLE mmsbatch.facts (
    journal bigint NOT NULL REFERENCES mmsbatch.journals (id),
    seq bigint NOT NULL,
    at text NOT NULL,
    kind text NOT NULL,
    request integer,
    attempt integer,
    data text NOT NULL,
    body bytea,
    hash text NOT NULL,
    recording uuid NOT NULL,                -- by which a writer finds what it has recorded
    PRIMARY KEY (journal, seq),
    CONSTRAINT one_fact_of_a_kind_per_attempt UNIQUE (journal, request, attempt, kind)
);
