//! The right name that somebody probably meant.

/// "did you mean …?", if one of the names is near enough to be that.
pub(crate) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = names.into_iter().map(|name| (distance(&wrong.to_lowercase(), &name.to_lowercase()), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    let limit = 1 + wrong.chars().count().max(name.chars().count()) / 4;
    (distance <= limit).then(|| format!("did you mean {name}?"))
}

/// Letters to insert, remove, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let meant = |wrong| did_you_mean(wrong, ["text", "date_time", "label", "description"]);
        assert_eq!(meant("txet").as_deref(), Some("did you mean text?"));
        assert_eq!(meant("datetime").as_deref(), Some("did you mean date_time?"));
        assert_eq!(meant("Descripton").as_deref(), Some("did you mean description?"));
        assert_eq!(meant("colour"), None);
        assert_eq!(did_you_mean("x", []), None);
    }
}
