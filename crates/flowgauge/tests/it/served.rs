//! Commands that name a data directory while a server owns it: they ask that server.

use super::commands::{flowgauge, out};
use flowgauge::config::Config;
use flowgauge::serve::clock::Clock;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

fn config(dir: &Path) -> Config {
    let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
    for listener in [
        &mut config.listen,
        &mut config.otlp_grpc,
        &mut config.otlp_http,
        &mut config.postgres.listener,
    ] {
        listener.addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    config
}

async fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flowgauge(dir);
    command.args(["--data-dir", "."]).args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) = out(&done);
    (done.status.code(), stdout, stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_imported_through_the_server_and_read_back_from_it_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("calls.csv");
    let rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
                2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\nlater,1,1\n";
    std::fs::write(&file, rows).unwrap();
    let running = flowgauge::serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let map = "TIMESTAMP=start_time,ContextTokens=input_tokens,GeneratedTokens=output_tokens";
    let import = ["import", "calls.csv", "--format", "csv", "--map", map];
    let (code, stdout, stderr) = run(dir.path(), &import).await;
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("line 4"), "{stderr}");
    let count = ["metrics", "get", "request_count", "--day", "2023-11-16"];
    let (code, stdout, stderr) = run(dir.path(), &count).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "2\n"), "{stderr}");

    let (_, stdout, _) = run(dir.path(), &import).await;
    assert!(stdout.starts_with("0 stored, 2 known already"), "{stdout}");
    running.stop().await;
    let tokens = ["metrics", "get", "input_tokens", "--day", "2023-11-16"];
    let (code, stdout, stderr) = run(dir.path(), &tokens).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "7988\n"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_elsewhere_hashes_users_itself_and_nothing_is_made_here() {
    let (dir, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = "start_time,user,session,input_tokens\n2023-11-16T18:17:03Z,zora,s1,10\n";
    std::fs::write(here.path().join("calls.csv"), rows).unwrap();
    let running = flowgauge::serve::start(config(dir.path()), Clock::real()).await.unwrap();
    let url = format!("http://{}", running.addr);
    let run = |args: &[&str]| {
        let mut command = flowgauge(here.path());
        command.args(["--server", &url]).args(args);
        tokio::task::spawn_blocking(move || out(&command.output().unwrap()))
    };
    let (stdout, stderr) = run(&["import", "calls.csv"]).await.unwrap();
    assert!(stdout.starts_with("1 stored"), "{stdout}{stderr}");
    let left: Vec<_> =
        std::fs::read_dir(here.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["calls.csv"]);
    let path = "/api/v1/requests?day=2023-11-16&user=zora";
    let found = super::api::client::get(running.addr, path).await;
    assert_eq!(found.json()["items"].as_array().unwrap().len(), 1, "{}", found.text());
    assert!(!found.text().contains("zora"), "{}", found.text());
    running.stop().await;
}
