//! Values that `$compute` names, beside the rows that they are of.

use std::sync::Arc;
use std::time::Instant;

use crate::model::error::Result;
use crate::model::query::Query;
use crate::model::rows::Rows;
use crate::model::table::Table;
use crate::plan::evaluate::aggregate::with_values;
use crate::router::session::{Session, Step};

impl Session {
    /// Rows with these values, and the table with a column for each after its own. `of`: what `table` is called elsewhere.
    /// `Forbidden` where they tell of what the caller may not see.
    pub async fn computed(
        &self,
        of: &Table,
        table: &Table,
        rows: Rows,
        query: &Query,
    ) -> Result<(Arc<Table>, Rows, Query)> {
        if let Some(sight) = self.sight() {
            query.computed.iter().try_for_each(|value| sight.check_expression(of, &value.expr))?;
        }
        let own = table.columns.len();
        let mut wide = table.clone();
        wide.columns.extend(query.computed.iter().map(|value| value.column.clone()));
        let mut query = query.clone();
        if let Some(select) = &mut query.select {
            select.extend(own..own + query.computed.len());
        }
        let (begun, narrow, computed) = (Instant::now(), table.clone(), query.computed.clone());
        let rows = self.work_on(rows.len(), of, move || with_values(&rows, &computed, &narrow)).await??;
        self.trace().add(Step::Residual, begun.elapsed());
        Ok((Arc::new(wide), rows, query))
    }
}
