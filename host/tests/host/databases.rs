//! SQLite as Spin offers it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Bench;

#[tokio::test]
async fn rows_columns_and_counters_come_back() {
    let bench = Bench::start().await;
    let outcomes = bench
        .sql(
            "default",
            json!([
                { "sql": "create table t (id integer primary key, a, b)" },
                { "sql": "insert into t (a, b) values (?1, ?2), (1.5, null)", "parameters": ["é", 2] },
                { "sql": "select a, b, x'00ff' as raw from t order by id" },
                { "sql": "update t set b = 0 returning id" },
            ]),
        )
        .await;
    assert_eq!(outcomes[1]["changes"], 2);
    assert_eq!(outcomes[1]["last_insert_rowid"], 2);
    assert_eq!(outcomes[2]["columns"], json!(["a", "b", "raw"]));
    assert_eq!(outcomes[2]["rows"], json!([["é", 2, [0, 255]], [1.5, null, [0, 255]]]));
    assert_eq!(outcomes[3]["rows"], json!([[1], [2]]));
}

#[tokio::test]
async fn the_functions_that_are_not_async_do_the_same() {
    let bench = Bench::start().await;
    let statements = json!([
        { "sql": "create table t (a)" },
        { "sql": "insert into t values (?)", "parameters": [7] },
        { "sql": "select a from t" },
        { "sql": "select * from nope" },
    ]);
    let response = bench.post("/sql-sync/default").json(&statements).send().await.expect("an answer");
    let outcomes: Vec<Value> = response.json().await.expect("JSON");
    assert_eq!(outcomes[1]["changes"], 1);
    assert_eq!(outcomes[2]["rows"], json!([[7]]));
    assert_eq!(outcomes[3]["refused"], "Error::Io(\"no such table: nope\")");
}

#[tokio::test]
async fn errors_come_at_the_end_and_name_what_failed() {
    let bench = Bench::start().await;
    let outcomes = bench
        .sql(
            "default",
            json!([
                { "sql": "select * from nope" },
                { "sql": "create table t (a integer primary key, b check (b > 0))" },
                { "sql": "insert into t values (1, 1)" },
                { "sql": "insert into t values (1, 1)" },
                { "sql": "insert into t values (2, 0)" },
            ]),
        )
        .await;
    let failed = |index: usize| outcomes[index]["failed"].as_str().unwrap_or_default().to_owned();
    assert!(outcomes.iter().all(|outcome| outcome["refused"].is_null()));
    assert!(failed(0).contains("no such table: nope"));
    assert!(failed(3).contains("UNIQUE constraint failed: t.a"), "{}", failed(3));
    assert!(failed(4).contains("CHECK constraint failed"), "{}", failed(4));
}

#[tokio::test]
async fn a_large_result_is_streamed_whole() {
    let bench = Bench::start().await;
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select i, 'row ' || i from n";
    let outcomes = bench.sql("default", json!([{ "sql": sql }])).await;
    let rows = outcomes[0]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5000);
    assert_eq!(rows[4999], json!([5000, "row 5000"]));
    assert_eq!(outcomes[0]["failed"], Value::Null);
}

#[tokio::test]
async fn an_error_after_many_rows_is_told() {
    let bench = Bench::start().await;
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
               select iif(i = 3000, abs(-9223372036854775808), i) from n";
    let outcomes = bench.sql("default", json!([{ "sql": sql }])).await;
    assert_eq!(outcomes[0]["rows"].as_array().expect("rows").len(), 2999);
    assert!(outcomes[0]["failed"].as_str().expect("an error").contains("integer overflow"));
}

#[tokio::test]
async fn only_the_first_statement_of_several_runs() {
    let bench = Bench::start().await;
    bench.sql("default", json!([{ "sql": "create table one (a); create table two (a)" }])).await;
    let tables = bench.value("select group_concat(name) from sqlite_master where type = 'table'").await;
    assert_eq!(tables, "one");
}

#[tokio::test]
async fn the_defaults_are_spins() {
    let bench = Bench::start().await;
    assert_eq!(bench.value("pragma journal_mode").await, "delete");
    assert_eq!(bench.value("pragma synchronous").await, 2);
    assert_eq!(bench.value("pragma foreign_keys").await, 1);
    assert_eq!(bench.value("pragma busy_timeout").await, 5000);
    assert_eq!(bench.value("select json_extract('{\"a\": 3}', '$.a')").await, 3);
    let search = json!([
        { "sql": "create virtual table f using fts5(t, tokenize = \"unicode61 remove_diacritics 2\")" },
        { "sql": "insert into f values ('Théière émaillée')" },
        { "sql": "select count(*) from f where f match 'theiere emaill*'" },
    ]);
    assert_eq!(bench.sql("default", search).await[2]["rows"], json!([[1]]));
}

#[tokio::test]
async fn other_files_cannot_be_attached() {
    let bench = Bench::start().await;
    let outcomes = bench
        .sql(
            "default",
            json!([
                { "sql": "attach database '/tmp/other.db' as other" },
                { "sql": "attach database ':memory:' as scratch" },
                { "sql": "vacuum" },
            ]),
        )
        .await;
    assert!(outcomes[0]["failed"].as_str().expect("an error").contains("not authorized"));
    assert_eq!(outcomes[1]["failed"], Value::Null);
    assert_eq!(outcomes[2]["failed"], Value::Null);
}

#[tokio::test]
async fn labels_are_databases_of_their_own_and_must_be_granted() {
    let bench = Bench::start().await;
    bench.sql("more", json!([{ "sql": "create table t (a)" }])).await;
    let outcomes = bench.sql("default", json!([{ "sql": "select * from t" }])).await;
    assert!(outcomes[0]["failed"].as_str().expect("an error").contains("no such table"));
    assert_eq!(bench.sql("nobodys", json!([])).await[0]["refused"], "Error::AccessDenied");
    assert!(bench.state.path().join("more.db").is_file(), "`.spin/more.db` lies in the state folder");
    assert!(bench.state.path().join("sqlite_db.db").is_file());
}

#[tokio::test]
async fn transactions_of_concurrent_requests_lose_no_update() {
    let bench = Bench::start().await;
    bench.sql("default", json!([{ "sql": "pragma journal_mode = wal" }])).await;
    bench
        .sql("default", json!([{ "sql": "create table t (n)" }, { "sql": "insert into t values (0)" }]))
        .await;
    let add = json!([
        { "sql": "begin immediate" },
        { "sql": "update t set n = n + 1" },
        { "sql": "commit" },
    ]);
    let all = (0..40).map(|_| bench.sql("default", add.clone()));
    for outcomes in futures::future::join_all(all).await {
        assert!(outcomes.iter().all(|outcome| outcome["failed"].is_null()), "{outcomes:?}");
    }
    assert_eq!(bench.value("select n from t").await, 40);
}

#[tokio::test]
async fn a_slow_statement_holds_up_nobody() {
    let bench = Bench::start().await;
    let slow = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000000) select count(*) from n";
    let statements = json!([{ "sql": slow }]);
    let slow = bench.sql("default", statements.clone());
    let slow_too = bench.sql("default", statements.clone());
    let slow_again = bench.sql("default", statements);
    let quick = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::time::timeout(Duration::from_millis(1500), bench.text("/hello")).await
    };
    let (_, _, _, quick) = tokio::join!(slow, slow_too, slow_again, quick);
    assert_eq!(quick.expect("an answer in time"), "hello");
}

#[tokio::test]
async fn scripts_run_before_the_first_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("schema.sql");
    std::fs::write(&file, "create table a (n); insert into a values (5);").expect("a file");
    let bench = Bench::with(|options| {
        options.sqlite = vec!["create table b (n)".to_owned(), format!("@{}:more", file.display())];
    })
    .await;
    assert_eq!(bench.value("select count(*) from b").await, 0);
    assert_eq!(bench.sql("more", json!([{ "sql": "select n from a" }])).await[0]["rows"], json!([[5]]));
}

#[tokio::test]
async fn a_connection_bears_no_mark_of_the_guest_before() {
    let bench = Bench::start().await;
    bench
        .sql(
            "default",
            json!([
                { "sql": "create table t (a)" },
                { "sql": "insert into t values (1), (2)" },
                { "sql": "pragma foreign_keys = off" },
                { "sql": "create temporary table secret (a)" },
                { "sql": "begin" },
                { "sql": "insert into t values (3)" },
            ]),
        )
        .await;
    let again = bench
        .sql(
            "default",
            json!([
                { "sql": "pragma foreign_keys" },
                { "sql": "select * from secret" },
                { "sql": "select count(*) from t" },
            ]),
        )
        .await;
    assert_eq!(again[0]["rows"], json!([[1]]));
    assert!(again[1]["failed"].as_str().unwrap_or_default().contains("no such table"), "{again:?}");
    assert_eq!(again[2]["rows"], json!([[2]]), "what was not committed is there");
}

#[tokio::test]
async fn counters_begin_at_zero_in_every_connection() {
    let bench = Bench::start().await;
    let insert =
        json!([{ "sql": "create table if not exists t (a)" }, { "sql": "insert into t values (1), (2)" }]);
    bench.sql("default", insert).await;
    let outcomes = bench.sql("default", json!([{ "sql": "select a from t" }])).await;
    assert_eq!(outcomes[0]["changes"], 0);
    assert_eq!(outcomes[0]["last_insert_rowid"], 0);
}
