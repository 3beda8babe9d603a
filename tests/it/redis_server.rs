//! A private Redis server for one test: its own process, port and folder, gone when the test ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xmrt::store::Redis;
use xmrt::store::redis::{OpenError, Opens, Options, Time};

/// How often another port is tried when somebody was quicker to take one.
const PORTS_MAX: usize = 10;

/// In a setting: the port, which is known only when the server is started.
const PORT: &str = "{port}";

pub struct RedisServer {
    folder: TempDir,
    settings: Vec<String>,
    pub port: u16,
    child: Child,
}

impl RedisServer {
    /// A server that writes an append-only file and syncs it `always`, `everysec` or `no`.
    pub fn start(sync: &str) -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", sync])
    }

    /// A server with settings of its own.
    pub fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.into()).collect();
        for _ in 0..PORTS_MAX {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            if let Some(child) = spawn(&folder, &settings, port) {
                return Self {
                    folder,
                    settings,
                    port,
                    child,
                };
            }
        }
        panic!("redis-server did not start on any of {PORTS_MAX} ports");
    }

    /// A server behind TLS, with a password.
    pub fn with_tls(key: &str, certificate: &str, password: &str) -> Self {
        Self::with(&[
            "--tls-port",
            PORT,
            "--port",
            "0",
            "--tls-key-file",
            key,
            "--tls-cert-file",
            certificate,
            "--tls-auth-clients",
            "no",
            "--requirepass",
            password,
            "--appendonly",
            "yes",
        ])
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The same server again, on what it left.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.folder, &self.settings, self.port).expect("its port is free again");
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Its folder vanishes: it can make no new file.
    pub fn lose_folder(&self) {
        std::fs::remove_dir_all(self.folder.path()).unwrap();
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What somebody else says to it.
    pub fn ask(&self, command: &[&str]) -> redis::Value {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        redis::cmd(command[0])
            .arg(&command[1..])
            .query(&mut connection)
            .unwrap()
    }

    /// Puts a key back to what `DUMP` gave.
    pub fn restore(&self, key: &str, was: &[u8]) {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        redis::cmd("RESTORE")
            .arg(key)
            .arg(0)
            .arg(was)
            .arg("REPLACE")
            .exec(&mut connection)
            .unwrap();
    }

    /// How a test opens a journal there: under the time it is told.
    pub fn options(&self) -> Options {
        Options {
            url: self.url().into(),
            prefix: "test".into(),
            allow_volatile: false,
            note_dir: None,
            opens: Opens::Any,
            time: Time::OfCaller,
        }
    }

    pub async fn open(&self, now: jiff::Timestamp) -> Result<Redis, OpenError> {
        Redis::open(&self.options(), now).await
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that is ready, or none if it ended at once: somebody had the port.
fn spawn(folder: &TempDir, settings: &[String], port: u16) -> Option<Child> {
    // Another product or release can be tried: everything here must hold for it, too.
    let program = std::env::var("XMRT_TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
    let mut child = Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .arg("--dir")
        .arg(folder.path())
        .args(
            settings
                .iter()
                .map(|setting| setting.replace(PORT, &port.to_string())),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is there; scripts/test installs it");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.contains("Ready to accept connections") => break,
            Some(Ok(_)) => {}
            _ => {
                let _ = child.wait();
                return None;
            }
        }
    }
    // What it says later must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    Some(child)
}

/// A key, and a certificate for 127.0.0.1 that it signs itself: their files.
pub fn certificate(folder: &Path) -> (String, String) {
    let [key, certificate] =
        ["key.pem", "certificate.pem"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .expect("openssl is there; scripts/test installs it");
    assert!(made.status.success(), "{made:?}");
    (key, certificate)
}

/// A road to a server, on which everything that is asked for is heard.
pub struct Road {
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Road {
    pub async fn to(server: &RedisServer) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let (target, hears) = (server.port, Arc::clone(&heard));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await {
                    tokio::spawn(carry(near, far, Arc::clone(&hears)));
                }
            }
        });
        Self { port, heard }
    }

    /// Whether a word was said on it.
    pub fn heard(&self, word: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        heard.windows(word.len()).any(|said| said == word.as_bytes())
    }
}

async fn carry(near: TcpStream, far: TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut far_in, &mut near_out).await });
    let mut said = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = near_in.read(&mut said).await {
        heard.lock().unwrap().extend_from_slice(&said[..count]);
        if far_out.write_all(&said[..count]).await.is_err() {
            break;
        }
    }
    back.abort();
}
