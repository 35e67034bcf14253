//! A row on its way out, for `after_read`.

use turntable_scan::Value;

/// One row: cells of the columns that were asked for, and the element they came from.
pub struct Row<'a> {
    pub(crate) resource: Value<'a>,
    pub(crate) element: Value<'a>,
    pub(crate) names: &'a [String],
    pub(crate) cells: Vec<Option<String>>,
}

impl<'a> Row<'a> {
    /// The whole resource.
    pub fn resource(&self) -> Value<'a> {
        self.resource
    }

    /// What the row stands for: the resource, in a child table the element.
    pub fn element(&self) -> Value<'a> {
        self.element
    }

    /// The cell of a column; `None` for null and for a column that was not asked for.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(self.position(column)?)?.as_deref()
    }

    /// Sets a cell. Does nothing if the column was not asked for.
    pub fn set(&mut self, column: &str, value: Option<String>) {
        if let Some(cell) = self.position(column).and_then(|at| self.cells.get_mut(at)) {
            *cell = value;
        }
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.names.iter().position(|name| name == column)
    }
}
