//! A figure counts only if what is compared does the same, and the baseline all of it.

use std::collections::BTreeMap;

use serde_json::Value;
use turntable::mapping::component::{Documents, FhirRequest};

use super::Path;
use crate::Result;
use crate::data;

impl Path<'_> {
    /// All ways to read give the rows of a page.
    pub fn check(&self, page: &[u8]) -> Result<()> {
        let resources = self.split(page)?;
        let documents: Documents = resources.iter().map(|resource| resource.body).collect();
        let (native, component) = (self.native(&self.request(&resources)?)?, self.component(&documents)?);
        if native != resources.len() || component != resources.len() {
            return Err(
                format!("{} resources, {native} rows natively, {component} of the component", resources.len()).into()
            );
        }
        self.compare(page).map(drop)
    }

    /// The rows are the same also of resources with elements that the sample lacks, and these have something for every
    /// property that such a resource can have.
    pub fn check_baseline(&self) -> Result<()> {
        let rows = self.compare(data::others(self.subject.resource_type)?.as_bytes())?;
        let table = &self.live.table;
        let is_null = |name: &str| rows.iter().all(|row| row.get(name).is_none_or(Value::is_null));
        let properties = self.columns.iter().map(|column| table.columns[*column].property());
        let (null, filled): (Vec<_>, Vec<_>) = properties.partition(|name| is_null(name));
        let unfilled = self.baseline.unfilled();
        let lacking: Vec<_> = null.iter().filter(|name| !unfilled.contains(&&***name)).collect();
        let surprising: Vec<_> = filled.iter().filter(|name| unfilled.contains(&&***name)).collect();
        if lacking.is_empty() && surprising.is_empty() {
            return Ok(());
        }
        Err(format!("no resource to compare with has {lacking:?}; some have {surprising:?} after all").into())
    }

    /// The rows of a page, which the baseline must make as well.
    fn compare(&self, page: &[u8]) -> Result<Vec<Value>> {
        let rows = |answer: &[u8]| -> Result<Vec<Value>> {
            let mut answer: Value = serde_json::from_slice(answer)?;
            match answer["value"].take() {
                Value::Array(rows) => Ok(rows),
                _ => Err("no rows".into()),
            }
        };
        let (ours, theirs) = (rows(&self.whole(page)?)?, rows(&self.baseline.rows(page)?)?);
        let mut others = BTreeMap::new();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let names = ours.as_object().into_iter().chain(theirs.as_object()).flat_map(|row| row.keys());
            for name in names.filter(|name| ours.get(name.as_str()) != theirs.get(name.as_str())) {
                others
                    .entry(name.clone())
                    .or_insert_with(|| format!("{:?}, not {:?}", theirs.get(name), ours.get(name)));
            }
        }
        if !others.is_empty() {
            return Err(format!("the baseline makes other values: {others:#?}").into());
        }
        if ours.len() == theirs.len() { Ok(ours) } else { Err("the baseline makes another number of rows".into()) }
    }

    /// The same resources come of the same changes: one column of each of those resources, and new ones with all that
    /// their rows have. The mapping refuses some of them, and the baseline those with a gap in a list.
    pub fn check_changes(&self) -> Result<()> {
        let page = data::others(self.subject.resource_type)?;
        let resources = self.split(page.as_bytes())?;
        let rows = self.made(&resources)?;
        let mut created = 0;
        for (row, resource) in resources.iter().enumerate() {
            let update = self.update(&rows, row, resource.body)?;
            if let FhirRequest::Update(updated) = self.write(&update)? {
                same_resource(&updated, &self.typed(&update)?.update(resource.body)?)?;
            }
            let create = self.create(&rows, row);
            if let (Ok(FhirRequest::Create(new)), Ok(theirs)) = (self.write(&create), self.typed(&create)?.create()) {
                same_resource(&new, &theirs)?;
                created += 1;
            }
        }
        if created > resources.len() / 2 { Ok(()) } else { Err("too few new resources to compare".into()) }
    }
}

/// Whether two texts of a resource say the same, in whatever order of members.
pub fn same_resource(component: &[u8], baseline: &[u8]) -> Result<()> {
    let (component, baseline): (Value, Value) = (serde_json::from_slice(component)?, serde_json::from_slice(baseline)?);
    if component == baseline {
        return Ok(());
    }
    Err(format!("the baseline writes another resource:\n{baseline}\nnot\n{component}").into())
}
