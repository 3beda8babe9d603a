//! Making sense of logs: five frameworks' real ways of writing, what is new, and how much fails.

use serde_json::{Value, json};
use xmrt::hub::ErrorClass;

use super::stage::{Stage, stage};

/// Lines as they come, one second apart, the first one at `at` (minutes ago).
fn log(minutes_ago: i64, lines: &str) -> Vec<Value> {
    let began = minutes_ago * 60;
    let lines = lines.trim_matches('\n').lines().enumerate();
    lines
        .map(|(n, line)| {
            let ago = began - i64::try_from(n).unwrap();
            json!({"service_id": "srv-a", "at": format!("-{ago}s"), "message": line})
        })
        .collect()
}

async fn with(logs: Vec<Value>) -> Stage {
    stage(json!({
        "services": [{"id": "srv-a", "name": "api-prod"}],
        "deploys": [
            {"id": "dep-2", "service_id": "srv-a", "status": "live", "created": "-20m", "finished": "-18m"},
            {"id": "dep-1", "service_id": "srv-a", "status": "deactivated", "finished": "-2d"},
        ],
        "logs": logs,
    }))
    .await
}

async fn digest(lines: &str) -> String {
    let stage = with(log(10, lines)).await;
    let found = stage
        .call("analyze_logs", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    let lines: Vec<&str> = found["digest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn rust_with_tracing() {
    let found = digest(
        "
\u{1b}[2m2026-11-22T10:00:00.123456Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m request{method=GET uri=/orders/42 id=6f1c9a}: api::orders: order loaded order_id=42 took_ms=12
\u{1b}[2m2026-11-22T10:00:01.223456Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m request{method=GET uri=/orders/77 id=8e2b1c}: api::orders: order loaded order_id=77 took_ms=9
2026-11-22T10:00:02.100000Z  WARN sqlx::query: slow statement: execution time exceeded alert threshold elapsed=1.203s rows=1
2026-11-22T10:00:03.100000Z  WARN sqlx::query: slow statement: execution time exceeded alert threshold elapsed=2.9s rows=14
2026-11-22T10:00:04.000000Z ERROR api::payments: charge failed error=connection to 10.0.3.7:5432 refused attempt=1
2026-11-22T10:00:05.000000Z ERROR api::payments: charge failed error=connection to 10.0.3.8:5432 refused attempt=2
thread 'tokio-runtime-worker' panicked at src/orders.rs:118:29:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: rust_begin_unwind
   1: core::panicking::panic_fmt
note: run with `RUST_BACKTRACE=full` for a verbose backtrace.
2026-11-22T10:00:09.000000Z  INFO api: listening addr=0.0.0.0:10000
",
    )
    .await;
    insta::assert_snapshot!(found, @"
    2× error: api::payments: charge failed connection to <ip> refused attempt=<*>
    1× error: thread 'tokio-runtime-worker' panicked at src/orders.rs:<num>:<num>: called `Option::unwrap()` on a `None` value
    2× warning: sqlx::query: slow statement: execution time exceeded alert threshold elapsed=<*> rows=<*>
    2×: request{method=GET uri=<*> id=<*>}: api::orders: order loaded order_id=<*> took_ms=<*>
    1×: api: listening addr=<*>
    ");
}

#[tokio::test]
async fn python_with_django() {
    let found = digest(
        r#"
[22/Nov/2026 10:00:00] INFO [django.server:213] "GET /accounts/1841/ HTTP/1.1" 200 5120
[22/Nov/2026 10:00:01] INFO [django.server:213] "GET /accounts/77/ HTTP/1.1" 200 881
WARNING 2026-11-22 10:00:02,120 log 7 140231 Not Found: /favicon.ico
ERROR 2026-11-22 10:00:03,001 log 7 140231 Internal Server Error: /checkout/
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/django/core/handlers/exception.py", line 55, in inner
    response = get_response(request)
  File "/app/shop/views.py", line 88, in checkout
    cart = Cart.objects.get(pk=request.session["cart"])
shop.models.Cart.DoesNotExist: Cart matching query 991 does not exist.
[22/Nov/2026 10:00:03] ERROR [django.server:213] "POST /checkout/ HTTP/1.1" 500 145
ERROR 2026-11-22 10:00:05,744 log 7 140377 Internal Server Error: /checkout/
Traceback (most recent call last):
  File "/app/shop/views.py", line 88, in checkout
    cart = Cart.objects.get(pk=request.session["cart"])
shop.models.Cart.DoesNotExist: Cart matching query 1204 does not exist.
[22/Nov/2026 10:00:05] ERROR [django.server:213] "POST /checkout/ HTTP/1.1" 500 145
10.214.0.9 - - [22/Nov/2026:10:00:06 +0000] "GET /static/app.9f31c2ab.js HTTP/1.1" 304 0 "-" "kube-probe/1.29"
"#,
    )
    .await;
    insta::assert_snapshot!(found, @r#"
    2× error: log <num> <num> Internal Server Error: /checkout/ shop.models.Cart.DoesNotExist: Cart matching query <num> does not exist.
    2× error: [django.server:<num>] "POST /checkout/ HTTP/<num>" 5xx <num>
    1× warning: log <num> <num> Not Found: /favicon.ico
    2×: [django.server:<num>] "GET /accounts/<num>/ HTTP/<num>" 2xx <num>
    1×: <ip> - - [<time>] "GET /static/app.<hex>.js HTTP/<num>" 3xx <num> "-" "kube-probe/<num>"
    "#);
}

#[tokio::test]
async fn node_with_express_morgan_and_pino() {
    let found = digest(
        r#"
GET /api/users/42 200 12.345 ms - 512
GET /api/users/43 200 9.001 ms - 498
GET /api/users/0 404 1.2 ms - 22
POST /api/orders 500 33.870 ms - 1042
POST /api/orders 502 12.100 ms - 0
{"level":30,"time":1763805600123,"pid":17,"hostname":"srv-a-abcde","reqId":"req-1","msg":"request completed"}
{"level":30,"time":1763805601123,"pid":17,"hostname":"srv-a-abcde","reqId":"req-2","msg":"request completed"}
{"level":50,"time":1763805602123,"pid":17,"err":{"type":"MongoNetworkError","message":"connect ECONNREFUSED 10.1.2.3:27017","stack":"MongoNetworkError: connect"},"msg":"query failed"}
{"level":50,"time":1763805603123,"pid":17,"err":{"type":"MongoNetworkError","message":"connect ECONNREFUSED 10.1.2.9:27017","stack":"MongoNetworkError: connect"},"msg":"query failed"}
TypeError: Cannot read properties of undefined (reading 'email')
    at sendReceipt (/app/src/receipts.js:31:22)
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
TypeError: Cannot read properties of undefined (reading 'name')
    at sendReceipt (/app/src/receipts.js:32:22)
(node:17) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.
Error: connect ECONNREFUSED 10.1.2.3:5432
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16)
Error: connect ECONNREFUSED 10.1.2.9:5432
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1595:16)
Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'left-pad'
Uncaught Error: boom
Unhandled Rejection: boom
Killed
Segmentation fault (core dumped)
"#,
    )
    .await;
    insta::assert_snapshot!(found, @"
    2× error: POST /api/orders 5xx <num> ms - <num>
    2× error: query failed: MongoNetworkError: connect ECONNREFUSED <ip>
    2× error: TypeError: Cannot read properties of undefined (reading '<*>')
    2× error: Error: connect ECONNREFUSED <ip>
    1× error: Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'left-pad'
    1× error: Uncaught Error: boom
    1× error: Unhandled Rejection: boom
    1× error: Killed
    1× error: Segmentation fault (core dumped)
    2×: GET /api/users/<num> 2xx <num> ms - <num>
    2×: request completed
    1×: GET /api/users/<num> 4xx <num> ms - <num>
    1×: (node:<num>) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.
    ");
}

#[tokio::test]
async fn java_with_spring() {
    let found = digest(
        r#"
2026-11-22T10:00:00.123Z  INFO 1 --- [api] [nio-8080-exec-3] c.acme.api.OrderController               : Order 42 created for customer 7f3d2c1a-98aa-4c1e-8a55-0123456789ab
2026-11-22T10:00:00.923Z  INFO 1 --- [api] [nio-8080-exec-9] c.acme.api.OrderController               : Order 43 created for customer 11f8f5b2-1c57-4f1c-9a3e-ba9876543210
2026-11-22T10:00:01.000Z  WARN 1 --- [api] [l-1 housekeeper] com.zaxxer.hikari.pool.HikariPool        : HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=51s204ms).
2026-11-22T10:00:02.000Z ERROR 1 --- [api] [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : Servlet.service() for servlet [dispatcherServlet] threw exception [Request processing failed]
org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection
	at org.springframework.orm.jpa.vendor.HibernateJpaDialect.convert(HibernateJpaDialect.java:277)
	at com.acme.api.OrderService.save(OrderService.java:64)
Caused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30001ms.
	at com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:686)
	... 12 more
2026-11-22T10:00:33.000Z ERROR 1 --- [api] [nio-8080-exec-4] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : Servlet.service() for servlet [dispatcherServlet] threw exception [Request processing failed]
org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection
	at com.acme.api.OrderService.save(OrderService.java:64)
"#,
    )
    .await;
    insta::assert_snapshot!(found, @"
    2× error: o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() for servlet [dispatcherServlet] threw exception [Request processing failed] org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection, caused by java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30001ms.
    1× warning: com.zaxxer.hikari.pool.HikariPool : HikariPool-<num> - Thread starvation or clock leap detected (housekeeper delta=<*>).
    2×: c.acme.api.OrderController : Order <num> created for customer <id>
    ");
}

#[tokio::test]
async fn go_with_the_standard_log_slog_and_a_panic() {
    let found = digest(
        r#"
2026/11/22 10:00:00 listening on :10000
time=2026-11-22T10:00:01.000Z level=INFO msg="request served" method=GET path=/v1/items/17 status=200 duration=3.2ms
time=2026-11-22T10:00:02.000Z level=INFO msg="request served" method=GET path=/v1/items/18 status=200 duration=2.9ms
time=2026-11-22T10:00:03.000Z level=ERROR msg="request failed" method=POST path=/v1/items status=503 err="dial tcp 10.2.0.4:6379: i/o timeout"
{"time":"2026-11-22T10:00:04Z","level":"WARN","msg":"retrying upstream","attempt":2,"upstream":"billing"}
{"time":"2026-11-22T10:00:05Z","level":"WARN","msg":"retrying upstream","attempt":3,"upstream":"billing"}
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6f2a11]
goroutine 84 [running]:
main.(*Store).Load(0x0, {0xc00012a000, 0x11})
	/app/store.go:57 +0x31
main.main()
	/app/main.go:31 +0x1d4
exit status 2
2026/11/22 10:00:09 listening on :10000
"#,
    )
    .await;
    insta::assert_snapshot!(found, @"
    1× error: request failed method=POST path=<*> status=5xx dial tcp <ip>: i/o timeout
    1× error: panic: runtime error: invalid memory address or nil pointer dereference
    2× warning: retrying upstream
    2×: listening on :<num>
    2×: request served method=GET path=<*> status=2xx duration=<*>
    ");
}

#[tokio::test]
async fn what_is_new_since_the_deploy_and_how_the_share_of_errors_changed_is_told() {
    let mut logs = log(
        40,
        &"INFO served 1\nINFO served 2\nERROR cache miss for key 7\n".repeat(10),
    );
    logs.extend(log(
        10,
        &"INFO served 3\nERROR cache miss for key 9\nERROR no such column: total\nINFO cleared\n".repeat(5),
    ));
    let stage = with(logs).await;
    let found = stage
        .call("analyze_logs", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    assert_eq!(found["deploy"]["deploy_id"], "dep-2");
    assert_eq!(
        found["now"],
        json!({"records": 20, "errors": 10, "error_percent": 50.0})
    );
    assert_eq!(
        found["before"],
        json!({"records": 30, "errors": 10, "error_percent": 33.3})
    );
    assert_eq!(
        (&found["templates"][0]["template"], &found["templates"][0]["new"]),
        (&json!("no such column: total"), &json!(true))
    );
    let first_at = found["templates"][0]["first_at"].as_str().unwrap();
    assert!(first_at.starts_with("2027-01-15T07:50:02"), "{first_at}");
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Log of `api-prod` (srv-a), 2027-01-15 07:00 UTC to 2027-01-15 08:00 UTC:

    - Since dep-2 went live at 2027-01-15 07:42 UTC: 10 of 20 records are errors (50 %).
    - Before that, from 2027-01-15 07:00 UTC: 10 of 30 records were errors (33.3 %).

    - 5× error, new, at 07:50: `no such column: total`
    - 5× error (10× before), 07:20 to 07:50: `cache miss for key <num>`
    - 5×, new, at 07:50: `cleared`
    - 5× (20× before), 07:20 to 07:50: `served <num>`
    ");
}

#[tokio::test]
async fn the_time_before_an_older_deploy_is_read_apart_and_a_named_deploy_sets_the_window() {
    let mut logs = log(25, "INFO old news\nERROR boom 1");
    logs.extend(log(5, "ERROR boom 2\nERROR bang"));
    let stage = with(logs).await;
    let short = json!({"service_id": "srv-a", "within": "15m"});
    let short = stage.call("analyze_logs", short).await.unwrap();
    assert_eq!(
        short["digest"],
        json!([
            "1× error, new: bang",
            "1× error (1× before): boom <num>",
            "0× (1× before): old news"
        ])
    );
    let named = json!({"service_id": "srv-a", "deploy_id": "dep-2"});
    let named = stage.call("analyze_logs", named).await.unwrap();
    assert_eq!(named["since"], "2027-01-15T07:42:00Z");
    assert_eq!(named["digest"], short["digest"]);
}

#[tokio::test]
async fn a_window_that_ends_before_the_deploy_is_told_of_without_it() {
    let mut logs = log(
        40,
        "INFO served 1\nERROR cache miss for key 7\nERROR cache miss for key 8",
    );
    logs.extend(log(5, "ERROR bang"));
    let stage = with(logs).await;
    let found = json!({"service_id": "srv-a", "since": "50m", "until": "30m"});
    let found = stage.call("analyze_logs", found).await.unwrap();
    assert_eq!(
        found["now"],
        json!({"records": 3, "errors": 2, "error_percent": 66.7})
    );
    assert_eq!(
        (&found["before"], &found["truncated_before"]),
        (&json!(null), &json!(false))
    );
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Log of `api-prod` (srv-a), 2027-01-15 07:10 UTC to 2027-01-15 07:30 UTC:

    - 2 of 3 records are errors (66.7 %).
    - All of it is from before dep-2 went live at 2027-01-15 07:42 UTC, so what is new since cannot be told.

    - 2× error, at 07:20: `cache miss for key <num>`
    - 1×, at 07:20: `served <num>`
    ");
}

#[tokio::test]
async fn long_logs_are_read_over_many_pages_up_to_a_bound_and_cut_to_the_top() {
    let many: String = (0..350)
        .map(|n| format!("INFO item {n} stored in {}ms\n", n % 7))
        .collect();
    let stage = with(log(15, &format!("{many}ERROR disk full"))).await;
    let all = stage
        .call("analyze_logs", json!({"service_id": "srv-a", "top": 1}))
        .await
        .unwrap();
    assert_eq!(
        (
            &all["now"]["records"],
            &all["truncated"],
            &all["templates_total"],
            &all["digest"]
        ),
        (
            &json!(351),
            &json!(false),
            &json!(2),
            &json!(["1× error: disk full"])
        )
    );
    let few = json!({"service_id": "srv-a", "lines_max": 100});
    let few = stage.call("analyze_logs", few).await.unwrap();
    assert_eq!(
        (&few["now"]["records"], &few["truncated"]),
        (&json!(100), &json!(true))
    );
    assert!(
        few["report"]
            .as_str()
            .unwrap()
            .contains("older lines were not read")
    );
}

/// The newest lines alone reach the bound: what they are held against is read all the same.
#[tokio::test]
async fn what_was_before_the_deploy_of_a_busy_service_is_read_apart() {
    let mut logs = log(30, &"INFO served 1\nERROR old trouble\n".repeat(80));
    logs.extend(log(10, &"INFO served 2\n".repeat(150)));
    logs.extend(log(5, "ERROR old trouble\nERROR new trouble"));
    let stage = with(logs).await;
    let arguments = json!({"service_id": "srv-a", "lines_max": 100});
    let found = stage.call("analyze_logs", arguments).await.unwrap();
    assert_eq!(
        (&found["now"]["records"], &found["before"]["records"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(
        (&found["truncated"], &found["truncated_before"]),
        (&json!(true), &json!(true))
    );
    insta::assert_snapshot!(found["report"].as_str().unwrap(), @"
    Log of `api-prod` (srv-a), 2027-01-15 07:00 UTC to 2027-01-15 08:00 UTC; older lines were not read:

    - Since dep-2 went live at 2027-01-15 07:42 UTC: 2 of 100 records are errors (2 %).
    - Before that, from 2027-01-15 07:00 UTC: 50 of 100 records were errors (50 %); older lines were not read.

    - 1× error, new, at 07:55: `new trouble`
    - 1× error (50× before), 07:31 to 07:55: `old trouble`
    - 98× (50× before), 07:31 to 07:52: `served <num>`
    ");
}

#[tokio::test]
async fn an_empty_log_has_no_templates_and_what_cannot_be_read_has_its_class() {
    let stage = with(Vec::new()).await;
    let empty = stage
        .call("analyze_logs", json!({"service_id": "srv-a"}))
        .await
        .unwrap();
    assert_eq!(
        (&empty["templates"], &empty["now"]["error_percent"]),
        (&json!([]), &json!(0.0))
    );
    for (arguments, class) in [
        (
            json!({"service_id": "srv-a", "type": "apps"}),
            ErrorClass::Invalid,
        ),
        (
            json!({"service_id": "srv-a", "within": "soon"}),
            ErrorClass::Invalid,
        ),
        (json!({"service_id": "srv-none"}), ErrorClass::NotFound),
        (
            json!({"service_id": "srv-a", "deploy_id": "dep-9"}),
            ErrorClass::NotFound,
        ),
    ] {
        let error = stage.call("analyze_logs", arguments).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
    }
    stage.fault(
        "query_logs",
        json!({"kind": "status", "status": 429, "reset_in": 5}),
    );
    let limited = stage
        .call("analyze_logs", json!({"service_id": "srv-a"}))
        .await
        .unwrap_err();
    assert!(matches!(limited.class, ErrorClass::RateLimited { .. }));
}
