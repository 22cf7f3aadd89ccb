CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
--
CREATE TABLE thread_goals (
    thread_id TEXT PRIMARY KEY NOT NULL,
    goal_id TEXT NOT NULL,
    objective TEXT NOT NULL,
    status TEXT NOT NULL CHECK(status IN (
        'active',
        'paused',
        'blocked',
        'usage_limited',
        'budget_limited',
        'complete'
    )),
    token_budget INTEGER,
    tokens_used INTEGER NOT NULL DEFAULT 0,
    time_used_seconds INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
--
CREATE TABLE thread_goal_continuation_deferrals (
    thread_id TEXT PRIMARY KEY NOT NULL REFERENCES thread_goals(thread_id) ON DELETE CASCADE
);
--
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (1, 'thread goals', 1, x'8ce6280244a0b4b39c7c37c7f67aff1670ec963d2401cdf2abcfea9904102db6cd99b7bedf366267791a45eb12f17713', 0);
--
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (2, 'thread goal continuation deferrals', 1, x'f3ff7de2fd89914820bef371081e885fd17df18a6fbdc432399a83255a8a01aa32fb7eea5e4de21a17bda3da16c49584', 0);
--
