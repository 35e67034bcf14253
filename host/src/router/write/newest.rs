//! Which of several versions of one resource is the newest: in what only says what there is (a history, a searchset, a file of
//! resources), it is the one to store, wherever it stands.

use std::collections::HashMap;

use crate::model::value::Instant;

/// What is known of a version.
pub struct Version<'v> {
    pub resource_type: &'v str,
    pub id: &'v str,
    /// `meta.versionId`.
    pub version: Option<&'v str>,
    /// When it was written.
    pub written: Option<Instant>,
}

/// The places of versions that are not the newest of their resource: by when they were written, else by their numbers, else,
/// of a `history`, by their place, as the newest comes first there (R4 2.42.0). Where none of these says which it is, all of
/// them are as good.
pub fn older<'v>(versions: impl Iterator<Item = (usize, Version<'v>)>, is_history: bool) -> Vec<usize> {
    let mut resources: HashMap<(&str, &str), Vec<(usize, Version<'_>)>> = HashMap::new();
    for (place, version) in versions {
        resources.entry((version.resource_type, version.id)).or_default().push((place, version));
    }
    let several = resources.into_values().filter(|versions| versions.len() > 1);
    let older = several.filter_map(|versions| {
        let by_number = |(_, of): &(usize, Version<'_>)| of.version?.parse::<u64>().ok();
        let newest = largest(&versions, |(_, of)| of.written)
            .or_else(|| largest(&versions, by_number))
            .or_else(|| versions.first().filter(|_| is_history).map(|(place, _)| *place))?;
        Some(versions.into_iter().map(|(place, _)| place).filter(move |place| *place != newest))
    });
    older.flatten().collect()
}

/// The place of the one with the largest; none where one has none, or the largest is not of one alone.
fn largest<'v, V: Ord>(
    versions: &[(usize, Version<'v>)],
    of: impl Fn(&(usize, Version<'v>)) -> Option<V>,
) -> Option<usize> {
    let all: Vec<(V, usize)> = versions.iter().map(|one| Some((of(one)?, one.0))).collect::<Option<_>>()?;
    let (most, place) = all.iter().max_by(|a, b| a.0.cmp(&b.0))?;
    (all.iter().filter(|(value, _)| value == most).count() == 1).then_some(*place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::parse_instant;

    #[test]
    fn the_newest_is_told_by_time_then_by_number_then_by_place() {
        fn check(versions: &[(Option<&str>, Option<&str>)], is_history: bool, expected: &[usize]) {
            let all = versions.iter().enumerate().map(|(place, (version, written))| {
                let written = written.map(|time| parse_instant(time).expect("a time"));
                (place, Version { resource_type: "Patient", id: "p", version: *version, written })
            });
            let mut found = older(all, is_history);
            found.sort_unstable();
            assert_eq!(found, expected, "{versions:?}");
        }
        let [early, late] = [Some("2024-01-01T01:00:00Z"), Some("2024-01-01T00:30:00-05:00")];
        check(&[(None, early)], true, &[]);
        check(&[(Some("2"), early), (Some("1"), late)], false, &[0]);
        check(&[(None, late), (None, early)], false, &[1]);
        check(&[(Some("9"), early), (Some("10"), early)], true, &[0]);
        check(&[(Some("9"), None), (Some("10"), late)], false, &[0]);
        check(&[(Some("a"), early), (Some("b"), None)], true, &[1]);
        check(&[(Some("a"), early), (Some("b"), None)], false, &[]);
        check(&[(None, None), (None, None), (None, None)], true, &[1, 2]);
        check(&[(None, None), (None, None)], false, &[]);
    }
}
