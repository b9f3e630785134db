//! The shapes of psql's catalogue queries (`\d`, `\dt`, `\df`, `\l`, `\du`, `\dn`).

use super::one;
use crate::sql::Statement;

#[expect(clippy::too_many_lines, reason = "a table of statements")]
#[test]
fn psql_catalogue_queries() {
    for (sql, contains) in [
        (
            "SELECT n.nspname as \"Schema\", c.relname as \"Name\",
               CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as \"Type\",
               pg_catalog.pg_get_userbyid(c.relowner) as \"Owner\"
             FROM pg_catalog.pg_class c
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast'
               AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2;",
            "n.nspname !~ '^pg_toast'",
        ),
        (
            "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default
               AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;",
            "c.relname ~ '^(t)$' AND",
        ),
        (
            "SELECT c.relchecks, c.relkind, c.relhasindex, false AS relhasoids, c.relispartition, '', c.reltablespace,
               CASE WHEN c.reloftype = 0 THEN '' ELSE c.reloftype::pg_catalog.regtype::pg_catalog.text END,
               c.relpersistence, c.relreplident, am.amname
             FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_class tc ON (c.reltoastrelid = tc.oid)
               LEFT JOIN pg_catalog.pg_am am ON (c.relam = am.oid) WHERE c.oid = '16385';",
            "regtype(c.reloftype)::VARCHAR",
        ),
        (
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
               (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
               a.attnotnull,
               (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t
                WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation,
               ''::pg_catalog.char AS attidentity, ''::pg_catalog.\"char\" AS attgenerated
             FROM pg_catalog.pg_attribute a WHERE a.attrelid = '16385' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;",
            "''::VARCHAR AS attgenerated",
        ),
        (
            "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c, pg_catalog.pg_inherits i
             WHERE c.oid = i.inhparent AND i.inhrelid = '16385' ORDER BY inhseqno;",
            "SELECT regclass(c.oid) FROM",
        ),
        (
            "SELECT pubname, NULL, NULL FROM pg_catalog.pg_publication p
             JOIN pg_catalog.pg_publication_rel pr ON p.oid = pr.prpubid
             WHERE pr.prrelid = '16385' UNION SELECT pubname, NULL, NULL FROM pg_catalog.pg_publication p
             WHERE p.puballtables AND pg_catalog.pg_relation_is_publishable('16385') ORDER BY 1;",
            "UNION SELECT",
        ),
        (
            "SELECT d.datname as \"Name\", pg_catalog.pg_get_userbyid(d.datdba) as \"Owner\",
               pg_catalog.pg_encoding_to_char(d.encoding) as \"Encoding\", d.datcollate as \"Collate\",
               pg_catalog.array_to_string(d.datacl, E'\\n') AS \"Access privileges\"
             FROM pg_catalog.pg_database d ORDER BY 1;",
            "AS \"access privileges\"",
        ),
        (
            "SELECT r.rolname, r.rolsuper, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m
               JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid) as memberof
             FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;",
            "memberof",
        ),
        (
            "SELECT n.nspname as \"Schema\", p.proname as \"Name\", pg_catalog.pg_get_function_result(p.oid) as \"Result data type\",
               CASE p.prokind WHEN 'a' THEN 'agg' ELSE 'func' END as \"Type\"
             FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE pg_catalog.pg_function_is_visible(p.oid) AND n.nspname <> 'information_schema' ORDER BY 1, 2, 4;",
            "p.prokind",
        ),
        (
            "SELECT conname, pg_catalog.pg_get_constraintdef(r.oid, true) as condef, conrelid::pg_catalog.regclass AS ontable
             FROM pg_catalog.pg_constraint r
             WHERE confrelid IN (SELECT pg_catalog.pg_partition_ancestors('16385') UNION ALL VALUES ('16385'::pg_catalog.regclass))
               AND contype = 'f' AND attnum = ANY(r.conkey) AND x = ANY ('{1,2}'::pg_catalog.int2[]) ORDER BY 1;",
            "regclass('16385')",
        ),
        (
            "SELECT '\"s\".\"T\"'::regclass::oid, relacl[1], array[1::smallint], 'f'::char FROM pg_class",
            "regclass('\"s\".\"T\"')::BIGINT",
        ),
        (
            "SELECT a.attname FROM pg_attribute a WHERE (a.attname) OPERATOR(pg_catalog.~~*) 'x%' COLLATE pg_catalog.\"default\"",
            "~~* 'x%'",
        ),
    ] {
        let Statement::Query(query) = one(sql) else { panic!("{sql}") };
        let shown = query.to_string();
        assert!(shown.contains(contains), "{shown}");
    }
}
