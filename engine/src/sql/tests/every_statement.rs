//! Nothing a client sends may panic, or exhaust the stack.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::parse;
use crate::client_error::SqlState;

const VALID: &[&str] = &[
    "create temp table if not exists s.t (a int identity(1,1) not null encode az64 distkey, \"B\" varchar(max) default 'x' \
     references p(c), primary key (a)) diststyle key compound sortkey (a, b) backup no",
    "create table t (like p including defaults) diststyle all; create table u distkey(a) as (select 1 a)",
    "create or replace view v (a) as select 'ä' as a from t with no schema binding",
    "alter table s.t add column \"B\" varchar(max) default 'x' || 'y' encode zstd not null; alter table t drop c cascade; \
     alter table t alter distkey a, alter compound sortkey (a, b); alter table t append from s.u filltarget",
    "alter table t alter column a encode lzo, alter b encode raw; alter table t add constraint k foreign key (a) references u; \
     analyze verbose s.t (a, b) predicate columns; analyse; analyze compression s.t (a, b) comprows 2000; analyze compression",
    "create schema if not exists s authorization bob; drop table if exists a, b.c cascade",
    "insert into t (a, b) values (1, default), (-2.5e3, 'it''s' || $1)",
    "with x as (select 1 a) delete from s.t as d using x, u join v on u.a = v.a where (d.a, d.b) in (select a, 2 from x)",
    "with recursive x (n) as (select 1) update t set a = default, \"B\" = a + 1 from x where t.a = x.n; lock table t, s.u",
    "merge into t using s as u on t.a = u.a when matched then update set b = u.b when not matched then insert (a) values (default)",
    "merge into t using s on t.a = s.a remove duplicates; delete t",
    "copy t (a, b) from 's3://b/p' iam_role default delimiter '\\t' null as '\\N' gzip maxerror 3",
    "set search_path to a, \"$user\"; set time zone 'UTC'; show all; reset x.y; set local a = -1",
    "create database d with owner = u connection limit 3 collate case_sensitive isolation level snapshot; \
     alter database d rename to e; alter database e owner to u; alter database e connection limit unlimited; drop database e",
    "alter database dev isolation level serializable; cancel 802 'Long-running query'; cancel 1",
    "begin isolation level read committed, read only; explain (analyze, verbose off) select 1; commit; end work; abort",
    "with x as (select top 5 a::numeric(3,1), b[1] from t where a ~ 'x' collate \"default\" order by 1 desc nulls last) \
     select *, dateadd(day, 1, c), E'\\n' from x minus select 1 from (values (1, $$q$$)) group by rollup(a) fetch first 3 rows only",
    "select case when a is null then /* c /* d */ */ 1 else |/ 4 end, count(distinct a) filter (where b) over (partition by c \
     rows between 1 preceding and current row) from #t left join u using (a) -- end",
];

#[test]
fn truncated_and_mutated_statements_do_not_panic() {
    let mut random = StdRng::seed_from_u64(7);
    for sql in VALID {
        parse(sql).unwrap_or_else(|error| panic!("{sql}: {error} at {:?}", error.position));
        let chars: Vec<char> = sql.chars().collect();
        for end in 0..chars.len() {
            drop(parse(&chars[..end].iter().collect::<String>()));
            drop(parse(&chars[end..].iter().collect::<String>()));
        }
        let words: Vec<&str> = sql.split(' ').collect();
        for _ in 0..400 {
            let mut mutated = words.clone();
            for _ in 0..random.random_range(1..4) {
                let (from, to) =
                    (random.random_range(0..words.len()), random.random_range(0..mutated.len()));
                match random.random_range(0..3) {
                    0 => mutated[to] = words[from],
                    1 => mutated.insert(to, words[from]),
                    _ if mutated.len() > 1 => drop(mutated.remove(to)),
                    _ => {}
                }
            }
            drop(parse(&mutated.join(" ")));
        }
        for _ in 0..400 {
            let mut mutated = chars.clone();
            let at = random.random_range(0..mutated.len());
            mutated[at] = *"'\"();,.$#\\\n\0ä🦀 -/*[]{}:=<>~!|&^%@?`x0e"
                .chars()
                .collect::<Vec<_>>()
                .get(random.random_range(0..40))
                .unwrap_or(&'x');
            drop(parse(&mutated.iter().collect::<String>()));
        }
    }
}

#[test]
fn an_error_points_into_the_text_or_at_its_end() {
    for sql in VALID {
        let chars: Vec<char> = sql.chars().collect();
        for end in 0..chars.len() {
            if let Err(error) = parse(&chars[..end].iter().collect::<String>()) {
                let position = error.position.unwrap_or(1);
                assert!((1..=end + 1).contains(&position), "{position} of {end}: {error}");
            }
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_the_end() {
    let deep = |open: &str, inner: &str, close: &str, count: usize| {
        format!("select {}{inner}{}", open.repeat(count), close.repeat(count))
    };
    // On a stack as small as those of the server's own threads.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for count in [10, 700, 1_400, 50_000] {
            for sql in [
                deep("(", "1", ")", count),
                deep("1 + ", "1", "", count),
                deep("a or ", "b", "", count),
                deep("not ", "b", "", count),
                deep("- ", "1", "", count),
                deep("f(", "1", ")", count),
                deep("(select ", "1", ")", count),
                deep("case when a then ", "1", " end", count),
                deep("1", "", "::int", count),
                deep("a", "", "[1]", count),
                deep("1 union select ", "1", "", count),
                deep("a and (b or ", "1", ")", count),
                deep("1 ", "1", "in (select 1)", count),
                deep("* from (select ", "1", ")", count),
                deep("array[", "1", "]", count),
            ] {
                match parse(&sql) {
                    Ok(_) => assert!(count < 20_000 || sql.starts_with("select 1 1")),
                    Err(error) if count >= 20_000 => {
                        let state = error.sqlstate;
                        assert!(
                            state == SqlState("54001") || state == SqlState::SYNTAX_ERROR,
                            "{error}"
                        );
                    }
                    Err(error) => {
                        let state = error.sqlstate;
                        assert!(count > 100 || state == SqlState::SYNTAX_ERROR, "{error}: {sql}");
                    }
                }
            }
        }
    });
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn long_lists_are_not_deep() {
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    parse(&format!("select a from t where a in ({})", list("-1 + 2", 20_000))).expect("in");
    parse(&format!("insert into t values {}", list("(1, 'x', -2.5)", 20_000))).expect("values");
    parse(&format!("select {}", list("a::int + 1 as b", 2_000))).expect("select");
    let conditions = vec!["(a = 1 and b = 'x')"; 1_000].join(" or ");
    parse(&format!("select a from t where {conditions}")).expect("or");
}
