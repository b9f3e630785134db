-- sqlalchemy-redshift: columns of a schema (the part over pg_catalog)
SELECT n.nspname as "schema", c.relname as "table_name", att.attname as "name",
    format_encoding(att.attencodingtype::integer) as "encode",
    format_type(att.atttypid, att.atttypmod) as "type", att.attisdistkey as "distkey",
    att.attsortkeyord as "sortkey", att.attnotnull as "notnull",
    pg_catalog.col_description(att.attrelid, att.attnum) as "comment", adsrc, attnum,
    pg_catalog.format_type(att.atttypid, att.atttypmod),
    pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) AS DEFAULT,
    n.oid as "schema_oid", c.oid as "table_oid"
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute att ON att.attrelid = c.oid
LEFT JOIN pg_catalog.pg_attrdef ad ON (att.attrelid, att.attnum) = (ad.adrelid, ad.adnum)
WHERE n.nspname !~ '^pg_' AND att.attnum > 0 AND NOT att.attisdropped AND n.nspname = 'public'
ORDER BY "schema", "table_name", "attnum";

-- sqlalchemy-redshift: relations
SELECT c.relkind, n.oid as "schema_oid", n.nspname as "schema", c.oid as "rel_oid", c.relname,
    CASE c.reldiststyle WHEN 0 THEN 'EVEN' WHEN 1 THEN 'KEY' WHEN 8 THEN 'ALL' END AS "diststyle",
    c.relowner AS "owner_id", u.usename AS "owner_name",
    TRIM(TRAILING ';' FROM pg_catalog.pg_get_viewdef(c.oid, true)) AS "view_definition",
    pg_catalog.array_to_string(c.relacl, '\n') AS "privileges"
FROM pg_catalog.pg_class c
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_user u ON u.usesysid = c.relowner
WHERE c.relkind IN ('r', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_'
ORDER BY "relkind", "schema_oid", "schema";

-- sqlalchemy-redshift: constraints
SELECT n.nspname as "schema", c.relname as "table_name", t.contype, t.conname, t.conkey, a.attnum,
    a.attname, pg_catalog.pg_get_constraintdef(t.oid, true)::varchar(512) as condef,
    n.oid as "schema_oid", c.oid as "rel_oid"
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_constraint t ON t.conrelid = c.oid
JOIN pg_catalog.pg_attribute a ON t.conrelid = a.attrelid AND a.attnum = ANY(t.conkey)
WHERE n.nspname !~ '^pg_'
ORDER BY "schema", "table_name";

-- sqlalchemy on connect
select pg_catalog.version();

select current_schema();

SELECT '"t"'::regclass::oid;

-- redshift_connector: tables of one database
SELECT CAST(current_database() AS VARCHAR(124)) AS TABLE_CAT, table_schema AS TABLE_SCHEM,
    table_name AS TABLE_NAME,
    CAST(CASE table_type WHEN 'BASE TABLE' THEN CASE
        WHEN table_schema = 'pg_catalog' OR table_schema = 'information_schema' THEN 'SYSTEM TABLE'
        WHEN table_schema = 'pg_toast' THEN 'SYSTEM TOAST TABLE'
        WHEN table_schema ~ '^pg_' AND table_schema != 'pg_toast' THEN 'TEMPORARY TABLE'
        ELSE 'TABLE' END
        WHEN 'VIEW' THEN CASE WHEN table_schema = 'pg_catalog' OR table_schema = 'information_schema'
        THEN 'SYSTEM VIEW' WHEN table_schema = 'pg_toast' THEN NULL
        WHEN table_schema ~ '^pg_' AND table_schema != 'pg_toast' THEN 'TEMPORARY VIEW'
        ELSE 'VIEW' END
        WHEN 'EXTERNAL TABLE' THEN 'EXTERNAL TABLE' END AS VARCHAR(124)) AS TABLE_TYPE,
    REMARKS, '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME, '' AS SELF_REFERENCING_COL_NAME,
    '' AS REF_GENERATION
FROM svv_tables WHERE true AND table_schema LIKE 'public' AND table_name LIKE '%'
ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME;

-- redshift_connector: which metadata path to take
select 1 from svv_external_schemas where schemaname like 'public';

select 1 from pg_catalog.svv_all_tables where table_name = 't';

-- dbt: catalogue
select table_catalog, table_schema, table_name, table_type from information_schema.tables
where table_schema ilike 'public' and table_type = 'BASE TABLE';

select has_table_privilege(current_user, 'svv_table_info', 'SELECT') as can_select;

with bound_views as (
    select ordinal_position, table_schema, column_name, data_type, character_maximum_length,
        numeric_precision, numeric_scale
    from information_schema."columns" where table_name = 't'
)
select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
from bound_views where table_schema = 'public' order by ordinal_position;

select distinct dependent_namespace.nspname as dependent_schema, dependent_class.relname,
    referenced_namespace.nspname as referenced_schema, referenced_class.relname
from pg_class as referenced_class
join pg_namespace referenced_namespace on referenced_class.relnamespace = referenced_namespace.oid
join pg_depend on pg_depend.refobjid = referenced_class.oid
join pg_rewrite on pg_depend.objid = pg_rewrite.oid
join pg_class as dependent_class on dependent_class.oid = pg_rewrite.ev_class
join pg_namespace dependent_namespace on dependent_class.relnamespace = dependent_namespace.oid
where dependent_class.oid <> referenced_class.oid;

select "database", "schema", "table", table_id, encoded, diststyle, sortkey1, max_varchar,
    sortkey1_enc, sortkey_num, size, pct_used, empty, unsorted, stats_off, tbl_rows, skew_sortkey1,
    skew_rows
from svv_table_info;

-- COPY's two questions
select query, filename, line_number, colname, err_reason from stl_load_errors
where query = pg_last_copy_id();

select d.query, d.line_number, d.value, le.err_reason from stl_loaderror_detail d, stl_load_errors le
where d.query = le.query and tbl = 100123;

-- asyncpg: types
SELECT t.oid, ns.nspname AS ns, t.typname AS name, t.typtype AS kind, t.typelem AS elemtype
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_namespace ns ON ns.oid = t.typnamespace
LEFT JOIN pg_range AS range_t ON t.oid = range_t.rngtypid
WHERE t.oid = ANY(ARRAY[23, 1043]);

-- psycopg: types by name
SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter
FROM pg_type t WHERE t.oid = to_regclass('nothing') ORDER BY t.oid;
