//! (a) Resources per second of one thread's CPU time: through the component with a fresh instance, its limits and its
//! deadline on, beside the same mapping natively and in YAML, and the whole path from the page of a FHIR service to the
//! JSON of the answer beside a hand-written mapper. All of a page size in one run; changes beside hand-written ones.

mod check;
mod together;
mod write;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use turntable::mapping::component::{Documents, Mapping};
use turntable::mapping::sandbox::Sandbox;
use turntable::mapping::shipped::SHIPPED;
use turntable::model::catalog::Catalog;
use turntable::model::limits::Limits;
use turntable::model::query::Query;
use turntable::model::result::Names;
use turntable::model::rows::Rows;
use turntable::model::table::{ColumnIndex, Route};
use turntable::odata::headers::{Annotations, Format};
use turntable::odata::reply::{self, Found, Style};
use turntable::router::map::{self, Resource};
use turntable::router::snapshot::ServedTable;
use turntable_mapping::bindings::exports::turntable::mapping::read::{ReadRequest, TableRequest};
use turntable_mapping::bindings::turntable::mapping::types;

use crate::Result;
use crate::baseline::Baseline;
use crate::data::{self, BASE};
use crate::measure::{Report, Table, Variant, alternate};

const PAGES: [usize; 4] = [1, 20, 50, 100];
const API: &str = "http://localhost:8080/api/data/v9.2/";

const TYPED: &str = "typed serde: page to JSON";
const NATIVE: &str = "native: documents to cells";
const COMPONENT: &str = "component: documents to cells";
/// Columns of a `$select` that leaves out nearly all.
const SELECTED: usize = 4;

struct Subject {
    mapping: &'static str,
    native: &'static turntable_mapping::Mapping,
    table: &'static str,
    resource_type: &'static str,
    baseline: Baseline,
    /// A column and another value of it, and the member that it is.
    change: (&'static str, &'static str),
    member: &'static str,
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        mapping: "observation",
        native: &mapping_observation::MAPPING,
        table: "msemr_observation",
        resource_type: "Observation",
        baseline: Baseline::Observation,
        change: ("msemr_status", "amended"),
        member: "status",
    },
    Subject {
        mapping: "contact",
        native: &mapping_contact::MAPPING,
        table: "contact",
        resource_type: "Patient",
        baseline: Baseline::Patient,
        change: ("gendercode", "other"),
        member: "gender",
    },
];

/// A part of the figures, for a profiler and for a quick look.
#[derive(clap::Args)]
pub struct Part {
    /// Of `mapping`: this mapping only.
    #[arg(long, value_name = "MAPPING")]
    of: Option<String>,
    /// Of `mapping`: pages of this size only, and no writing; 0 is writing only.
    #[arg(long, value_name = "RESOURCES")]
    page: Option<usize>,
    /// Of `mapping`: figures whose name contains this only.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Of `mapping`: slots of two milliseconds for each figure, which is the median of them.
    #[arg(long, value_name = "NUMBER", default_value_t = 31)]
    slots: usize,
}

impl Part {
    fn has_page(&self, size: usize) -> bool {
        self.page.is_none_or(|page| page == size)
    }

    fn times(&self, mut variants: Vec<Variant<'_>>) -> Result<Vec<(&'static str, f64)>> {
        variants.retain(|variant| self.only.as_ref().is_none_or(|only| variant.name().contains(only.as_str())));
        alternate(&mut variants, self.slots)
    }
}

pub fn run(report: &mut Report, part: &Part) -> Result<()> {
    let sandbox = Sandbox::new(&Limits::default(), None)?;
    for subject in SUBJECTS.into_iter().filter(|s| part.of.as_ref().is_none_or(|of| of == s.mapping)) {
        let component =
            SHIPPED.iter().find(|one| one.name == subject.mapping).ok_or("no such mapping inside")?.component;
        if part.page.is_none() && part.only.is_none() {
            report.add(&weight(subject.mapping, &sandbox, component)?);
        }
        let path = Path::new(&subject, sandbox.load(component)?, twin(&sandbox, subject.native)?)?;
        path.check_baseline()?;
        for size in PAGES.into_iter().filter(|size| part.has_page(*size)) {
            report.add(&path.measured(size, part)?);
        }
        if part.page.is_none() && part.only.is_none() {
            report.add(&path.together()?);
        }
        if part.has_page(0) {
            path.check_changes()?;
            path.written(part)?.iter().for_each(|table| report.add(table));
        }
    }
    Ok(())
}

/// Size of a component, and how long it takes to compile: the first of an engine, and the next one like it.
fn weight(name: &str, sandbox: &Sandbox, component: &[u8]) -> Result<Table> {
    let alone = Sandbox::new(sandbox.limits(), None)?;
    let (first, code) = alone.compilation(component)?;
    let (again, _) = alone.compilation(component)?;
    let mut table =
        Table::new(format!("The component of {name}"), &["KB", "KB compiled", "ms to compile", "again"], &[]);
    let kilobytes = |bytes: usize| bytes as f64 / 1e3;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    table.row(name, [kilobytes(component.len()), kilobytes(code), milliseconds(first), milliseconds(again)]);
    Ok(table)
}

/// The same mapping written as YAML, as far as YAML can say it.
fn twin(sandbox: &Sandbox, native: &'static turntable_mapping::Mapping) -> Result<Mapping> {
    let (text, _) = turntable_mapping_yaml::to_yaml_in_part(native);
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("mapping.yaml");
    std::fs::write(&file, text)?;
    let component = turntable::cli::mapping::build::build(&file, Some(&directory.path().join("twin.wasm")))?;
    Ok(sandbox.load(&std::fs::read(component)?)?)
}

/// What a page goes through on its way to an answer, in pieces.
struct Path<'a> {
    subject: &'a Subject,
    live: ServedTable,
    catalog: Catalog,
    query: Query,
    /// Columns of the answer.
    columns: Vec<ColumnIndex>,
    /// Those of them that the mapping builds.
    mapped: Vec<ColumnIndex>,
    /// A few of those.
    selected: Vec<ColumnIndex>,
    twin: Mapping,
    /// The columns that the twin builds.
    of_twin: Vec<ColumnIndex>,
    baseline: Baseline,
}

impl<'a> Path<'a> {
    fn new(subject: &'a Subject, mapping: Mapping, twin: Mapping) -> Result<Self> {
        let table = mapping.table(subject.table).ok_or("no such table in the mapping")?.clone();
        let catalog = Catalog::new(mapping.tables.iter().cloned());
        let query = Query::default();
        let columns = reply::columns(&table, &query);
        let mapped = columns.iter().copied().filter(|column| *column < table.mapped()).collect();
        let selected = columns.iter().copied().filter(|column| *column < SELECTED).collect();
        let of_twin = twin.table(subject.table).ok_or("no such table in the twin")?;
        let of_twin = (0..of_twin.mapped()).filter(|column| of_twin.columns[*column].access.read).collect();
        let route = Route::Virtual { source: "main".to_owned() };
        let live = ServedTable::new(table.clone(), Arc::new(mapping), route);
        let baseline = subject.baseline;
        Ok(Self { subject, live, catalog, query, columns, mapped, selected, twin, of_twin, baseline })
    }

    fn measured(&self, count: usize, part: &Part) -> Result<Table> {
        let page = data::search_set(self.subject.resource_type, count)?;
        let page = page.as_bytes();
        self.check(page)?;
        let resources = self.split(page)?;
        let documents: Documents = resources.iter().map(|resource| resource.body).collect();
        let request = self.request(&resources)?;
        let rows = self.made(&resources)?;

        let variants = vec![
            Variant::new(TYPED, || self.baseline.rows(black_box(page))),
            Variant::new("whole: page to JSON", || self.whole(black_box(page))),
            Variant::new("  split: page to documents", || self.split(black_box(page))),
            Variant::new("  map: documents to rows", || self.made(black_box(&resources))),
            Variant::new("  render: rows to JSON", || self.render(black_box(&rows))),
            Variant::new(COMPONENT, || self.component(black_box(&documents))),
            Variant::new("  of YAML", || self.of_twin(black_box(&documents))),
            Variant::new("  four columns", || self.selected(black_box(&documents))),
            Variant::new(NATIVE, || self.native(black_box(&request))),
        ];
        let title = format!(
            "{}, page of {count} ({} bytes a resource with its entry, {} columns)",
            self.subject.resource_type,
            page.len() / count,
            self.columns.len()
        );
        let mut table = Table::new(title, &["µs/resource", "resources/CPU-s"], &[TYPED, COMPONENT]);
        for (name, micros) in part.times(variants)? {
            let each = micros / count as f64;
            table.row(name, [each, 1e6 / each]);
        }
        Ok(table)
    }

    fn whole(&self, page: &[u8]) -> Result<Vec<u8>> {
        self.render(&self.made(&self.split(page)?)?)
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

    fn made(&self, resources: &[Resource<'_>]) -> Result<Rows> {
        Ok(map::rows_of(&self.live, resources, BASE, &self.columns)?.rows)
    }

    fn render(&self, rows: &Rows) -> Result<Vec<u8>> {
        let (annotations, names) = (Annotations::default(), Names::default());
        let style = Style {
            catalog: &self.catalog,
            base: API,
            format: Format::default(),
            annotations: &annotations,
            expand_bytes: usize::MAX,
            omit_nulls: false,
            names: &names,
            twins: false,
            pause: || Ok(()),
        };
        let found = Found { table: &self.live.table, query: &self.query, rows, expanded: &[] };
        Ok(reply::page(style, found, reply::Page::default())?)
    }

    fn component(&self, documents: &Documents) -> Result<usize> {
        Ok(self.live.mapping.rows(&self.live.table.name, documents, &self.mapped)?.rows.len())
    }

    fn of_twin(&self, documents: &Documents) -> Result<usize> {
        Ok(self.twin.rows(&self.live.table.name, documents, &self.of_twin)?.rows.len())
    }

    fn selected(&self, documents: &Documents) -> Result<usize> {
        Ok(self.live.mapping.rows(&self.live.table.name, documents, &self.selected)?.rows.len())
    }

    fn native(&self, request: &ReadRequest) -> Result<usize> {
        let batches = turntable_plan::rows(self.subject.native, request).map_err(|_| "the native mapping failed")?;
        Ok(batches.iter().map(|batch| batch.origin.len()).sum())
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
        let tables = vec![TableRequest { table: self.subject.table.to_owned(), columns }];
        Ok(ReadRequest { documents, related, tables })
    }
}
