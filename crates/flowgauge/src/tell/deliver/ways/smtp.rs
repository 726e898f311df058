//! One letter to one mail server: encrypted before anything is said, each recipient's answer counted
//! for itself.
//!
//! Sources: RFC 5321 (SMTP), 3207 (STARTTLS), 8314 (implicit TLS), 1870 (SIZE). Refuses to show an
//! account on a connection that is not encrypted, and to send a letter in part.

mod failure;
mod lines;
#[cfg(test)]
mod tests;

use super::exchange::TIMEOUT;
use super::memory::Memory;
use super::{Outcome, Sent, WaysError};
use crate::config::alerts::{Smtp, SmtpAuth, SmtpSecurity};
use failure::{Failure, words};
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use lines::Lines;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// A goodbye takes no longer; the letter is delivered already.
const GOODBYE: Duration = Duration::from_secs(1);

/// A mail server and how it is spoken to.
pub(super) struct Server {
    host: String,
    port: u16,
    security: SmtpSecurity,
    tls: TlsParameters,
    hello: ClientId,
    sender: Mailbox,
    account: Option<(Credentials, Mechanism)>,
}

/// Recipients of a letter that are settled: who has it, who never will.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Served {
    accepted: Vec<Address>,
    refused: Vec<(Address, String)>,
}

impl Served {
    fn settled(&self, address: &Address) -> bool {
        self.accepted.contains(address) || self.refused.iter().any(|(a, _)| a == address)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(smtp: &Smtp) -> Result<Self, WaysError> {
        let sender: Mailbox = smtp.from.parse().map_err(|e: lettre::address::AddressError| {
            WaysError::Sender { from: smtp.from.clone(), cause: e.to_string() }
        })?;
        let mechanism = match smtp.auth {
            SmtpAuth::Plain => Mechanism::Plain,
            SmtpAuth::Login => Mechanism::Login,
            SmtpAuth::XOauth2 => Mechanism::Xoauth2,
        };
        let password = smtp.password.as_ref().map_or("", |p| p.reveal()).to_owned();
        let account =
            smtp.user.as_ref().map(|user| (Credentials::new(user.clone(), password), mechanism));
        Ok(Self {
            host: smtp.host.clone(),
            port: smtp.port,
            security: smtp.security,
            tls: tls(smtp)?,
            hello: smtp.ehlo.clone().map_or_else(ClientId::default, ClientId::Domain),
            sender,
            account,
        })
    }

    /// From whom letters are.
    pub(super) const fn sender(&self) -> &Mailbox {
        &self.sender
    }

    /// Sends a letter to those of its recipients who are not settled. `key` names the letter over
    /// several attempts. Where the server takes none of its size, a smaller one is sent, if there is.
    pub(super) async fn send(
        &self,
        (memory, key): (&Memory, String),
        to: &[Address],
        letter: (&[u8], Option<&[u8]>),
    ) -> Sent {
        let mut served: Served = memory.get(&key).unwrap_or_default();
        let left: Vec<&Address> = to.iter().filter(|a| !served.settled(a)).collect();
        let handed_over = AtomicBool::new(false);
        let session = self.session(&left, letter, &handed_over, &mut served);
        let result = match tokio::time::timeout(TIMEOUT, session).await {
            Ok(result) => result,
            Err(_) => Err(Failure::silent()),
        };
        let result = match result {
            Err(failure) if handed_over.load(Ordering::Relaxed) => Err(failure.handed_over()),
            result => result,
        };
        let sent = conclude(result, &served, to.len());
        let unfinished = matches!(sent.outcome, Outcome::Later { .. } | Outcome::Ambiguous);
        if !unfinished {
            memory.forget(&key);
        } else if !served.accepted.is_empty() || !served.refused.is_empty() {
            memory.put(key, &served);
        }
        sent
    }

    /// The whole conversation. What the server answered is its result.
    async fn session(
        &self,
        to: &[&Address],
        (letter, smaller): (&[u8], Option<&[u8]>),
        handed_over: &AtomicBool,
        served: &mut Served,
    ) -> Result<String, Failure> {
        if to.is_empty() {
            return Ok("everybody was served before".into());
        }
        let mut connection = self.connect().await?;
        let size = size_limit(&connection.command(Ehlo::new(self.hello.clone())).await?);
        self.sign_in(&mut connection).await?;
        let too_large =
            |letter: &[u8]| size.is_some_and(|limit| limit > 0 && letter.len() as u64 > limit);
        let letter = smaller.filter(|_| too_large(letter)).unwrap_or(letter);
        if too_large(letter) {
            let answer = format!("the letter has {} bytes", letter.len());
            return Err(Failure::never(answer, "the mail server takes no letter of this size"));
        }
        let mut options = Vec::new();
        if size.is_some() {
            options.push(MailParameter::Size(letter.len()));
        }
        let info = connection.server_info();
        if info.supports_feature(Extension::SmtpUtfEight) && to.iter().any(|a| !is_ascii(a)) {
            options.push(MailParameter::SmtpUtfEight);
        }
        let from = self.sender.email.clone();
        connection
            .command(Mail::new(Some(from), options))
            .await
            .map_err(|e| Failure::of(&e, "the mail server does not accept the sender"))?;
        let round = recipients(&mut connection, to, served).await?;
        if round.accepted.is_empty() {
            goodbye(connection).await;
            return match round.deferred {
                Some(answer) => Err(Failure::later(answer)),
                None => Ok("no recipient accepted".into()),
            };
        }
        connection.command(Data).await?;
        handed_over.store(true, Ordering::Relaxed);
        // The end of data brings its own line end.
        let letter = letter.strip_suffix(b"\r\n").unwrap_or(letter);
        let answer = connection
            .message(letter)
            .await
            .map_err(|e| Failure::of(&e, "the mail server does not accept this letter"))?;
        served.accepted.extend(round.accepted);
        goodbye(connection).await;
        match round.deferred {
            Some(answer) => Err(Failure::later(answer)),
            None => Ok(first_line(&answer)),
        }
    }

    /// A connection, encrypted unless that is configured otherwise.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let address = (self.host.as_str(), self.port);
        match self.security {
            SmtpSecurity::Tls => {
                let tls = Some(self.tls.clone());
                Ok(AsyncSmtpConnection::connect_tokio1(
                    address,
                    Some(TIMEOUT),
                    &self.hello,
                    tls,
                    None,
                )
                .await?)
            }
            SmtpSecurity::StartTls | SmtpSecurity::None => {
                let tcp =
                    TcpStream::connect(address).await.map_err(|e| Failure::unreachable(&e))?;
                let stream = Box::new(Lines::new(tcp));
                let mut connection =
                    AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await?;
                if self.security == SmtpSecurity::StartTls {
                    if !connection.can_starttls() {
                        goodbye(connection).await;
                        let hint = "use a port with STARTTLS, or security: tls on port 465";
                        return Err(Failure::never("the mail server offers no STARTTLS", hint));
                    }
                    connection.starttls(self.tls.clone(), &self.hello).await?;
                }
                Ok(connection)
            }
        }
    }

    async fn sign_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        let Some((credentials, mechanism)) = &self.account else { return Ok(()) };
        if !connection.is_encrypted() {
            let hint = "set alerts.smtp.security to starttls or tls";
            return Err(Failure::never("an account is never shown in clear", hint));
        }
        let hint = "check user, password and auth of alerts.smtp";
        match connection.auth(&[*mechanism], credentials).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_client() => Err(Failure::never(words(&error), hint)),
            Err(error) => Err(Failure::of(&error, hint)),
        }
    }
}

/// Certificates to trust, and how the server is named in them.
fn tls(smtp: &Smtp) -> Result<TlsParameters, WaysError> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    let fault =
        |cause: String| WaysError::CaFile { path: smtp.ca_file.clone().unwrap_or_default(), cause };
    if let Some(path) = &smtp.ca_file {
        let pem = std::fs::read(path).map_err(|e| fault(e.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|e| fault(words(&e)))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|e| fault(words(&e)))
}

/// Who was accepted in this round, and what one was told who should come back later.
#[derive(Debug, Default)]
struct Round {
    accepted: Vec<Address>,
    deferred: Option<String>,
}

/// Asks for each recipient. Refusals for good are noted; only a lost connection ends it.
async fn recipients(
    connection: &mut AsyncSmtpConnection,
    to: &[&Address],
    served: &mut Served,
) -> Result<Round, Failure> {
    let mut round = Round::default();
    let utf8 = connection.server_info().supports_feature(Extension::SmtpUtfEight);
    for address in to.iter().copied() {
        if !is_ascii(address) && !utf8 {
            let answer = "the mail server takes ASCII addresses only".to_owned();
            served.refused.push((address.clone(), answer));
            continue;
        }
        match connection.command(Rcpt::new(address.clone(), Vec::new())).await {
            Ok(_) => round.accepted.push(address.clone()),
            Err(e) if e.is_permanent() => served.refused.push((address.clone(), words(&e))),
            Err(e) if e.is_transient() => {
                round.deferred = Some(format!("{address}: {}", words(&e)))
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(round)
}

/// What the whole came to, refused recipients of earlier attempts included.
fn conclude(result: Result<String, Failure>, served: &Served, recipients: usize) -> Sent {
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => return failure.sent(),
    };
    if served.refused.is_empty() {
        return Sent::delivered(answer);
    }
    let told: Vec<String> = served.refused.iter().map(|(a, why)| format!("{a}: {why}")).collect();
    if served.refused.len() >= recipients {
        return Sent::refused(told.join("; "), "correct the channel's recipients");
    }
    let recipients = served.refused.iter().map(|(a, _)| a.to_string()).collect();
    Sent { outcome: Outcome::PartlyRefused { recipients }, answer: told.join("; ") }
}

async fn goodbye(mut connection: AsyncSmtpConnection) {
    // The letter is settled; whether the server hears the goodbye changes nothing.
    _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}

/// The largest letter a server takes (`SIZE 10240000`); 0 where it names none.
fn size_limit(ehlo: &Response) -> Option<u64> {
    ehlo.message().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_size = words.next()?.eq_ignore_ascii_case("SIZE");
        is_size.then(|| words.next().and_then(|n| n.parse().ok()).unwrap_or(0))
    })
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

fn first_line(answer: &Response) -> String {
    format!("{} {}", answer.code(), answer.first_line().unwrap_or_default()).trim_end().to_owned()
}
