CREATE INDEX idx_thread_realtime_observed
    ON thread_realtime_items(thread_id, json_extract(item_json, '$.observed_at_ms'), rollout_ordinal, item_id)
    WHERE json_extract(item_json, '$.observed_at_ms') IS NOT NULL;
--
CREATE INDEX idx_thread_realtime_session_observed
    ON thread_realtime_items(thread_id, json_extract(item_json, '$.realtime_session_id'), json_extract(item_json, '$.observed_at_ms'), rollout_ordinal, item_id)
    WHERE json_extract(item_json, '$.observed_at_ms') IS NOT NULL;
--
CREATE INDEX idx_thread_realtime_session_position
    ON thread_realtime_items(thread_id, json_extract(item_json, '$.realtime_session_id'), rollout_ordinal, item_id)
    WHERE json_extract(item_json, '$.observed_at_ms') IS NOT NULL;
--
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9, 'realtime observation indexes', 1, x'4def92ea0f557ec6333bfe80798c89eb5ac3bd569058a502846fc630aed20f774cd8de3628cd8af740c1be94dd8216b1', 0);
--
