//! The tables of alerting in `state.db`. Columns beside `body` are what is searched by.

/// The outbox counts on (`AUTOINCREMENT`): a number is never used twice, so that order is kept.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS alert_tick (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        tick_us INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_instances (
        key TEXT PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_episodes (
        id BLOB PRIMARY KEY,
        rule TEXT NOT NULL,
        fired_us INTEGER NOT NULL,
        ended_us INTEGER,
        recovered INTEGER NOT NULL,
        acted INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS alert_episodes_open ON alert_episodes (id)
        WHERE ended_us IS NULL;
    CREATE INDEX IF NOT EXISTS alert_episodes_ended ON alert_episodes (ended_us)
        WHERE ended_us IS NOT NULL;
    CREATE INDEX IF NOT EXISTS alert_episodes_by_rule ON alert_episodes (rule, id);
    CREATE INDEX IF NOT EXISTS alert_episodes_by_time ON alert_episodes (fired_us);
    CREATE TABLE IF NOT EXISTS alert_acks (
        episode BLOB PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_transitions (
        id INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        rule TEXT NOT NULL,
        episode BLOB,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS alert_transitions_by_time ON alert_transitions (at_us);
    CREATE INDEX IF NOT EXISTS alert_transitions_by_rule ON alert_transitions (rule, at_us);
    CREATE INDEX IF NOT EXISTS alert_transitions_by_episode ON alert_transitions (episode)
        WHERE episode IS NOT NULL;
    CREATE TABLE IF NOT EXISTS alert_outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        episode BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        channel TEXT NOT NULL,
        state TEXT NOT NULL,
        due_us INTEGER NOT NULL,
        expires_us INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (episode, sequence, channel)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS alert_outbox_waiting ON alert_outbox (seq)
        WHERE state IN ('queued', 'sending');
    CREATE INDEX IF NOT EXISTS alert_outbox_dead ON alert_outbox (seq)
        WHERE state IN ('dead', 'no_route');
    CREATE TABLE IF NOT EXISTS alert_channels (
        channel TEXT PRIMARY KEY,
        delivered_us INTEGER,
        failed_us INTEGER,
        failure TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_silences (
        id TEXT PRIMARY KEY,
        ends_us INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_posted (
        key TEXT PRIMARY KEY,
        ends_us INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_analyses (
        id TEXT PRIMARY KEY,
        episode BLOB,
        open INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS alert_analyses_of ON alert_analyses (episode);
    CREATE TABLE IF NOT EXISTS alert_way_notes (
        key TEXT PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_letters (
        id BLOB PRIMARY KEY,
        made_us INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_rules (
        place INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS alert_runs (
        rule TEXT NOT NULL,
        start_us INTEGER NOT NULL,
        told INTEGER NOT NULL,
        PRIMARY KEY (rule, start_us)
    ) STRICT, WITHOUT ROWID;
";
