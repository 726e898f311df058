//! Segments: Parquet files written once, checked before they are believed, never changed.

use crate::StoreError;
use crate::bytes::Damage;
use crate::columns;
use crate::hot::{FORMAT, SegmentRow};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use flowgauge_logic::call::Call;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

/// Rows read together: small, so that the newest page of calls touches little of a file.
pub(crate) const ROW_GROUP: usize = 16_384;
/// Key of the copy of the manifest entry in each file, from which a lost manifest is rebuilt.
const MANIFEST_KEY: &str = "flowgauge.manifest";
/// Columns by which single rows are found long after: their filters say which groups to read.
const LOOKED_UP: &[&str] = &["response_id", "trace_id"];
/// Columns whose texts are random: no two are alike, so a dictionary only adds to them, and their lengths stand apart, so
/// that the digits compress to their four bits.
const RANDOM: &[&str] = &[
    "call_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "response_id",
    "previous_response_id",
    "upstream_request_id",
];
/// Columns of numbers that hardly repeat: the bits of their differences are what they weigh.
const SPREAD: &[&str] = &["start_time", "latency_us", "ttft_us", "upstream_us", "gateway_us"];
/// Bytes read at a time while a file is checked.
const CHECK_CHUNK: usize = 1 << 20;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a file says about itself: its line of the manifest, length and checksum left open.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    /// Format of the store that wrote it.
    #[serde(default)]
    pub(crate) format: u32,
    #[serde(flatten)]
    pub(crate) row: SegmentRow,
    /// Segments it was merged from, which it stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<i64>,
}

/// Writes calls as the segment `id`; on return it is on disk under its name, listed nowhere yet.
pub(crate) fn write(dir: &Path, id: i64, calls: &mut [Call]) -> Result<SegmentRow, StoreError> {
    write_as(dir, id, format!("{id:016x}.parquet"), Vec::new(), calls)
}

/// The same under a name, in the place of others.
pub(crate) fn write_as(
    dir: &Path,
    id: i64,
    file: String,
    replaces: Vec<i64>,
    calls: &mut [Call],
) -> Result<SegmentRow, StoreError> {
    calls.sort_by_key(|c| (c.time.start, c.id));
    let row = SegmentRow {
        id,
        file,
        rows: calls.len() as u64,
        bytes: 0,
        min_time: calls.first().map_or(0, |c| c.time.start.0),
        max_time: calls.last().map_or(0, |c| c.time.start.0),
        crc: 0,
    };
    let mut entry = Entry { format: FORMAT, row, replaces };
    let bytes = encode(&entry, calls).map_err(StoreError::io("encoding a segment"))?;
    entry.row.bytes = bytes.len() as u64;
    entry.row.crc = crc32c::crc32c(&bytes);
    put_file(dir, &entry.row.file, &bytes).map_err(StoreError::io("writing a segment"))?;
    Ok(entry.row)
}

/// What a file says about itself; nothing where it says nothing or cannot be read.
pub(crate) fn entry(file: &Path) -> Option<Entry> {
    let file = File::open(file).ok()?;
    let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default()).ok()?;
    let pairs = footer.metadata().file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|kv| kv.key == MANIFEST_KEY)?.value.as_ref()?;
    serde_json::from_str(text).ok()
}

fn encode(entry: &Entry, calls: &[Call]) -> Result<Vec<u8>, Cause> {
    let entry = KeyValue::new(MANIFEST_KEY.to_owned(), serde_json::to_string(entry)?);
    let properties = properties(entry)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), columns::schema(), Some(properties))?;
    for chunk in calls.chunks(ROW_GROUP) {
        writer.write(&columns::batch_of(chunk)?)?;
    }
    Ok(writer.into_inner()?)
}

/// How segments, and exports like them, are written.
pub(crate) fn properties(entry: KeyValue) -> Result<WriterProperties, Cause> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![entry]));
    for column in LOOKED_UP {
        properties = properties.set_column_bloom_filter_enabled(ColumnPath::from(*column), true);
    }
    let as_random = RANDOM.iter().map(|c| (c, Encoding::DELTA_LENGTH_BYTE_ARRAY));
    let as_spread = SPREAD.iter().map(|c| (c, Encoding::DELTA_BINARY_PACKED));
    for (column, encoding) in as_random.chain(as_spread) {
        let path = ColumnPath::from(*column);
        properties = properties.set_column_dictionary_enabled(path.clone(), false);
        properties = properties.set_column_encoding(path, encoding);
    }
    Ok(properties.build())
}

/// Temp file, fsync, rename, fsync of the directory: a listed segment is a whole one.
pub(crate) fn put_file(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let temp = dir.join(format!("{name}.tmp"));
    let mut file = File::create(&temp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temp, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// Checks a whole file against the manifest; says how damage shows.
pub(crate) fn verify(dir: &Path, row: &SegmentRow) -> Result<(), String> {
    let (bytes, crc) = measure(&dir.join(&row.file)).map_err(|e| e.to_string())?;
    if bytes == row.bytes && crc == row.crc {
        return Ok(());
    }
    Err(format!("its {bytes} bytes do not match the checksum of {}", row.bytes))
}

/// Length and checksum of a file.
pub(crate) fn measure(file: &Path) -> std::io::Result<(u64, u32)> {
    let mut file = File::open(file)?;
    let mut chunk = vec![0; CHECK_CHUNK];
    let (mut crc, mut bytes) = (0, 0u64);
    loop {
        let n = file.read(&mut chunk)?;
        if n == 0 {
            return Ok((bytes, crc));
        }
        crc = crc32c::crc32c_append(crc, chunk.get(..n).unwrap_or_default());
        bytes += n as u64;
    }
}

/// A segment open for reading.
pub(crate) struct Segment {
    file: File,
    /// Read once: every group is read by it, and it takes as long as a group's smallest column.
    footer: ArrowReaderMetadata,
    groups: Vec<(i64, i64)>,
}

impl Segment {
    pub(crate) fn open(dir: &Path, name: &str) -> Result<Self, Cause> {
        let file = File::open(dir.join(name))?;
        let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?;
        let groups = footer.metadata().row_groups().iter().map(span_of).collect();
        Ok(Self { file, footer, groups })
    }

    fn builder(&self) -> std::io::Result<ParquetRecordBatchReaderBuilder<File>> {
        let footer = self.footer.clone();
        Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.try_clone()?, footer))
    }

    /// First and last start time of each row group, oldest first.
    pub(crate) fn groups(&self) -> &[(i64, i64)] {
        &self.groups
    }

    /// Rows whose column has one of these values. Asks the filter of each group, where it has one,
    /// and its bounds, then reads one column, and whole rows only where that holds a value.
    pub(crate) fn rows_where(
        &self,
        column: &str,
        values: &HashSet<String>,
    ) -> Result<Vec<Call>, Cause> {
        let mut out = Vec::new();
        for group in 0..self.groups.len() {
            let builder = self.builder()?;
            let schema = builder.parquet_schema();
            let place = schema.columns().iter().position(|c| c.name() == column);
            // A file of an older version lacks the column, and so has no such row.
            let Some(place) = place else { return Ok(out) };
            let mask = ProjectionMask::leaves(schema, [place]);
            let filter = builder.get_row_group_column_bloom_filter(group, place)?;
            if filter.is_some_and(|f| !values.iter().any(|v| f.check(&v.as_str()))) {
                continue;
            }
            let span = builder.metadata().row_group(group).column(place).statistics();
            if span.is_some_and(|s| !values.iter().any(|v| may_hold(s, v))) {
                continue;
            }
            let reader = builder.with_row_groups(vec![group]).with_projection(mask).build()?;
            let (mut at, mut hits) = (0, Vec::new());
            for batch in reader {
                let batch = batch?;
                let Some(texts) = batch.columns().first().and_then(|c| c.as_string_opt::<i32>())
                else {
                    return Err(Damage("has a column of an unexpected type").into());
                };
                let found = |t: Option<&str>| t.is_some_and(|t| values.contains(t));
                hits.extend((at..).zip(texts.iter()).filter(|(_, t)| found(*t)).map(|(i, _)| i));
                at += batch.num_rows();
            }
            if !hits.is_empty() {
                out.extend(self.picked(group, &hits, at, None)?);
            }
        }
        Ok(out)
    }

    /// Whether a group may hold rows that have what is demanded, by what the file tells of its columns. Of a column
    /// that is not there or tells nothing, it may.
    pub(crate) fn may_hold(&self, group: usize, demands: &[(&[&str], Vec<&str>)]) -> bool {
        let Some(group) = self.footer.metadata().row_groups().get(group) else { return true };
        let held = |column: &str, texts: &[&str]| {
            let column = group.columns().iter().find(|c| c.column_path().string() == column);
            let told = column.and_then(|c| c.statistics());
            told.is_none_or(|told| texts.iter().any(|text| may_hold(told, text)))
        };
        demands.iter().all(|(columns, texts)| columns.iter().any(|column| held(column, texts)))
    }

    /// Places of the last rows of a group that are wanted, as far as some columns tell, at most so many, in their
    /// order; and how many rows it has. Rows stand in a file by their time.
    pub(crate) fn last_of(
        &self,
        group: usize,
        columns: &[&str],
        most: usize,
        wants: &dyn Fn(&Call) -> bool,
    ) -> Result<(Vec<usize>, usize), Cause> {
        let builder = self.builder()?;
        let mask = mask_of(&builder, Some(columns));
        let reader = builder
            .with_row_groups(vec![group])
            .with_batch_size(ROW_GROUP)
            .with_projection(mask)
            .build()?;
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        let all = batches.iter().map(RecordBatch::num_rows).sum();
        let (mut end, mut found) = (all, Vec::new());
        for batch in batches.iter().rev() {
            end -= batch.num_rows();
            let places = columns::last_of(batch, most - found.len(), wants)?;
            found.extend(places.into_iter().map(|place| end + place));
        }
        found.reverse();
        Ok((found, all))
    }

    /// Some columns of some rows of one group of so many; none named, all columns. Decoding all rows to find one
    /// would take as long as a hundred commits.
    pub(crate) fn picked(
        &self,
        group: usize,
        rows: &[usize],
        of: usize,
        columns: Option<&[&str]>,
    ) -> Result<Vec<Call>, Cause> {
        let ranges = rows.iter().map(|i| *i..*i + 1);
        let builder = self.builder()?;
        let mask = mask_of(&builder, columns);
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(ROW_GROUP)
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges, of))
            .build()?;
        calls_in(reader)
    }

    /// The rows of one group.
    pub(crate) fn rows(&self, group: usize) -> Result<Vec<Call>, Cause> {
        let reader =
            self.builder()?.with_row_groups(vec![group]).with_batch_size(ROW_GROUP).build()?;
        calls_in(reader)
    }
}

/// The columns of these names; a file of an older version lacks some.
fn mask_of(
    builder: &ParquetRecordBatchReaderBuilder<File>,
    names: Option<&[&str]>,
) -> ProjectionMask {
    let Some(names) = names else { return ProjectionMask::all() };
    let schema = builder.parquet_schema();
    let places = schema.columns().iter().enumerate().filter(|(_, c)| names.contains(&c.name()));
    ProjectionMask::leaves(schema, places.map(|(place, _)| place))
}

fn calls_in(reader: ParquetRecordBatchReader) -> Result<Vec<Call>, Cause> {
    let mut calls = Vec::new();
    for batch in reader {
        calls.extend(columns::calls_of(&batch?)?);
    }
    Ok(calls)
}

/// Whether a text may be in a column with these statistics. Ids of calls begin with their time, so
/// most groups hold none of those asked for.
fn may_hold(column: &Statistics, text: &str) -> bool {
    let Statistics::ByteArray(texts) = column else { return true };
    let (least, most) = (texts.min_opt(), texts.max_opt());
    // Bounds that were cut short are bounds still.
    least.is_none_or(|l| l.data() <= text.as_bytes())
        && most.is_none_or(|m| text.as_bytes() <= m.data())
}

/// A group without statistics may hold any time.
fn span_of(group: &RowGroupMetaData) -> (i64, i64) {
    let column = group.columns().iter().find(|c| c.column_path().string() == "start_time");
    match column.and_then(|c| c.statistics()) {
        Some(Statistics::Int64(s)) => {
            (s.min_opt().copied().unwrap_or(i64::MIN), s.max_opt().copied().unwrap_or(i64::MAX))
        }
        _ => (i64::MIN, i64::MAX),
    }
}
