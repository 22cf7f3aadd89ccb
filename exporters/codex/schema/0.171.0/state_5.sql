CREATE TABLE session_model_ids (
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_key TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    initial_state TEXT,
    PRIMARY KEY (session_id, kind, external_key),
    UNIQUE (session_id, kind, ordinal),
    CHECK ((ordinal = 0) = (initial_state IS NOT NULL))
);
--
DROP INDEX idx_threads_attached_parent;
--
CREATE INDEX idx_threads_attached_parent
    ON threads(attached_thread_parent_id, archived)
    WHERE attached_thread_parent_id IS NOT NULL;
--
CREATE INDEX idx_threads_interactive_created_at_ms
    ON threads(archived, created_at_ms DESC, id DESC)
    WHERE archived = 0 AND preview <> '' AND attached_thread_parent_id IS NULL
        AND source IN ('cli', 'vscode', '{"custom":"atlas"}', '{"custom":"chatgpt"}');
--
CREATE INDEX idx_threads_interactive_updated_at_ms
    ON threads(archived, updated_at_ms DESC, id DESC)
    WHERE archived = 0 AND preview <> '' AND attached_thread_parent_id IS NULL
        AND source IN ('cli', 'vscode', '{"custom":"atlas"}', '{"custom":"chatgpt"}');
--
CREATE INDEX idx_threads_interactive_recency_at_ms
    ON threads(archived, recency_at_ms DESC, id DESC)
    WHERE archived = 0 AND preview <> '' AND attached_thread_parent_id IS NULL
        AND source IN ('cli', 'vscode', '{"custom":"atlas"}', '{"custom":"chatgpt"}');
--
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (63, 'session model ids', 1, x'dffdc4b9759f9b7fc8f3405daa55584e527fc3c4a167f0a89c687e2c02ded8720655a1d3049833cfd67070541959de02', 0);
--
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (64, 'thread listing indexes', 1, x'a6862d0af07feb8851ce32e2cc0e470bc8bfd5b851a87d82f5f989604c2bffe11ee2579a80f318bba4612e493175e5e5', 0);
--
