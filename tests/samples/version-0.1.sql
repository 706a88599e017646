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
CREATE FUNCTION public.media_job_tags() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
          begin
            if tg_op = 'TRUNCATE' then
              truncate media_tag;
              return null;
            end if;
            if tg_op <> 'INSERT' and old.state = 'stored' then
              delete from media_tag
                where owner = old.owner and tag = any (old.tags) and created_at = old.created_at and id = old.id;
            end if;
            if tg_op <> 'DELETE' and new.state = 'stored' then
              insert into media_tag select distinct new.owner, tag, new.created_at, new.id from unnest(new.tags) as tag;
            end if;
            return null;
          end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.installation (
    id uuid NOT NULL,
    signing_key text NOT NULL
);
CREATE TABLE public.kysely_migration (
    name character varying(255) NOT NULL,
    "timestamp" character varying(255) NOT NULL
);
CREATE TABLE public.kysely_migration_lock (
    id character varying(255) NOT NULL,
    is_locked integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.media_job (
    id uuid NOT NULL,
    state text NOT NULL,
    owner text NOT NULL,
    attempt text NOT NULL,
    storage text NOT NULL,
    storage_key text NOT NULL,
    filename text NOT NULL,
    mime_type text NOT NULL,
    created_at timestamp(3) with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_expires_at timestamp(3) with time zone,
    file_id text,
    url text,
    size_bytes bigint,
    sha256 text,
    fingerprint text,
    title text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    version integer DEFAULT 0 NOT NULL,
    discarded_at timestamp(3) with time zone,
    CONSTRAINT media_job_check CHECK (((state <> 'receiving'::text) OR (lease_expires_at IS NOT NULL))),
    CONSTRAINT media_job_check1 CHECK (((state <> 'stored'::text) OR (ROW(file_id, url, size_bytes, sha256, fingerprint, title) IS NOT NULL))),
    CONSTRAINT media_job_size_bytes_check CHECK ((size_bytes > 0)),
    CONSTRAINT media_job_state_check CHECK ((state = ANY (ARRAY['receiving'::text, 'stored'::text, 'deleted'::text, 'abandoned'::text])))
);
CREATE TABLE public.media_metadata (
    id uuid NOT NULL,
    attempt text NOT NULL,
    document jsonb NOT NULL
);
CREATE TABLE public.media_tag (
    owner text NOT NULL,
    tag text NOT NULL,
    created_at timestamp(3) with time zone NOT NULL,
    id uuid NOT NULL
);
INSERT INTO public.installation VALUES ('73b00a29-0489-49f6-a541-efeb44f9a249', '4a610e6b073d629ac9c49d01a5f6cb225673c9972ce8850b4d12d028b97b8514');
INSERT INTO public.kysely_migration VALUES ('0001_media_job', '2026-11-30T12:12:18.260Z');
INSERT INTO public.kysely_migration VALUES ('0002_forgetting', '2026-11-30T12:12:18.266Z');
INSERT INTO public.kysely_migration VALUES ('0003_media_metadata', '2026-11-30T12:12:18.270Z');
INSERT INTO public.kysely_migration VALUES ('0004_media_tag', '2026-11-30T12:12:18.285Z');
INSERT INTO public.kysely_migration_lock VALUES ('migration_lock', 0);
INSERT INTO public.media_job VALUES ('01a22c5e-c76f-75fd-93cd-1dcba36c7d1c', 'stored', 'anonymous', 'a5d79b7ecbc6fc8d22', 'filesystem', '01a22c5e-c76f-75fd-93cd-1dcba36c7d1c.a5d79b7ecbc6fc8d22', 'picture.jpg', 'image/jpeg', '2026-11-30 12:12:18.682+00', NULL, '01a22c5e-c76f-75fd-93cd-1dcba36c7d1c.a5d79b7ecbc6fc8d22', '/media/01a22c5e-c76f-75fd-93cd-1dcba36c7d1c/content/', 3935, 'e447125f9ab7b0988101e3a5ba7fb5c8997681a4891034bafce2a8870199707a', '7d210a1529a027f372fd9f7f5d01d2bbf3940c68413935dc19d8c22bb0da0878', 'Été à Nice', '{summer,sea}', 1, NULL);
INSERT INTO public.media_job VALUES ('01a22c5e-c7a9-71da-ac07-0f875aac3cf9', 'stored', 'anonymous', 'fc85b8343ddb914822', 'filesystem', '01a22c5e-c7a9-71da-ac07-0f875aac3cf9.fc85b8343ddb914822', 'picture.jpg', 'image/jpeg', '2026-11-30 12:12:18.731+00', NULL, '01a22c5e-c7a9-71da-ac07-0f875aac3cf9.fc85b8343ddb914822', '/media/01a22c5e-c7a9-71da-ac07-0f875aac3cf9/content/', 3935, 'e447125f9ab7b0988101e3a5ba7fb5c8997681a4891034bafce2a8870199707a', '09cfb5462a14f94068943d3213a477394cac3f88a049e759df06fb3a1ed139c1', 'Second', '{sea}', 1, NULL);
INSERT INTO public.media_job VALUES ('01a22c5e-c7c1-7195-a62f-05381730ea77', 'deleted', 'anonymous', 'f395c4594a957cc722', 'filesystem', '01a22c5e-c7c1-7195-a62f-05381730ea77.f395c4594a957cc722', 'picture.jpg', 'image/jpeg', '2026-11-30 12:12:18.755+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', 2, '2026-11-30 12:12:20.518+00');
INSERT INTO public.media_metadata VALUES ('01a22c5e-c7a9-71da-ac07-0f875aac3cf9', 'fc85b8343ddb914822', '{"tags": {"xmp": {"title": "Tower", "subject": "iron"}, "exif": {"Make": "Canon", "Model": "EOS R5", "FNumber": 2.8, "LensModel": "RF 50mm", "ColorSpace": 65535, "ExifVersion": "0232", "FocalLength": 50, "Orientation": 6, "XResolution": 1, "YResolution": 1, "ExposureTime": 0.008, "ResolutionUnit": 1, "FlashpixVersion": "0100", "ISOSpeedRatings": 100, "DateTimeOriginal": "2026:11:23 10:00:00", "YCbCrPositioning": 1, "OffsetTimeOriginal": "+01:00", "ComponentsConfiguration": [1, 2, 3, 0]}, "jfif": {"XResolution": 1, "YResolution": 1, "JFIF Version": "1.1", "Resolution Unit": 0}}, "width": 48, "camera": {"lens": "RF 50mm", "make": "Canon", "model": "EOS R5"}, "colour": "rgb", "format": "jpeg", "height": 32, "status": "ready", "takenAt": "2026-11-23T10:00:00+01:00", "exposure": {"iso": 100, "time": 0.008, "fNumber": 2.8, "focalLength": 50}, "location": {"altitude": 35, "latitude": 48.8577, "longitude": 2.295}, "orientation": 6}');
INSERT INTO public.media_metadata VALUES ('01a22c5e-c76f-75fd-93cd-1dcba36c7d1c', 'a5d79b7ecbc6fc8d22', '{"tags": {"xmp": {"title": "Tower", "subject": "iron"}, "exif": {"Make": "Canon", "Model": "EOS R5", "FNumber": 2.8, "LensModel": "RF 50mm", "ColorSpace": 65535, "ExifVersion": "0232", "FocalLength": 50, "Orientation": 6, "XResolution": 1, "YResolution": 1, "ExposureTime": 0.008, "ResolutionUnit": 1, "FlashpixVersion": "0100", "ISOSpeedRatings": 100, "DateTimeOriginal": "2026:11:23 10:00:00", "YCbCrPositioning": 1, "OffsetTimeOriginal": "+01:00", "ComponentsConfiguration": [1, 2, 3, 0]}, "jfif": {"XResolution": 1, "YResolution": 1, "JFIF Version": "1.1", "Resolution Unit": 0}}, "width": 48, "camera": {"lens": "RF 50mm", "make": "Canon", "model": "EOS R5"}, "colour": "rgb", "format": "jpeg", "height": 32, "status": "ready", "takenAt": "2026-11-23T10:00:00+01:00", "exposure": {"iso": 100, "time": 0.008, "fNumber": 2.8, "focalLength": 50}, "location": {"altitude": 35, "latitude": 48.8577, "longitude": 2.295}, "orientation": 6}');
INSERT INTO public.media_tag VALUES ('anonymous', 'sea', '2026-11-30 12:12:18.682+00', '01a22c5e-c76f-75fd-93cd-1dcba36c7d1c');
INSERT INTO public.media_tag VALUES ('anonymous', 'summer', '2026-11-30 12:12:18.682+00', '01a22c5e-c76f-75fd-93cd-1dcba36c7d1c');
INSERT INTO public.media_tag VALUES ('anonymous', 'sea', '2026-11-30 12:12:18.731+00', '01a22c5e-c7a9-71da-ac07-0f875aac3cf9');
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kysely_migration_lock
    ADD CONSTRAINT kysely_migration_lock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kysely_migration
    ADD CONSTRAINT kysely_migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.media_job
    ADD CONSTRAINT media_job_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.media_job
    ADD CONSTRAINT media_job_storage_key_key UNIQUE (storage_key);
ALTER TABLE ONLY public.media_metadata
    ADD CONSTRAINT media_metadata_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.media_tag
    ADD CONSTRAINT media_tag_pkey PRIMARY KEY (owner, tag, created_at, id);
CREATE UNIQUE INDEX installation_is_one ON public.installation USING btree ((true));
CREATE INDEX media_job_leases ON public.media_job USING btree (lease_expires_at) WHERE (state = 'receiving'::text);
CREATE INDEX media_job_newest ON public.media_job USING btree (created_at DESC, id DESC) WHERE (state = 'stored'::text);
CREATE INDEX media_job_of_owner ON public.media_job USING btree (owner, created_at DESC, id DESC) WHERE (state = 'stored'::text);
CREATE INDEX media_job_unwanted ON public.media_job USING btree (discarded_at) WHERE (state = ANY (ARRAY['abandoned'::text, 'deleted'::text]));
CREATE INDEX media_tag_newest ON public.media_tag USING btree (tag, created_at, id);
CREATE TRIGGER media_job_tags_deleted AFTER DELETE ON public.media_job FOR EACH ROW WHEN ((old.tags <> '{}'::text[])) EXECUTE FUNCTION public.media_job_tags();
CREATE TRIGGER media_job_tags_inserted AFTER INSERT ON public.media_job FOR EACH ROW WHEN ((new.tags <> '{}'::text[])) EXECUTE FUNCTION public.media_job_tags();
CREATE TRIGGER media_job_tags_truncated AFTER TRUNCATE ON public.media_job FOR EACH STATEMENT EXECUTE FUNCTION public.media_job_tags();
CREATE TRIGGER media_job_tags_updated AFTER UPDATE ON public.media_job FOR EACH ROW WHEN ((((old.tags <> '{}'::text[]) OR (new.tags <> '{}'::text[])) AND (((((old.state IS DISTINCT FROM new.state) OR (old.tags IS DISTINCT FROM new.tags)) OR (old.owner IS DISTINCT FROM new.owner)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.id IS DISTINCT FROM new.id)))) EXECUTE FUNCTION public.media_job_tags();
