//! The right name that somebody probably meant.

use strsim::osa_distance;

/// "did you mean …?", if one of the names is near enough to be that.
pub(crate) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = names.into_iter().map(|name| (osa_distance(&wrong.to_lowercase(), &name.to_lowercase()), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    let limit = 1 + wrong.chars().count().max(name.chars().count()) / 4;
    (distance <= limit).then(|| format!("did you mean {name}?"))
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
