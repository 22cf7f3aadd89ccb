SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.checkpoint_blobs (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    channel text NOT NULL,
    version text NOT NULL,
    type text NOT NULL,
    blob bytea
);
CREATE TABLE public.checkpoint_migrations (
    v integer NOT NULL
);
CREATE TABLE public.checkpoint_writes (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    checkpoint_id text NOT NULL,
    task_id text NOT NULL,
    idx integer NOT NULL,
    channel text NOT NULL,
    type text,
    blob bytea NOT NULL,
    task_path text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.checkpoints (
    thread_id text NOT NULL,
    checkpoint_ns text DEFAULT ''::text NOT NULL,
    checkpoint_id text NOT NULL,
    parent_checkpoint_id text,
    type text,
    checkpoint jsonb NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL
);
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', '__start__', '00000000000000000000000000000001.0.30713134869895253', 'msgpack', '\x81a36c6f6791a2696e');
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', '__start__', '00000000000000000000000000000002.0.3389135661693573', 'empty', NULL);
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'log', '00000000000000000000000000000002.0.05034239011991093', 'msgpack', '\x91a2696e');
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'branch:to:fan', '00000000000000000000000000000002.0.9675382999552784', 'null', '\x');
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'log', '00000000000000000000000000000003.0.012838091765711157', 'msgpack', '\x92a2696ea366616e');
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'branch:to:fan', '00000000000000000000000000000003.0.23216300189169803', 'empty', NULL);
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'msgs', '00000000000000000000000000000003.0.6204097265425539', 'msgpack', '\x91c7880594bd6c616e67636861696e5f636f72652e6d657373616765732e68756d616eac48756d616e4d65737361676586a7636f6e74656e74a26869b16164646974696f6e616c5f6b776172677380b1726573706f6e73655f6d6574616461746180a474797065a568756d616ea46e616d65c0a26964a168b36d6f64656c5f76616c69646174655f6a736f6e');
INSERT INTO public.checkpoint_blobs VALUES ('paused', '', 'n', '00000000000000000000000000000003.0.14835965320299582', 'msgpack', '\x03');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', '__start__', '00000000000000000000000000000001.0.8497803124742406', 'msgpack', '\x81a36c6f6791a2696e');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', '__start__', '00000000000000000000000000000002.0.6223224642028568', 'empty', NULL);
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'log', '00000000000000000000000000000002.0.6461737835369475', 'msgpack', '\x91a2696e');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'branch:to:fan', '00000000000000000000000000000002.0.7087262446200076', 'null', '\x');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'log', '00000000000000000000000000000003.0.7065498707306893', 'msgpack', '\x92a2696ea366616e');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'branch:to:fan', '00000000000000000000000000000003.0.48111547107867936', 'empty', NULL);
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'msgs', '00000000000000000000000000000003.0.4810421090499116', 'msgpack', '\x91c7880594bd6c616e67636861696e5f636f72652e6d657373616765732e68756d616eac48756d616e4d65737361676586a7636f6e74656e74a26869b16164646974696f6e616c5f6b776172677380b1726573706f6e73655f6d6574616461746180a474797065a568756d616ea46e616d65c0a26964a168b36d6f64656c5f76616c69646174655f6a736f6e');
INSERT INTO public.checkpoint_blobs VALUES ('failed', '', 'n', '00000000000000000000000000000003.0.8771449872144895', 'msgpack', '\x03');
INSERT INTO public.checkpoint_migrations VALUES (0);
INSERT INTO public.checkpoint_migrations VALUES (1);
INSERT INTO public.checkpoint_migrations VALUES (2);
INSERT INTO public.checkpoint_migrations VALUES (3);
INSERT INTO public.checkpoint_migrations VALUES (4);
INSERT INTO public.checkpoint_migrations VALUES (5);
INSERT INTO public.checkpoint_migrations VALUES (6);
INSERT INTO public.checkpoint_migrations VALUES (7);
INSERT INTO public.checkpoint_migrations VALUES (8);
INSERT INTO public.checkpoint_migrations VALUES (9);
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce68-63d4-bfff-96e4884e7a1b', 'dea451b1-0a00-81cb-2182-f809da904981', 0, 'log', 'msgpack', '\x91a2696e', '~__pregel_pull, __start__');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce68-63d4-bfff-96e4884e7a1b', 'dea451b1-0a00-81cb-2182-f809da904981', 1, 'branch:to:fan', 'null', '\x', '~__pregel_pull, __start__');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 0, 'log', 'msgpack', '\x91a366616e', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 1, 'msgs', 'msgpack', '\x91c7880594bd6c616e67636861696e5f636f72652e6d657373616765732e68756d616eac48756d616e4d65737361676586a7636f6e74656e74a26869b16164646974696f6e616c5f6b776172677380b1726573706f6e73655f6d6574616461746180a474797065a568756d616ea46e616d65c0a26964a168b36d6f64656c5f76616c69646174655f6a736f6e', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 2, 'n', 'msgpack', '\x03', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 3, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16901', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 4, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16902', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '297c5534-6c00-de9c-82c6-4fa3e28be149', 5, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16903', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '478313e3-74db-709f-e831-89f53b202465', 0, 'log', 'msgpack', '\x91a27731', '~__pregel_push, 0000000000, 0000000000');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '478313e3-74db-709f-e831-89f53b202465', 1, 'branch:to:end', 'null', '\x', '~__pregel_push, 0000000000, 0000000000');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 0, 'log', 'msgpack', '\x91a366616e', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 1, 'msgs', 'msgpack', '\x91c7880594bd6c616e67636861696e5f636f72652e6d657373616765732e68756d616eac48756d616e4d65737361676586a7636f6e74656e74a26869b16164646974696f6e616c5f6b776172677380b1726573706f6e73655f6d6574616461746180a474797065a568756d616ea46e616d65c0a26964a168b36d6f64656c5f76616c69646174655f6a736f6e', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 2, 'n', 'msgpack', '\x03', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 3, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16901', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 4, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16902', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', 'e9763781-c9eb-4076-0c86-4495b980c2cc', 5, '__pregel_tasks', 'msgpack', '\xc7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16903', '~__pregel_pull, fan');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce85-6872-bfff-3044857b16d7', '6c21c221-390e-e5c3-c6e3-9f90317a6785', 0, 'log', 'msgpack', '\x91a2696e', '~__pregel_pull, __start__');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce85-6872-bfff-3044857b16d7', '6c21c221-390e-e5c3-c6e3-9f90317a6785', 1, 'branch:to:fan', 'null', '\x', '~__pregel_pull, __start__');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '97a727b8-19ad-af3b-bbdd-9cb6d7d3ead2', 0, 'log', 'msgpack', '\x91a27733', '~__pregel_push, 0000000002, 0000000000');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '97a727b8-19ad-af3b-bbdd-9cb6d7d3ead2', 1, 'branch:to:end', 'null', '\x', '~__pregel_push, 0000000002, 0000000000');
INSERT INTO public.checkpoint_writes VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '086d9617-2b0a-64e6-ed29-7381f5812e4e', -1, '__error__', 'msgpack', '\xb256616c75654572726f722827626f6f6d2729', '~__pregel_push, 0000000001, 0000000000');
INSERT INTO public.checkpoints VALUES ('paused', '', '1f1ebba9-ce68-63d4-bfff-96e4884e7a1b', NULL, NULL, '{"v": 3, "id": "1f1ebba9-ce68-63d4-bfff-96e4884e7a1b", "ts": "2026-11-29T06:03:35.399309+00:00", "pending_sends": [], "versions_seen": {"__input__": {}}, "channel_versions": {"__start__": "00000000000000000000000000000001.0.30713134869895253"}}', '{"step": -1, "source": "input", "writes": {"__start__": {"log": ["in"]}}, "parents": {}, "thread_id": "paused"}');
INSERT INTO public.checkpoints VALUES ('paused', '', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', '1f1ebba9-ce68-63d4-bfff-96e4884e7a1b', NULL, '{"v": 3, "id": "1f1ebba9-ce70-6107-8000-8ea0d06c8d99", "ts": "2026-11-29T06:03:35.402508+00:00", "pending_sends": [], "versions_seen": {"__input__": {}, "__start__": {"__start__": "00000000000000000000000000000001.0.30713134869895253"}}, "channel_versions": {"log": "00000000000000000000000000000002.0.05034239011991093", "__start__": "00000000000000000000000000000002.0.3389135661693573", "branch:to:fan": "00000000000000000000000000000002.0.9675382999552784"}}', '{"step": 0, "source": "loop", "writes": null, "parents": {}, "thread_id": "paused"}');
INSERT INTO public.checkpoints VALUES ('paused', '', '1f1ebba9-ce76-638c-8001-21596cf47a33', '1f1ebba9-ce70-6107-8000-8ea0d06c8d99', NULL, '{"v": 3, "id": "1f1ebba9-ce76-638c-8001-21596cf47a33", "ts": "2026-11-29T06:03:35.405030+00:00", "pending_sends": [], "versions_seen": {"fan": {"branch:to:fan": "00000000000000000000000000000002.0.9675382999552784"}, "__input__": {}, "__start__": {"__start__": "00000000000000000000000000000001.0.30713134869895253"}}, "channel_versions": {"n": "00000000000000000000000000000003.0.14835965320299582", "log": "00000000000000000000000000000003.0.012838091765711157", "msgs": "00000000000000000000000000000003.0.6204097265425539", "__start__": "00000000000000000000000000000002.0.3389135661693573", "branch:to:fan": "00000000000000000000000000000003.0.23216300189169803"}}', '{"step": 1, "source": "loop", "writes": {"fan": {"n": 3, "log": ["fan"], "msgs": [{"id": ["langchain", "schema", "messages", "HumanMessage"], "lc": 1, "type": "constructor", "kwargs": {"id": "h", "type": "human", "content": "hi"}}]}}, "parents": {}, "thread_id": "paused"}');
INSERT INTO public.checkpoints VALUES ('failed', '', '1f1ebba9-ce85-6872-bfff-3044857b16d7', NULL, NULL, '{"v": 3, "id": "1f1ebba9-ce85-6872-bfff-3044857b16d7", "ts": "2026-11-29T06:03:35.411306+00:00", "pending_sends": [], "versions_seen": {"__input__": {}}, "channel_versions": {"__start__": "00000000000000000000000000000001.0.8497803124742406"}}', '{"step": -1, "source": "input", "writes": {"__start__": {"log": ["in"]}}, "parents": {}, "thread_id": "failed"}');
INSERT INTO public.checkpoints VALUES ('failed', '', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', '1f1ebba9-ce85-6872-bfff-3044857b16d7', NULL, '{"v": 3, "id": "1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5", "ts": "2026-11-29T06:03:35.414408+00:00", "pending_sends": [], "versions_seen": {"__input__": {}, "__start__": {"__start__": "00000000000000000000000000000001.0.8497803124742406"}}, "channel_versions": {"log": "00000000000000000000000000000002.0.6461737835369475", "__start__": "00000000000000000000000000000002.0.6223224642028568", "branch:to:fan": "00000000000000000000000000000002.0.7087262446200076"}}', '{"step": 0, "source": "loop", "writes": null, "parents": {}, "thread_id": "failed"}');
INSERT INTO public.checkpoints VALUES ('failed', '', '1f1ebba9-ce8f-6102-8001-179b359becd2', '1f1ebba9-ce8d-61e9-8000-b3c9e13ee3e5', NULL, '{"v": 3, "id": "1f1ebba9-ce8f-6102-8001-179b359becd2", "ts": "2026-11-29T06:03:35.415209+00:00", "pending_sends": [], "versions_seen": {"fan": {"branch:to:fan": "00000000000000000000000000000002.0.7087262446200076"}, "__input__": {}, "__start__": {"__start__": "00000000000000000000000000000001.0.8497803124742406"}}, "channel_versions": {"n": "00000000000000000000000000000003.0.8771449872144895", "log": "00000000000000000000000000000003.0.7065498707306893", "msgs": "00000000000000000000000000000003.0.4810421090499116", "__start__": "00000000000000000000000000000002.0.6223224642028568", "branch:to:fan": "00000000000000000000000000000003.0.48111547107867936"}}', '{"step": 1, "source": "loop", "writes": {"fan": {"n": 3, "log": ["fan"], "msgs": [{"id": ["langchain", "schema", "messages", "HumanMessage"], "lc": 1, "type": "constructor", "kwargs": {"id": "h", "type": "human", "content": "hi"}}]}}, "parents": {}, "thread_id": "failed"}');
ALTER TABLE ONLY public.checkpoint_blobs
    ADD CONSTRAINT checkpoint_blobs_pkey PRIMARY KEY (thread_id, checkpoint_ns, channel, version);
ALTER TABLE ONLY public.checkpoint_migrations
    ADD CONSTRAINT checkpoint_migrations_pkey PRIMARY KEY (v);
ALTER TABLE ONLY public.checkpoint_writes
    ADD CONSTRAINT checkpoint_writes_pkey PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx);
ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id);
CREATE INDEX checkpoint_blobs_thread_id_idx ON public.checkpoint_blobs USING btree (thread_id);
CREATE INDEX checkpoint_writes_thread_id_idx ON public.checkpoint_writes USING btree (thread_id);
CREATE INDEX checkpoints_thread_id_idx ON public.checkpoints USING btree (thread_id);
