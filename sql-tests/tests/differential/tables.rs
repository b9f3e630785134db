//! Tables drawn at random: of every distribution style and sort key, with NULLs, skew, empty slices, several runs, and rows that
//! have been deleted.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Name, columns and layout. Types differ: what is equal has one hash.
const TABLES: [(&str, &str, &str); 15] = [
    ("a", "k bigint, j int, v bigint, s varchar(8)", "distkey(k) sortkey(k)"),
    ("b", "k int, j bigint, v bigint, s varchar(20)", "distkey(k) compound sortkey(j, k)"),
    ("a2", "k bigint, j int, v int, s varchar(8)", "distkey(k) sortkey(k)"),
    ("c", "k bigint, j int, v bigint, s varchar(8)", "distkey(j) sortkey(j)"),
    ("c2", "k numeric(18, 0), j int, v bigint, s varchar(8)", "distkey(k) sortkey(k, v)"),
    ("d", "k bigint, j int, v bigint, s varchar(8)", "diststyle even"),
    ("d2", "k smallint, j int, v int, s varchar(8)", "diststyle even interleaved sortkey(k, j)"),
    ("e", "k bigint, j int, v bigint, s varchar(8)", "diststyle all"),
    ("e2", "k int, j int, v bigint, s varchar(8)", "diststyle all sortkey(k)"),
    ("f", "k bigint, j int, v bigint, s varchar(8)", "diststyle auto"),
    ("g", "k bigint, j int, v bigint, s varchar(8)", "distkey(s) sortkey(s)"),
    ("h", "k bigint, j int, v bigint, s char(4)", "distkey(s)"),
    ("skewed", "k bigint, j int, v bigint, s varchar(8)", "distkey(k) sortkey(j)"),
    ("lonely", "k bigint, j int, v bigint, s varchar(8)", "distkey(k) sortkey(k)"),
    ("nothing", "k bigint, j int, v bigint, s varchar(8)", "distkey(k)"),
];

/// A million numbers.
const NUMBERS: [&str; 4] = [
    "create table digits (i int) diststyle all",
    "insert into digits values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
    "create table numbers (i int) diststyle even",
    "insert into numbers select a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i + 100000 * f.i
     from digits a, digits b, digits c, digits d, digits e, digits f",
];

/// Rows of more than this are objects of their own, even on many slices: fewer are in the commit log.
const PAD_BYTES: usize = 3_000;
/// How many rows of a table have a pad.
const PAD_ROWS: usize = 40;

/// Returns the names of the tables.
pub(super) fn names() -> Vec<String> {
    TABLES.map(|(name, ..)| name.to_owned()).to_vec()
}

/// Returns each table with the rows that it has, of which a plan expects 200,000 times as many: of a condition that it knows
/// nothing of it expects every fifth row to pass, and no number does. A join does not collect a side of so many rows.
pub(super) fn expected_large() -> Vec<String> {
    let large = |(name, ..): (&str, &str, &str)| {
        format!("(select t.k, t.j, t.v, t.s from {name} t left join numbers on numbers.i % 7 = 8)")
    };
    TABLES.map(large).to_vec()
}

/// Returns the statements that make and fill the tables of a seed.
pub(super) fn statements(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut statements = NUMBERS.map(str::to_owned).to_vec();
    for (name, columns, layout) in TABLES {
        let is_padded = random.random_bool(0.3);
        statements.push(format!("create table {name} ({columns}, pad varchar(4000)) {layout}"));
        for rows in row_counts(name, &mut random) {
            let mut values = Vec::new();
            for row in 0..rows {
                let values_of_row = row_values(name, &mut random);
                let pad = match is_padded && row < PAD_ROWS {
                    true => format!("'{}'", pad(&mut random)),
                    false => "null".to_owned(),
                };
                values.push(format!("({values_of_row}, {pad})"));
            }
            statements.push(format!("insert into {name} values {}", values.join(", ")));
        }
        for change in [
            "delete from {} where v = 2",
            "update {} set v = v + 1, k = k + 1 where j = 4",
            "vacuum {}",
            "analyze {}",
        ] {
            if random.random_bool(0.25) {
                statements.push(change.replace("{}", name));
            }
        }
    }
    statements
}

/// Returns how many rows each INSERT has.
fn row_counts(name: &str, random: &mut StdRng) -> Vec<usize> {
    match name {
        "nothing" => Vec::new(),
        "lonely" => vec![1],
        _ => {
            let inserts = random.random_range(1..4);
            (0..inserts).map(|_| [2, 15, 40, 60].choose(random).copied().unwrap_or(1)).collect()
        }
    }
}

fn row_values(name: &str, random: &mut StdRng) -> String {
    let mut draw = |values: i64| match random.random_bool(0.1) {
        true => "null".to_owned(),
        false => random.random_range(-3..values).to_string(),
    };
    let (k, j, v, s) = (draw(40), draw(30), draw(5), draw(6));
    let k = match name == "skewed" && random.random_bool(0.8) {
        true => "7".to_owned(),
        false => k,
    };
    let s = if s == "null" { s } else { format!("'x{s}'") };
    format!("{k}, {j}, {v}, {s}")
}

/// Returns a text that is as long when it is compressed.
fn pad(random: &mut StdRng) -> String {
    (0..PAD_BYTES).map(|_| char::from(random.random_range(b'@'..=b'~'))).collect()
}
