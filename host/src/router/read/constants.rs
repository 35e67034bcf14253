//! Columns that are read from no element, such as the state of a row: natively they live in the row alone, and in a FHIR
//! service there is nothing that they could differ by. So what one resource shows, all do, and a condition on them is
//! decided before the service is asked, which can count and page the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::error::Code;
use crate::model::table::ColumnIndex;
use crate::router::map::{self, Resource};
use crate::router::session::Session;
use crate::router::snapshot::ServedTable;

/// Of any resource whatever.
const ID: &str = "any";

/// By resource type; null cells too.
type Same = BTreeMap<String, BTreeMap<ColumnIndex, Option<String>>>;

impl Session {
    /// The cells that every row of a virtual table has alike. The mapping is asked once, for a resource with nothing in it;
    /// where that gives no row, as in a child table, nothing is known.
    pub(super) async fn same_cells(&self, table: &Arc<ServedTable>) -> Same {
        if let Some(known) = table.same.get() {
            return known.clone();
        }
        let served = table.clone();
        let found = self.work(&table.table, move || of_nothing(&served)).await.ok().flatten();
        match found {
            Some(found) => table.same.get_or_init(|| found).clone(),
            // Busy, or out of time: the next read asks again.
            None => Same::new(),
        }
    }
}

/// None: it has not come to light.
fn of_nothing(served: &ServedTable) -> Option<Same> {
    let table = &served.table;
    let columns: Vec<ColumnIndex> = (0..table.mapped()).filter(|column| table.is_own(*column)).collect();
    let mut same = Same::new();
    if columns.is_empty() || !table.one_row_per_resource || table.parent.is_some() {
        return Some(same);
    }
    for source in &table.sources {
        let resource_type = source.resource_type.as_str();
        let body = format!(r#"{{"resourceType":"{resource_type}","id":"{ID}"}}"#);
        let resource = Resource { resource_type, body: body.as_bytes() };
        match map::rows_of(served, &[resource], "", &columns) {
            Ok(made) if made.rows.len() == 1 => {
                let cell = |column: &ColumnIndex| (*column, made.rows.cell(0, *column).map(str::to_owned));
                same.insert(resource_type.to_owned(), columns.iter().map(cell).collect());
            }
            // Its mapping reads no resource that has nothing in it.
            Ok(_) => {}
            Err(error) if error.code() == Code::UpstreamInvalid => {}
            Err(_) => return None,
        }
    }
    Some(same)
}
