//! The door: encryption, a first message, proof of a key, and then a session.

use super::Port;
use super::frame::{self, Message, Start};
use super::proof::{BOUND, Exchange, MECHANISM, signed};
use super::reply::{Reply, Standing};
use super::session::{Session, Slot, Who};
use super::settings::Settings;
use crate::config::postgres::Password;
use crate::query::sql::wire::Problem;
use crate::serve::keys::{Holder, Scope, random};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// From connection to session: proof by a person's client takes seconds at most.
const START: Duration = Duration::from_secs(10);
/// Bytes of our part of the nonce: as many as Postgres adds.
const NONCE: usize = 18;
/// Idle time before the system asks whether a client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// SQLSTATE of a proof that is none.
const NO_PROOF: &str = "28P01";
/// SQLSTATE of one who may not come in.
const NOT_LET: &str = "28000";

/// A connection before its session.
struct Door<S> {
    port: Arc<Port>,
    stream: S,
    peer: IpAddr,
    encrypted: bool,
    reply: Reply,
}

/// What became of a connection.
enum Opened {
    /// There is nothing more to do.
    Over,
    /// It wants to be encrypted.
    Encrypt,
    /// Somebody is in.
    In(Box<(Who, Settings)>),
}

impl Port {
    /// Serves a connection to its end.
    pub async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) {
        let ended = self.connection(stream, peer.ip(), &stop).await;
        if let Err(e) = ended {
            tracing::debug!(error = %e, "a Postgres connection broke");
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let deadline = tokio::time::Instant::now() + START;
        let port = Arc::clone(&self);
        let mut door = Door { port, stream, peer, encrypted: false, reply: Reply::default() };
        match tokio::time::timeout_at(deadline, door.open()).await?? {
            Opened::Over => Ok(()),
            Opened::In(inside) => door.session(*inside, stop).await,
            Opened::Encrypt => {
                let Some(tls) = &self.tls else { return Ok(()) };
                // Whatever came in the clear after the wish is read as TLS, and fails.
                let accepting = tls.acceptor.accept(door.stream);
                let accepted = tokio::time::timeout_at(deadline, accepting).await??;
                let port = Arc::clone(&self);
                let reply = Reply::default();
                let mut door = Door { port, stream: accepted, peer, encrypted: true, reply };
                match tokio::time::timeout_at(deadline, door.open()).await?? {
                    Opened::In(inside) => door.session(*inside, stop).await,
                    Opened::Over | Opened::Encrypt => Ok(()),
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Door<S> {
    /// From the first message to proof.
    async fn open(&mut self) -> io::Result<Opened> {
        loop {
            let start = match frame::start(&mut self.stream).await {
                Ok(Some(start)) => start,
                Ok(None) => return Ok(Opened::Over),
                Err(e) if e.kind() == io::ErrorKind::Other => {
                    return self.refuse(&Problem::new("08P01", e.to_string())).await;
                }
                Err(e) => return Err(e),
            };
            match start {
                Start::Tls if self.port.tls.is_some() && !self.encrypted => {
                    self.reply.byte(b'S');
                    self.reply.flush(&mut self.stream).await?;
                    return Ok(Opened::Encrypt);
                }
                Start::Tls | Start::Gss => {
                    self.reply.byte(b'N');
                    self.reply.flush(&mut self.stream).await?;
                }
                Start::Cancel { process, secret } => {
                    self.port.cancel(process, secret);
                    return Ok(Opened::Over);
                }
                Start::Session { minor, settings } => return self.admit(minor, settings).await,
            }
        }
    }

    async fn refuse(&mut self, problem: &Problem) -> io::Result<Opened> {
        self.reply.error("FATAL", problem, None);
        self.reply.flush(&mut self.stream).await?;
        Ok(Opened::Over)
    }

    async fn admit(&mut self, minor: u16, given: Vec<(String, String)>) -> io::Result<Opened> {
        let unknown: Vec<&str> = given
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|n| n.starts_with("_pq_."))
            .collect();
        if minor > 0 || !unknown.is_empty() {
            self.reply.older(&unknown);
        }
        let local = self.peer.to_canonical().is_loopback();
        if self.port.tls_only && !self.encrypted && !local {
            let told = "this port is reached with TLS only";
            return self.refuse(&Problem::new(NOT_LET, told).hint("use sslmode=require")).await;
        }
        let (user, settings) = match settings_of(given) {
            Ok(read) => read,
            Err(problem) => return self.refuse(&problem).await,
        };
        let key = if self.port.needs_none(self.peer) {
            None
        } else {
            let proven = match self.port.password {
                Password::Scram => self.proven().await?,
                Password::Plain => self.shown().await?,
            };
            match proven {
                Ok(holder) => Some(holder.id),
                Err(problem) => return self.refuse(&problem).await,
            }
        };
        self.reply.proof(0, &[]);
        Ok(Opened::In(Box::new((Who { user, key }, settings))))
    }

    /// A key proven without being shown.
    async fn proven(&mut self) -> io::Result<Result<Holder, Problem>> {
        let port = Arc::clone(&self.port);
        let tls = port.tls.as_ref().filter(|_| self.encrypted);
        let certificate = tls.and_then(|tls| tls.binding.as_deref());
        // The better one first: clients take what they know.
        let offer = match certificate {
            Some(_) => format!("{BOUND}\0{MECHANISM}\0\0"),
            None => format!("{MECHANISM}\0\0"),
        };
        self.reply.proof(10, offer.as_bytes());
        let Some(first) = self.answer().await? else { return Ok(Err(no_answer())) };
        let nonce = random::<NONCE>().map_err(io::Error::other)?;
        let begun = Exchange::begin(&first, &nonce, self.port.keys.salt(), certificate);
        let Some(exchange) = begun else {
            let told =
                format!("this is no {MECHANISM} exchange, or its channel binding is not ours");
            return Ok(Err(Problem::new("08P01", told)));
        };
        self.reply.proof(11, exchange.server_first.as_bytes());
        let Some(last) = self.answer().await? else { return Ok(Err(no_answer())) };
        let end = exchange.finish(&last);
        let proven = end.and_then(|e| self.port.keys.proven(e.messages.as_bytes(), &e.proof));
        let Some((holder, signature)) = proven else { return Ok(Err(unknown_key())) };
        self.reply.proof(12, signed(&signature).as_bytes());
        Ok(may_read(holder))
    }

    /// A key shown, where nobody else can see it.
    async fn shown(&mut self) -> io::Result<Result<Holder, Problem>> {
        if !self.encrypted && !self.peer.to_canonical().is_loopback() {
            let told = "a key is shown over TLS only";
            return Ok(Err(Problem::new(NOT_LET, told).hint("use sslmode=require")));
        }
        self.reply.proof(3, &[]);
        let Some(answer) = self.answer().await? else { return Ok(Err(no_answer())) };
        let text = answer.strip_suffix(b"\0").and_then(|key| std::str::from_utf8(key).ok());
        let holder = text.and_then(|key| self.port.keys.holder(key));
        Ok(holder.ok_or_else(unknown_key).and_then(may_read))
    }

    async fn answer(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.reply.flush(&mut self.stream).await?;
        match frame::next(&mut self.stream).await? {
            Some(Message::Password(answer)) => Ok(Some(answer)),
            _ => Ok(None),
        }
    }

    async fn session(
        mut self,
        inside: (Who, Settings),
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let (who, settings) = inside;
        let Ok(place) = Arc::clone(&self.port.places).try_acquire_owned() else {
            let told = format!("{} sessions are open already", super::SESSIONS);
            return self.refuse(&Problem::new("53300", told)).await.map(drop);
        };
        let secret = u32::from_be_bytes(random().map_err(io::Error::other)?);
        let slot: Slot = Arc::new(Mutex::new(CancellationToken::new()));
        let listed = self.port.listed(secret, &slot);
        for (name, value) in settings.reported() {
            self.reply.setting(name, &value);
        }
        self.reply.setting("session_authorization", &who.user);
        self.reply.number(listed.process, secret);
        self.reply.ready(Standing::Idle);
        self.reply.flush(&mut self.stream).await?;
        let session = Session::new(Arc::clone(&self.port), who, self.stream, settings, slot);
        let ended = session.serve(stop).await;
        drop((listed, place));
        ended
    }
}

/// Who it is and what it sets, from the first message.
fn settings_of(given: Vec<(String, String)>) -> Result<(String, Settings), Problem> {
    let (mut user, mut settings) = (String::new(), Settings::default());
    for (name, value) in given {
        match name.as_str() {
            "user" => user = value,
            // There is one database, whatever it is called.
            "database" | "options" => {}
            "replication" if matches!(value.as_str(), "false" | "off" | "no" | "0") => {}
            "replication" => return Err(Problem::new("0A000", "there is nothing to replicate")),
            name if name.starts_with("_pq_.") => {}
            name => drop(settings.set(name, Some(&value))?),
        }
    }
    if user.is_empty() {
        return Err(Problem::new(NOT_LET, "no user is named").hint("any name will do"));
    }
    Ok((user, settings))
}

fn may_read(holder: Holder) -> Result<Holder, Problem> {
    if holder.scope >= Scope::Viewer {
        return Ok(holder);
    }
    let (id, scope) = (&holder.id, holder.scope.word());
    Err(Problem::new(NOT_LET, format!("key {id} has scope {scope}; this needs viewer")))
}

fn unknown_key() -> Problem {
    let told = "this key is not known, has expired or was revoked";
    Problem::new(NO_PROOF, told).hint(
        "the password is an API key (fg_…); one made by an older flowgauge is shown \
         with postgres.password: plain, or made anew",
    )
}

fn no_answer() -> Problem {
    Problem::new(
        NO_PROOF,
        "a key is needed: give one as password; `flowgauge key create` makes one",
    )
}
