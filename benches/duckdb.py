"""TPC-H in DuckDB: the same files, the same queries and the same JSON as `benches/tpch.rs`.

    pip install duckdb
    python benches/duckdb.py FILES --scale 1 [--threads 2] [--runs 3] [--json OUT]

FILES is the folder that `cargo bench -p benches --bench tpch -- --files FILES` wrote.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

# This file has the library's name: its own folder must not be searched first.
sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).parent]
import duckdb  # noqa: E402

SQL = Path(__file__).resolve().parent.parent / "leader/src/quickstart/tpch"
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
# What Redshift has and DuckDB has not.
REDSHIFT_ONLY = re.compile(r" distkey| sortkey( \([a-z_]+\))?| diststyle all")


def load(connection, files, name):
    """Loads all tables into new ones and returns what `report::Load` holds."""
    for table in TABLES:
        connection.execute(f"drop table if exists {table}")
    connection.execute(REDSHIFT_ONLY.sub("", (SQL / "tables.sql").read_text()))
    file_bytes = 0
    start = time.perf_counter()
    for table in TABLES:
        folder = files / "tpch" / name / table
        file_bytes += sum(file.stat().st_size for file in folder.iterdir())
        columns = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
        if name == "text":
            names = ", ".join(f"'{column}'" for column in columns)
            source = f"read_csv('{folder}/*', delim = '|', header = false, names = [{names}])"
        else:
            source = f"read_parquet('{folder}/*')"
        connection.execute(f"insert into {table} select * from {source}")
    seconds = time.perf_counter() - start
    rows = sum(connection.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES)
    return {
        "rows": rows,
        "file_bytes": file_bytes,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
    }


def best_of(connection, sql, runs):
    """Returns the best time in milliseconds, results fetched as text-like Python values."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        connection.execute(sql).fetchall()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times)


def peak_rss_bytes():
    """Returns the most memory that this process ever had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def main():
    parser = argparse.ArgumentParser(description="TPC-H in DuckDB")
    parser.add_argument("files", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--database", default=":memory:", help="a file, or in memory")
    arguments = parser.parse_args()

    connection = duckdb.connect(arguments.database)
    connection.execute(f"set threads to {arguments.threads}")
    report = {
        "engine": f"DuckDB {duckdb.__version__}, {arguments.threads} threads",
        "scale": arguments.scale,
        "queries": {},
        "load": {},
    }
    for name in ["parquet", "text"]:
        report["load"][name] = load(connection, arguments.files, name)
        print(f"load {name:<10} {report['load'][name]['seconds']:>10.2f} s", file=sys.stderr)
    for path in sorted(SQL.glob("q*.sql")):
        report["queries"][path.stem] = best_of(connection, path.read_text(), arguments.runs)
        print(f"{path.stem} {report['queries'][path.stem]:>12.1f} ms", file=sys.stderr)
    report["peak_rss_bytes"] = peak_rss_bytes()
    text = json.dumps(report, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
