//! `store fsck`, `metrics prune`, `archive`, `attach`, `detach`: whether stored data is whole, and
//! old data put away. Through the server that has the directory, else with the directory itself.

use super::exit::{self, Done, Failure};
use super::globals::{self, Globals, Origin};
use super::remote::Remote;
use super::show::{self, Sheet, ShowArgs};
use super::sure::Sure;
use crate::config::{ArchiveAt, Config, Loaded};
use crate::keep::bucket;
use crate::logic::duration::{self, Span};
use crate::logic::unit::UnixMicros;
use crate::record::ageing::{self, Alone, ArchiveDone, Pruned};
use crate::serve::clock::Clock;
use crate::store::age::Attached;
use crate::store::fsck::{self, Fsck};
use crate::store::{Missing, Options, Rebuilt, Store, StoreError, rebuild};
use crate::tell::page::ageing::{ArchiveAsk, AttachAsk, PruneAsk};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Options of `store fsck`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge store fsck
  flowgauge store fsck --data-dir /var/lib/flowgauge --json
  flowgauge store fsck --rebuild

Reads everything, and changes nothing unless told to --rebuild: then damaged files move to quarantine/ and their
loss is recorded, files that no list names are listed again, and a database that cannot be read is made anew from
the segments. Stop the server before a rebuild.

Exit codes:
  0   whole, or whole again
  2   damaged; the places and what they cost are named
  69  neither a server nor a data directory
  75  a rebuild while a server has the directory")]
pub(crate) struct FsckArgs {
    /// Put right what can be put right
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    show: ShowArgs,
}

/// Options of `metrics prune`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics prune --older-than 30days --dry-run
  flowgauge metrics prune --older-than 30days --yes

Drops raw calls that are older and either archived or in the rollups, where retention.archive is set only those
archived; and rollups that are older than retention.minutes and retention.hours say.

Exit codes:
  0   dropped, or nothing was old enough
  1   some is refused; each with its reason
  69  neither a server nor a data directory
  77  not confirmed, or not permitted")]
pub(crate) struct PruneArgs {
    /// Raw calls older than this; retention.raw unless given
    #[arg(long, value_name = "DURATION")]
    older_than: Option<String>,
    #[command(flatten)]
    sure: Sure,
}

/// Options of `metrics archive`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics archive --older-than 3months --to /mnt/archive
  flowgauge metrics archive --older-than 3months --to s3://calls/eu
  flowgauge metrics archive --older-than 3months --verify

Copies Parquet files and writes manifest.json, reads every copy back and hashes it. Nothing is dropped: that is
`metrics prune`.

Exit codes:
  0   archived and verified, or nothing was old enough
  1   something could not be archived or does not match its hash
  69  neither a server nor a data directory
  73  the place cannot be written
  78  no place is named, here or in retention.archive
  77  not permitted")]
pub(crate) struct ArchiveArgs {
    /// Raw calls older than this; retention.raw unless given
    #[arg(long, value_name = "DURATION")]
    older_than: Option<String>,
    /// A directory of the server's machine or s3://bucket/prefix; retention.archive unless given
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
    /// Read back the whole archive, not only what is new
    #[arg(long)]
    verify: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Options of `metrics attach` and `metrics detach`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics attach /mnt/archive
  flowgauge metrics detach /mnt/archive

Exit codes:
  0   done
  69  neither a server nor a data directory, or no archive there
  65  the archive is damaged, or of another data directory")]
pub(crate) struct AttachArgs {
    /// The archive: a directory or s3://bucket/prefix, which is copied here to be read
    #[arg(value_name = "PLACE")]
    archive: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Whether everything is whole.
pub(super) fn run_fsck(args: &FsckArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let dir = &loaded.config.data_dir;
    if args.rebuild {
        let done = rebuild(dir, loaded.config.store.max_series, globals::now())?;
        args.show.print(&rebuilt(&done), &show::json(&done)?)?;
        let left = fsck::check(dir)?;
        left.damage.iter().for_each(|m| show::note(&format!("still damaged: {}", m.what)));
        return Ok(if left.is_healthy() { exit::OK } else { exit::CRITICAL });
    }
    let found = match globals.server_of(&loaded)? {
        Some(remote) => remote.get_long::<Fsck>("/api/v1/store/fsck")?,
        None => match fsck::check(dir) {
            Err(StoreError::Locked { .. }) => {
                globals.remote(&loaded)?.get_long::<Fsck>("/api/v1/store/fsck")?
            }
            found => found?,
        },
    };
    args.show.print(&checked(&found), &show::json(&found)?)?;
    Ok(if found.is_healthy() { exit::OK } else { exit::CRITICAL })
}

fn checked(found: &Fsck) -> Sheet {
    let mut sheet = Sheet { columns: vec!["what", "found"], rows: Vec::new() };
    let figures = [
        ("segments", found.segments),
        ("segment rows", found.segment_rows),
        ("batches", found.batches),
        ("batch rows", found.batch_rows),
        ("rollups", found.rollups),
        ("amended rows", found.amendments),
        ("rows of state.db", found.state_rows),
    ];
    for (name, value) in figures {
        sheet.row([name.to_owned(), value.to_string()]);
    }
    found.damage.iter().for_each(|m| sheet.row(["damage".to_owned(), told(m)]));
    found.unlisted.iter().for_each(|f| sheet.row(["in no list".to_owned(), f.clone()]));
    found.recorded.iter().for_each(|m| sheet.row(["lost before".to_owned(), told(m)]));
    sheet
}

fn rebuilt(done: &Rebuilt) -> Sheet {
    let mut sheet = Sheet { columns: vec!["what", "done"], rows: Vec::new() };
    sheet.row(["segments".to_owned(), done.segments.to_string()]);
    for (what, files) in [
        ("listed again", &done.relisted),
        ("mended", &done.mended),
        ("set aside", &done.quarantined),
    ] {
        files.iter().for_each(|f| sheet.row([what.to_owned(), f.clone()]));
    }
    done.lost.iter().for_each(|m| sheet.row(["lost".to_owned(), told(m)]));
    sheet
}

/// Damage and the stretch of time it concerns.
pub(super) fn told(missing: &Missing) -> String {
    if missing.from.0 == i64::MIN {
        return format!("{}; which times it concerns is not known", missing.what);
    }
    let (from, to) = (missing.from.to_rfc3339(), missing.to.to_rfc3339());
    format!("{}; {from} to {to}", missing.what)
}

/// Drops what is old.
pub(super) fn prune(args: &PruneArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let (now, zone) = (globals::now(), loaded.config.time_zone);
    let before = before(args.older_than.as_deref(), &loaded.config, now)?;
    if !args.sure.dry_run {
        args.sure.ask(&format!("drop raw calls before {}", before.to_rfc3339()))?;
    }
    let ask = PruneAsk { older_than: args.older_than.clone(), dry_run: args.sure.dry_run };
    let done: Pruned = match globals.server_of(&loaded)? {
        Some(remote) => post(&remote, "/api/v1/store/prune", &ask)?,
        None => {
            let mut hands = alone(&loaded)?;
            let keep = &loaded.config.retention;
            ageing::prune(&mut hands, keep, before, (now, zone), args.sure.dry_run)?
        }
    };
    let (rows, bytes, verb) = if done.dry_run {
        (done.plan.rows, done.plan.bytes, "would be dropped")
    } else {
        (done.dropped.rows, done.dropped.bytes, "dropped")
    };
    let rollups = done.rollups;
    args.sure.print(
        &format!(
            "{rows} rows, {bytes} bytes {verb}, of calls before {}; {} rollups of minutes, {} of hours",
            done.before, rollups.minutes, rollups.hours
        ),
        &done,
    )?;
    for refused in &done.plan.refused {
        let s = &refused.segment;
        show::note(&format!(
            "refused: {} ({} rows, {} to {}): {}",
            s.file,
            s.rows,
            s.from.to_rfc3339(),
            s.to.to_rfc3339(),
            refused.why
        ));
    }
    done.rollups_refused.iter().for_each(|why| show::note(&format!("refused: {why}")));
    let refused = !done.plan.refused.is_empty() || done.rollups_refused.is_some();
    Ok(if refused { exit::FINDING } else { exit::OK })
}

/// Archives what is old.
pub(super) fn archive(args: &ArchiveArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let before = before(args.older_than.as_deref(), &loaded.config, globals::now())?;
    let done: ArchiveDone = match globals.server_of(&loaded)? {
        Some(remote) => {
            let to = args.to.as_deref().map(place_of).transpose()?;
            let to = to.map(|at| at.to_string());
            let older_than = args.older_than.clone();
            let unnamed = to.is_none();
            let ask = ArchiveAsk { older_than, to, verify: args.verify };
            post(&remote, "/api/v1/store/archive", &ask).map_err(|refusal| match refusal.code {
                // Nothing was given wrongly: the place is missing from the server's configuration.
                exit::USAGE if unnamed => Failure { code: exit::BAD_CONFIG, ..refusal },
                _ => refusal,
            })?
        }
        None => {
            let keep = &loaded.config.retention;
            let to = args.to.as_deref().map(place_of).transpose()?;
            let to = to.or_else(|| keep.archive.clone()).ok_or_else(|| {
                Failure::new(exit::BAD_CONFIG, "no place is named")
                    .hint("add --to PLACE, or set retention.archive")
            })?;
            let place = bucket::open(&to, &keep.s3)?;
            ageing::archive(&mut alone(&loaded)?, &place, before, args.verify)?
        }
    };
    let text = format!(
        "{} rows, {} bytes, {} files archived in {}",
        done.archived.rows,
        done.archived.bytes,
        done.archived.segments.len(),
        done.archived.dir.display()
    );
    say(args.json, &text, &done)?;
    done.archived.failed.iter().for_each(|why| show::note(&format!("failed: {why}")));
    Ok(if done.archived.failed.is_empty() { exit::OK } else { exit::FINDING })
}

/// Lets an archive answer questions, or no longer.
pub(super) fn attach(args: &AttachArgs, on: bool, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let at = place_of(&args.archive)?;
    let done: Attached = match globals.server_of(&loaded)? {
        Some(remote) => {
            let dir = at.to_string();
            post(&remote, "/api/v1/store/attach", &AttachAsk { dir, detach: !on })?
        }
        None => {
            let place = bucket::open(&at, &loaded.config.retention.s3)?;
            ageing::attach(&mut alone(&loaded)?, &place, on)?
        }
    };
    let verb = if on { "attached" } else { "detached" };
    let text = format!("{} rows, {} files {verb}", done.rows, done.segments);
    say(args.json, &text, &done)?;
    Ok(exit::OK)
}

/// A place as it is named on this machine: the server may stand in another directory.
fn place_of(text: &str) -> Result<ArchiveAt, Failure> {
    match ArchiveAt::parse(text).map_err(Failure::usage)? {
        ArchiveAt::Dir(dir) => Ok(ArchiveAt::Dir(std::path::absolute(dir)?)),
        bucket @ ArchiveAt::Bucket { .. } => Ok(bucket),
    }
}

fn say<T: Serialize>(json: bool, text: &str, answer: &T) -> Result<(), Failure> {
    let sure = Sure { json, ..Sure::default() };
    sure.print(text, answer)
}

fn before(
    older_than: Option<&str>,
    config: &Config,
    now: UnixMicros,
) -> Result<UnixMicros, Failure> {
    let span: Span = match older_than {
        Some(text) => duration::parse(text).map_err(|e| Failure::usage(e.to_string()))?,
        None => config.retention.raw,
    };
    Ok(span.before(now, config.time_zone))
}

fn post<T: DeserializeOwned>(
    remote: &Remote,
    path: &str,
    ask: &impl Serialize,
) -> Result<T, Failure> {
    let body = serde_json::to_vec(ask).map_err(|e| Failure::usage(e.to_string()))?;
    remote.call_long(path, Bytes::from(body))
}

/// The store of a directory that nobody serves.
fn alone(loaded: &Loaded) -> Result<Alone, Failure> {
    let dir = &loaded.config.data_dir;
    if !dir.join("hot.db").is_file() {
        return Err(StoreError::Absent(dir.clone()).into());
    }
    let options = Options { max_series: loaded.config.store.max_series, ..Options::default() };
    let store = Store::open(dir, options, globals::now())?.store;
    Ok(Alone { store, clock: Clock::real() })
}

impl Globals {
    /// The server that is asked to work: the named one, else the one that has the directory.
    fn server_of(&self, loaded: &Loaded) -> Result<Option<Remote>, Failure> {
        if self.server.is_some() {
            return Ok(Some(self.remote(loaded)?));
        }
        if let Some(owner) = self.owner(loaded)? {
            return Ok(Some(owner));
        }
        if self.data_dir.is_some() || loaded.config.data_dir.join("hot.db").is_file() {
            return Ok(None);
        }
        match self.origin(loaded)? {
            Origin::Server(remote) => Ok(Some(*remote)),
            Origin::Directory(_) => Ok(None),
        }
    }
}
