CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
CREATE TABLE mem0 (
    id uuid NOT NULL,
    vector vector(8),
    payload jsonb
);
CREATE TABLE mem0_entities (
    id uuid NOT NULL,
    vector vector(8),
    payload jsonb
);
INSERT INTO mem0 VALUES ('9f111b6a-3d50-402e-afb3-d6849fd4894f', '[-0.21149077,0.51362044,0.19134879,-0.2638599,0.41291055,0.356513,-0.1671784,-0.50959206]', '{"data": "Hi, I''m Ada and I live in Zürich", "hash": "ae043b305deaf78248ee31296e5b9344", "role": "user", "tags": ["a", "b"], "score": 1.0, "run_id": "r-1", "user_id": "u-1", "actor_id": "ada", "agent_id": "a-1", "category": "profile", "created_at": "2026-11-23T16:20:24.092388+00:00", "updated_at": "2026-11-23T16:20:24.092388+00:00", "text_lemmatized": "Hi, I''m Ada and I live in Zürich"}');
INSERT INTO mem0 VALUES ('e186d685-8f1a-406e-814b-0f6d91f7c370', '[-0.4071607,0.23572463,0.4266421,-0.122732654,0.11104383,0.45781228,-0.35261285,-0.4850862]', '{"data": "Nice to meet you, Ada 🙂", "hash": "fb8cd7896431f716b9aacb510f4ee3f5", "role": "assistant", "tags": ["a", "b"], "score": 1.0, "run_id": "r-1", "user_id": "u-1", "agent_id": "a-1", "category": "profile", "created_at": "2026-11-23T16:20:24.151386+00:00", "updated_at": "2026-11-23T16:20:24.151386+00:00", "text_lemmatized": "Nice to meet you, Ada 🙂"}');
INSERT INTO mem0 VALUES ('7d0d70cc-f808-4830-8daf-57a67aba2010', '[-0.5768829,-0.4758619,-0.33230582,0.0026584466,0.5502984,0.1089963,-0.1089963,-0.06114427]', '{"data": "I answer in German", "hash": "d997dcce908e17bed722e097cd0e0424", "role": "user", "agent_id": "a-1", "created_at": "2026-11-23T16:20:24.247657+00:00", "updated_at": "2026-11-23T16:20:24.247657+00:00", "text_lemmatized": "I answer in German"}');
INSERT INTO mem0 VALUES ('cb865f92-2832-4b5e-9c02-9e1c77958bd6', '[0.31592652,0.42702156,0.14928396,-0.24649212,0.10762332,-0.20483148,-0.35064372,0.6769854]', '{"data": "Order O-1 was refunded", "hash": "ba646c2b1baac765b13f9cd738b8583f", "role": "user", "run_id": "r-2", "created_at": "2026-11-23T16:20:24.295548+00:00", "updated_at": "2026-11-23T16:20:24.295548+00:00", "text_lemmatized": "Order O-1 was refunded"}');
INSERT INTO mem0 VALUES ('9fc1ad37-ff7e-4b9d-a3a2-3b99bc6f6238', '[-0.14236933,-0.29603782,0.09717272,0.22372325,-0.34123445,0.5672175,0.25988054,-0.5717372]', '{"data": "Coupon SPRING valid", "hash": "506d63468735d8ac3a100d4cf422f3af", "role": "user", "user_id": "u-1", "created_at": "2026-11-23T16:20:24.343519+00:00", "updated_at": "2026-11-23T16:20:24.343519+00:00", "expiration_date": "2026-01-31", "text_lemmatized": "Coupon SPRING valid"}');
INSERT INTO mem0 VALUES ('a386b91f-33d0-475e-95a9-bdaa17a0bb31', '[-0.2344835,0.39783153,-0.37675437,0.1607134,0.57171816,0.297715,-0.3082536,0.32933074]', '{"data": "Coupon WINTER valid", "hash": "621b1ccf5fd3a82be17d2316f976a316", "role": "user", "user_id": "u-1", "created_at": "2026-11-23T16:20:24.391496+00:00", "updated_at": "2026-11-23T16:20:24.391496+00:00", "expiration_date": "2099-01-31", "text_lemmatized": "Coupon WINTER valid"}');
INSERT INTO mem0 VALUES ('babac383-d902-41fe-a281-2280cbf7067e', '[0.10109192,0.4795386,-0.37067038,0.12701292,-0.20996015,-0.5884068,-0.4536176,0.10109192]', '{"data": "Ada Müller works at Acme", "hash": "0dd74115c0b67e8cf6a33c9fb1ed5c69", "source": "chat", "user_id": "u-1", "created_at": "2026-11-23T16:20:24.487774+00:00", "updated_at": "2026-11-23T16:20:24.487774+00:00", "attributed_to": "user", "text_lemmatized": "Ada Müller works at Acme"}');
INSERT INTO mem0 VALUES ('a01ddf17-08d9-4119-a002-bda7fd56c0fa', '[0.4693392,0.20947908,0.31554443,0.10871699,-0.4216098,-0.43221632,-0.4003967,-0.31554443]', '{"data": "Ada has two cats", "hash": "92f6e15d7c8049dba65d36b66c77ed52", "source": "chat", "user_id": "u-1", "created_at": "2026-11-23T16:20:24.487830+00:00", "updated_at": "2026-11-23T16:20:24.487830+00:00", "attributed_to": "user", "text_lemmatized": "Ada has two cats"}');
INSERT INTO mem0 VALUES ('e8accac3-e15d-4ed4-b5f3-40a10e08746b', '[-0.49609277,0.38467088,0.2095793,0.11407481,-0.08223998,-0.52792764,0.3210012,-0.40058827]', '{"data": "Prefers °C, 24 h clock, ISO dates", "hash": "b82a502bba27717a49597f84590f9afe", "role": "user", "user_id": "u-1", "reviewed": true, "created_at": "2026-11-23T16:20:24.199600+00:00", "updated_at": "2026-11-23T16:20:24.652043+00:00", "text_lemmatized": "Prefers °C, 24 h clock, ISO dates"}');
INSERT INTO mem0 VALUES ('651dbf91-d045-4ab2-b1af-63b47ddb4b32', '[-0.3074542,0.20204133,0.52413625,-0.39529827,-0.37772945,-0.50071114,-0.18447252,-0.07905965]', '{"data": "Summary: 64df8c0e4ce8", "hash": "a6bd3aae1523c4b0e94ef38403dc625e", "agent_id": "a-1", "created_at": "2026-11-23T16:20:24.751529+00:00", "updated_at": "2026-11-23T16:20:24.751529+00:00", "memory_type": "procedural_memory", "text_lemmatized": "Summary: 64df8c0e4ce8"}');
ALTER TABLE ONLY mem0_entities
    ADD CONSTRAINT mem0_entities_pkey PRIMARY KEY (id);
ALTER TABLE ONLY mem0
    ADD CONSTRAINT mem0_pkey PRIMARY KEY (id);
CREATE INDEX mem0_entities_hnsw_idx ON mem0_entities USING hnsw (vector vector_cosine_ops);
CREATE INDEX mem0_entities_text_lemmatized_idx ON mem0_entities USING gin (to_tsvector('simple'::regconfig, (payload ->> 'text_lemmatized'::text)));
CREATE INDEX mem0_hnsw_idx ON mem0 USING hnsw (vector vector_cosine_ops);
CREATE INDEX mem0_text_lemmatized_idx ON mem0 USING gin (to_tsvector('simple'::regconfig, (payload ->> 'text_lemmatized'::text)));
