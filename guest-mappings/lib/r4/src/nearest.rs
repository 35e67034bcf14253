//! The nearest of several names: what somebody meant who wrote another.

/// The candidate nearest to `wrong`, letter case and `-`, `_` aside; None if none is near. Of two, the first.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = bare(wrong);
    // One mistake in a short name, up to a third of the letters in a longer one.
    let allowed = (wrong.len() / 3).max(1);
    let distances = candidates.into_iter().map(|candidate| (distance(&wrong, &bare(candidate)), candidate));
    let (distance, found) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= allowed).then_some(found)
}

fn bare(name: &str) -> Vec<char> {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Letters put in, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut cost = (last[j + 1] + 1).min(row[j] + 1).min(last[j] + usize::from(a[i] != b[j]));
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let check = |wrong: &str, expected: Option<&str>| {
            assert_eq!(nearest(wrong, ["status", "subject", "onset-date", "id", "type"]), expected, "{wrong}");
        };
        check("statsu", Some("status"));
        check("Status", Some("status"));
        check("onset_date", Some("onset-date"));
        check("onsetdat", Some("onset-date"));
        check("subjct", Some("subject"));
        check("tipe", Some("type"));
        check("performer", None);
        check("", None);
        assert_eq!(nearest("a", []), None);
    }

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expected: usize| assert_eq!(distance(&bare(a), &bare(b)), expected);
        check("", "abc", 3);
        check("abc", "acb", 1);
        check("kitten", "sitting", 3);
    }
}
