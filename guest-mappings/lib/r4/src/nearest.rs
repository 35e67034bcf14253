//! The nearest of several names: what somebody meant who wrote another.

use strsim::osa_distance;

/// The candidate nearest to `wrong`, letter case and `-`, `_` aside; None if none is near. Of two, the first.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = bare(wrong);
    // One mistake in a short name, up to a third of the letters in a longer one.
    let allowed = (wrong.chars().count() / 3).max(1);
    let distances = candidates.into_iter().map(|candidate| (osa_distance(&wrong, &bare(candidate)), candidate));
    let (distance, found) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= allowed).then_some(found)
}

fn bare(name: &str) -> String {
    name.chars().filter(|letter| !matches!(letter, '-' | '_')).map(|letter| letter.to_ascii_lowercase()).collect()
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
}
