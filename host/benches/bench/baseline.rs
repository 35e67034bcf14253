//! What a programmer would write for one table and nothing else: typed serde_json over the whole page, rows to JSON in
//! one pass, without sandbox or schema. It reads and writes every column that the table has.

mod observation;
mod patient;
mod row;
mod types;
pub mod write;

use serde::Deserialize;

use self::row::{ConceptKeys, Unfilled};
use crate::Result;

/// A resource that rows are made of.
trait Mapped<'a>: Deserialize<'a> {
    /// Properties that no resource of this type has an element for.
    const UNFILLED: Unfilled;

    fn row<'p>(&'p self, out: &mut Vec<u8>, keys: &mut ConceptKeys<'p>) -> Result<()>;
}

#[derive(Clone, Copy)]
pub enum Baseline {
    Observation,
    Patient,
}

impl Baseline {
    /// A searchset to rows as JSON.
    pub fn rows(self, page: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Observation => rows::<observation::Observation<'_>>(page),
            Self::Patient => rows::<patient::Patient<'_>>(page),
        }
    }

    /// Properties that are null whatever a resource has.
    pub fn unfilled(self) -> &'static [&'static str] {
        match self {
            Self::Observation => observation::Observation::UNFILLED.names,
            Self::Patient => patient::Patient::UNFILLED.names,
        }
    }
}

#[derive(Deserialize)]
struct Page<R> {
    entry: Vec<Entry<R>>,
}

#[derive(Deserialize)]
struct Entry<R> {
    resource: R,
}

fn rows<'a, R: Mapped<'a>>(page: &'a [u8]) -> Result<Vec<u8>> {
    let length = page.len();
    let page: Page<R> = serde_json::from_str(std::str::from_utf8(page)?)?;
    let mut out = Vec::with_capacity(length + page.entry.len() * 4_000);
    let mut keys = ConceptKeys::default();
    out.extend_from_slice(b"{\"value\":[");
    for (index, entry) in page.entry.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        entry.resource.row(&mut out, &mut keys)?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}
