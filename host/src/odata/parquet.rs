//! Rows as Apache Parquet: a column for each that the JSON would show, all of them optional, in groups of rows of which one
//! is here at a time. Keys are UUIDs, dates DATE, moments TIMESTAMP in microseconds of UTC. A decimal is a text: the digits
//! that a resource has (`72.10`) are a part of its value, and no one scale has room for all.

use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::{ByteArray, FixedLenByteArray};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};
use uuid::Uuid;

use super::cells::{self, Json};
use super::reply::{self, Found, Style};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Query;
use crate::model::rows::Rows;
use crate::model::table::{ColumnIndex, Kind, Table};
use crate::model::value;

/// Rows of a group at most.
const GROUP_ROWS: usize = 50_000;

/// Bytes of its values as they are held here, about, of which the rows that come last may bring more. Readers hold a group at
/// a time, too.
const GROUP_BYTES: usize = 8 << 20;

/// What a text or a GUID takes here beside its bytes.
const HELD: usize = 64;

/// A file under way.
pub struct File {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Filling>,
    rows: usize,
    bytes: usize,
}

/// A column of the file, with its values in the group under way.
struct Filling {
    column: ColumnIndex,
    /// What a person reads is shown, not the value.
    formatted: bool,
    values: Values,
    /// For each row 1 where it has a value, 0 where not.
    there: Vec<i16>,
}

enum Values {
    Guids(Vec<FixedLenByteArray>),
    Texts(Vec<ByteArray>),
    Booleans(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    /// Days since 1970.
    Dates(Vec<i32>),
    /// Microseconds since 1970.
    Moments(Vec<i64>),
}

impl File {
    /// The columns of a query, each with its formatted value behind it where that was asked.
    pub fn new(style: Style<'_>, table: &Table, query: &Query) -> Result<Self> {
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for index in reply::shown(table, query.select.as_deref()) {
            let column = &table.columns[index];
            let property = column.property();
            let mut add = |name: &str, formatted: bool, values: Values| {
                fields.push(values.field(name).map_err(failed)?);
                columns.push(Filling { column: index, formatted, values, there: Vec::new() });
                Ok::<_, Error>(())
            };
            add(&property, false, Values::of(&column.kind))?;
            if style.wants_names() && cells::has_formatted(&column.kind) {
                add(&format!("{property}@{}", reply::FORMATTED), true, Values::Texts(Vec::new()))?;
            }
        }
        let schema = Type::group_type_builder(&table.name).with_fields(fields).build().map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by(concat!("turntable ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { writer, columns, rows: 0, bytes: 0 })
    }

    /// Adds rows; the bytes of the file that are done. `MappingIllFormed` where a cell is not of its column's kind.
    pub fn add(&mut self, style: Style<'_>, found: Found<'_>) -> Result<Vec<u8>> {
        let Found { table, rows, .. } = found;
        for filling in &self.columns {
            reply::check_fetched(table, rows, filling.column)?;
        }
        let mut scratch = Json::default();
        let mut done = Vec::new();
        for row in 0..rows.len() {
            for filling in &mut self.columns {
                self.bytes += filling.add(style, table, rows, row, &mut scratch)?;
            }
            self.rows += 1;
            if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
                done.extend(self.group()?);
            }
        }
        Ok(done)
    }

    /// The rest of the file.
    pub fn end(mut self) -> Result<Vec<u8>> {
        let mut done = if self.rows > 0 { self.group()? } else { Vec::new() };
        self.writer.finish().map_err(failed)?;
        done.append(self.writer.inner_mut());
        Ok(done)
    }

    /// Writes the group under way.
    fn group(&mut self) -> Result<Vec<u8>> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for filling in &mut self.columns {
            let mut column = group.next_column().map_err(failed)?.ok_or_else(|| wrong("a column is missing"))?;
            filling.write(column.untyped())?;
            column.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.writer.flush().map_err(|error| wrong(&error.to_string()))?;
        (self.rows, self.bytes) = (0, 0);
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}

impl Filling {
    /// The cell of a row; about how many bytes it takes here.
    fn add(&mut self, style: Style<'_>, table: &Table, rows: &Rows, row: usize, scratch: &mut Json) -> Result<usize> {
        let column = &table.columns[self.column];
        let own = rows.cell(row, self.column);
        let bytes = if self.formatted {
            reply::formatted(style, table, rows, row, self.column).map(|text| self.values.push_text(text.into_bytes()))
        } else if let (Values::Texts(_), Some(own)) = (&self.values, own) {
            // A decimal has the digits of its JSON, or, where there are none, those of the resource.
            let digits = match column.kind {
                Kind::Decimal { .. } => value_of(style, table, rows, row, self.column, scratch)?,
                _ => None,
            };
            Some(self.values.push_text(digits.unwrap_or(own.as_bytes()).to_vec()))
        } else if let (Values::Moments(moments), Some(own)) = (&mut self.values, own) {
            let moment = value::parse_instant(own).ok_or_else(|| cells::ill_formed(table, column))?;
            moments.push(moment.as_microsecond());
            Some(size_of::<i64>())
        } else {
            match value_of(style, table, rows, row, self.column, scratch)? {
                Some(value) => Some(self.values.push(value).ok_or_else(|| cells::ill_formed(table, column))?),
                None => None,
            }
        };
        self.there.push(i16::from(bytes.is_some()));
        Ok(bytes.unwrap_or_default() + size_of::<i16>())
    }

    /// Into a column of the file; nothing is left here.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let there = Some(self.there.as_slice());
        let written = match (&self.values, writer) {
            (Values::Guids(values), ColumnWriter::FixedLenByteArrayColumnWriter(to)) => {
                to.write_batch(values, there, None)
            }
            (Values::Texts(values), ColumnWriter::ByteArrayColumnWriter(to)) => to.write_batch(values, there, None),
            (Values::Booleans(values), ColumnWriter::BoolColumnWriter(to)) => to.write_batch(values, there, None),
            (Values::Int32(values) | Values::Dates(values), ColumnWriter::Int32ColumnWriter(to)) => {
                to.write_batch(values, there, None)
            }
            (Values::Int64(values) | Values::Moments(values), ColumnWriter::Int64ColumnWriter(to)) => {
                to.write_batch(values, there, None)
            }
            _ => return Err(wrong("a column is of another type")),
        };
        written.map_err(failed)?;
        self.there.clear();
        self.values.clear();
        Ok(())
    }
}

/// The value of a cell as JSON has it, without quotes; none where that is null.
fn value_of<'s>(
    style: Style<'_>,
    table: &Table,
    rows: &Rows,
    row: usize,
    column: ColumnIndex,
    scratch: &'s mut Json,
) -> Result<Option<&'s [u8]>> {
    scratch.bytes.clear();
    cells::cell(scratch, style.format, table, rows, row, column)?;
    let value = scratch.bytes.as_slice();
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    Ok((value != b"null").then_some(bare))
}

impl Values {
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Key | Kind::Lookup(_) | Kind::ConceptKey { .. } => Self::Guids(Vec::new()),
            Kind::Text { .. } | Kind::Decimal { .. } | Kind::PartialDate | Kind::Uri | Kind::Json => {
                Self::Texts(Vec::new())
            }
            Kind::Boolean => Self::Booleans(Vec::new()),
            Kind::Int32 | Kind::Choice(_) => Self::Int32(Vec::new()),
            Kind::Int64 => Self::Int64(Vec::new()),
            Kind::Date => Self::Dates(Vec::new()),
            Kind::DateTime => Self::Moments(Vec::new()),
        }
    }

    fn field(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let (physical, logical, length) = match self {
            Self::Guids(_) => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid), 16),
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), -1),
            Self::Booleans(_) => (Physical::BOOLEAN, None, -1),
            Self::Int32(_) => (Physical::INT32, None, -1),
            Self::Int64(_) => (Physical::INT64, None, -1),
            Self::Dates(_) => (Physical::INT32, Some(LogicalType::Date), -1),
            Self::Moments(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)), -1),
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        field.with_logical_type(logical).with_length(length).build().map(Arc::new)
    }

    fn push_text(&mut self, text: Vec<u8>) -> usize {
        let bytes = text.len() + HELD;
        if let Self::Texts(texts) = self {
            texts.push(text.into());
        }
        bytes
    }

    /// A value as JSON has it; about how many bytes it takes here. None: it is no such value.
    fn push(&mut self, value: &[u8]) -> Option<usize> {
        let text = std::str::from_utf8(value).ok()?;
        Some(match self {
            Self::Guids(guids) => {
                guids.push(Uuid::try_parse(text).ok()?.into_bytes().to_vec().into());
                HELD + size_of::<Uuid>()
            }
            Self::Booleans(booleans) => {
                booleans.push(text == "true");
                size_of::<bool>()
            }
            Self::Int32(numbers) => {
                numbers.push(text.parse().ok()?);
                size_of::<i32>()
            }
            Self::Int64(numbers) => {
                numbers.push(text.parse().ok()?);
                size_of::<i64>()
            }
            Self::Dates(days) => {
                let moment = value::Instant::of_day(value::parse_date(text.get(..10)?)?);
                days.push(i32::try_from(moment.as_microsecond().div_euclid(24 * 60 * 60 * 1_000_000)).ok()?);
                size_of::<i32>()
            }
            Self::Texts(_) | Self::Moments(_) => return None,
        })
    }

    fn clear(&mut self) {
        match self {
            Self::Guids(values) => values.clear(),
            Self::Texts(values) => values.clear(),
            Self::Booleans(values) => values.clear(),
            Self::Int32(values) | Self::Dates(values) => values.clear(),
            Self::Int64(values) | Self::Moments(values) => values.clear(),
        }
    }
}

fn failed(error: ParquetError) -> Error {
    wrong(&error.to_string())
}

fn wrong(why: &str) -> Error {
    Error::new(Code::Internal, "the file cannot be written").internal(why)
}
