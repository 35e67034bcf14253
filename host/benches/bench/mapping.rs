//! (a) Resources per second of one thread's CPU time: through the component with a fresh instance, its limits and its
//! deadline on, beside the same mapping natively, and the whole path from the page of a FHIR service to the JSON of the
//! answer beside a hand-written mapper. All of a page size in one run.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use serde_json::Value;
use turntable::mapping::build::BUILTIN;
use turntable::mapping::component::{Documents, Mapping};
use turntable::mapping::sandbox::Sandbox;
use turntable::model::catalog::Catalog;
use turntable::model::limits::Limits;
use turntable::model::query::Query;
use turntable::model::rows::Rows;
use turntable::model::table::{ColumnIndex, Route};
use turntable::odata::headers::{Annotations, Format};
use turntable::odata::reply::{self, Found, Style};
use turntable::router::cut::{Resource, cut};
use turntable::router::live::LiveTable;
use turntable_mapping::bindings::exports::turntable::mapping::read::ReadRequest;
use turntable_mapping::bindings::turntable::mapping::types;

use crate::Result;
use crate::baseline::Baseline;
use crate::data::{self, BASE};
use crate::measure::{Report, Table, Variant, alternate};

const PAGES: [usize; 4] = [1, 20, 50, 100];
const SLOTS: usize = 31;
const API: &str = "http://localhost:8080/api/data/v9.2/";

const TYPED: &str = "typed serde: page to JSON";
const NATIVE: &str = "native: documents to cells";

struct Subject {
    mapping: &'static str,
    native: &'static turntable_mapping::Mapping,
    table: &'static str,
    resource_type: &'static str,
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        mapping: "observation",
        native: &mapping_observation::MAPPING,
        table: "msemr_observation",
        resource_type: "Observation",
    },
    Subject { mapping: "contact", native: &mapping_contact::MAPPING, table: "contact", resource_type: "Patient" },
];

/// Of pages of this size, and figures of this name, if only they are asked for.
pub fn run(report: &mut Report, page: Option<usize>, only: Option<&str>) -> Result<()> {
    let sandbox = Sandbox::new(&Limits::default(), None)?;
    for subject in SUBJECTS {
        let component = BUILTIN.iter().find(|(name, _)| *name == subject.mapping).ok_or("no such mapping inside")?.1;
        let path = Path::new(&subject, sandbox.load(component)?)?;
        for page in PAGES.into_iter().filter(|size| page.is_none_or(|page| page == *size)) {
            report.add(&path.measured(page, only)?);
        }
    }
    Ok(())
}

/// What a page goes through on its way to an answer, in pieces.
struct Path<'a> {
    subject: &'a Subject,
    live: LiveTable,
    catalog: Catalog,
    query: Query,
    /// Columns of the answer.
    columns: Vec<ColumnIndex>,
    /// Those of them that the mapping builds.
    mapped: Vec<ColumnIndex>,
    /// For the one table that it was written for.
    baseline: Option<Baseline>,
}

impl<'a> Path<'a> {
    fn new(subject: &'a Subject, mapping: Mapping) -> Result<Self> {
        let table = mapping.table(subject.table).ok_or("no such table in the mapping")?.clone();
        let catalog = Catalog::new(mapping.tables.iter().cloned());
        let query = Query::default();
        let columns = reply::columns(&table, &query);
        let mapped = columns.iter().copied().filter(|column| *column < table.mapped()).collect();
        let shown = table.columns.iter().filter(|column| column.access.read).map(|column| column.property());
        let baseline = (subject.resource_type == "Observation").then(|| Baseline::new(shown));
        let live = LiveTable {
            table: table.clone(),
            mapping: Arc::new(mapping),
            route: Route::Virtual { source: "main".to_owned() },
        };
        Ok(Self { subject, live, catalog, query, columns, mapped, baseline })
    }

    fn measured(&self, count: usize, only: Option<&str>) -> Result<Table> {
        let page = data::search_set(self.subject.resource_type, count)?;
        let page = page.as_bytes();
        self.check(page)?;
        let resources = self.split(page)?;
        let documents: Documents = resources.iter().map(|resource| resource.body).collect();
        let request = self.request(&resources)?;
        let rows = self.cut(&resources)?;

        let mut variants = Vec::new();
        if let Some(baseline) = &self.baseline {
            variants.push(Variant::new(TYPED, || baseline.rows(black_box(page))));
        }
        variants.extend([
            Variant::new("whole: page to JSON", || self.whole(black_box(page))),
            Variant::new("  split: page to documents", || self.split(black_box(page))),
            Variant::new("  cut: documents to rows", || self.cut(black_box(&resources))),
            Variant::new("  render: rows to JSON", || self.render(black_box(&rows))),
            Variant::new("component: documents to cells", || self.component(black_box(&documents))),
            Variant::new(NATIVE, || self.native(black_box(&request))),
        ]);
        variants.retain(|variant| only.is_none_or(|only| variant.name().contains(only)));
        let title = format!(
            "{}, page of {count} ({} bytes a resource with its entry, {} columns)",
            self.subject.resource_type,
            page.len() / count,
            self.columns.len()
        );
        let mut table = Table::new(title, &["µs/resource", "resources/CPU-s"], &[TYPED, NATIVE]);
        for (name, micros) in alternate(&mut variants, SLOTS)? {
            let each = micros / count as f64;
            table.row(name, [each, 1e6 / each]);
        }
        Ok(table)
    }

    fn whole(&self, page: &[u8]) -> Result<Vec<u8>> {
        self.render(&self.cut(&self.split(page)?)?)
    }

    fn split<'p>(&self, page: &'p [u8]) -> Result<Vec<Resource<'p>>> {
        let resource_type = self.subject.resource_type;
        let bundle = turntable_scan::bundle::split(page).map_err(|error| error.to_string())?;
        let resources = bundle
            .entries
            .iter()
            .filter(|entry| entry.search_mode.as_deref().is_none_or(|mode| mode == "match"))
            .filter_map(|entry| entry.resource.as_ref())
            .filter(|resource| resource.resource_type == resource_type)
            .map(|resource| Resource { resource_type, body: resource.raw.as_bytes() });
        Ok(resources.collect())
    }

    fn cut(&self, resources: &[Resource<'_>]) -> Result<Rows> {
        Ok(cut(&self.live, resources, BASE, &self.columns)?.rows)
    }

    fn render(&self, rows: &Rows) -> Result<Vec<u8>> {
        let annotations = Annotations::default();
        let style = Style { catalog: &self.catalog, base: API, format: Format::default(), annotations: &annotations };
        let found = Found { table: &self.live.table, query: &self.query, rows, expanded: &[] };
        Ok(reply::page(style, found, reply::Page::default())?)
    }

    fn component(&self, documents: &Documents) -> Result<usize> {
        Ok(self.live.mapping.rows(&self.live.table.name, documents, &self.mapped)?.rows.len())
    }

    fn native(&self, request: &ReadRequest) -> Result<usize> {
        let batch = turntable_mapping::rows(self.subject.native, request).map_err(|_| "the native mapping failed")?;
        Ok(batch.cells.ends.len() / self.mapped.len())
    }

    /// What [`Documents`] are to the component.
    fn request(&self, resources: &[Resource<'_>]) -> Result<ReadRequest> {
        let mut documents = types::Documents { data: Vec::new(), ends: Vec::new() };
        for resource in resources {
            documents.data.extend_from_slice(resource.body);
            documents.ends.push(u32::try_from(documents.data.len())?);
        }
        documents.data.extend_from_slice(&[b' '; 64]);
        let columns = self.mapped.iter().map(|column| u16::try_from(*column)).collect::<Result<_, _>>()?;
        let related = types::Documents { data: Vec::new(), ends: Vec::new() };
        Ok(ReadRequest { table: self.subject.table.to_owned(), documents, related, columns })
    }

    /// A figure counts only if what is compared does the same.
    fn check(&self, page: &[u8]) -> Result<()> {
        let resources = self.split(page)?;
        let documents: Documents = resources.iter().map(|resource| resource.body).collect();
        let (native, component) = (self.native(&self.request(&resources)?)?, self.component(&documents)?);
        if native != resources.len() || component != resources.len() {
            return Err(
                format!("{} resources, {native} rows natively, {component} of the component", resources.len()).into()
            );
        }
        let Some(baseline) = &self.baseline else { return Ok(()) };
        let (ours, theirs): (Value, Value) =
            (serde_json::from_slice(&self.whole(page)?)?, serde_json::from_slice(&baseline.rows(page)?)?);
        let (Some(ours), Some(theirs)) = (ours["value"].as_array(), theirs["value"].as_array()) else {
            return Err("no rows".into());
        };
        let mut others = BTreeMap::new();
        for (ours, theirs) in ours.iter().zip(theirs) {
            let names = ours.as_object().into_iter().chain(theirs.as_object()).flat_map(|row| row.keys());
            for name in names.filter(|name| ours.get(name.as_str()) != theirs.get(name.as_str())) {
                others
                    .entry(name.clone())
                    .or_insert_with(|| format!("{:?}, not {:?}", theirs.get(name), ours.get(name)));
            }
        }
        if !others.is_empty() {
            return Err(format!("baseline.rs makes other values: {others:#?}").into());
        }
        if ours.len() == theirs.len() { Ok(()) } else { Err("baseline.rs makes another number of rows".into()) }
    }
}
