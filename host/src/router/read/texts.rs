//! Whether a service compares texts without case and accents, as R4 has it (3.1.1.4.8): one that does not would hide rows
//! whose text is spelled otherwise than the one that is asked for. Tried once, before the first text is asked of a parameter,
//! on resources that the service itself finds; a parameter that fails is not asked, and what it was for is done here.
//!
//! And whether the long `ſ` is an `s` to it, so that texts are asked for in fewer spellings from then on.

use std::borrow::Cow;

use turntable_scan::bundle;
use unicode_normalization::UnicodeNormalization as _;

use crate::fhir::client::{Lesson, Searched};
use crate::model::table::SearchKind;
use crate::plan::search::query::{Search, verify_self_link};
use crate::router::read::pages::Searching;

/// Resources that a parameter is tried on.
const TRIED_ON: u32 = 2;
const ACUTE: char = '\u{301}';
const LONG_S: char = 'ſ';

type Params = [(String, String)];

#[derive(Default)]
struct Found {
    ids: Vec<String>,
    /// By what the answer says, all was applied that was asked.
    is_applied: bool,
}

impl Searching<'_> {
    /// The parameters without those for texts that the service compares more narrowly than R4 has it.
    pub(super) async fn without_narrow<'p>(&self, search: &Search, params: &'p Params) -> Cow<'p, Params> {
        let mut narrow = Vec::new();
        for (at, (name, value)) in params.iter().enumerate().skip(search.fixed) {
            if let Some(base) = self.text_parameter(search, name)
                && let Some(letter) = value.chars().find(char::is_ascii_alphabetic)
            {
                if self.is_narrow(search, base, letter).await {
                    narrow.push(at);
                } else if value.contains(LONG_S) {
                    self.learn_of_long_s(search, base).await;
                }
            }
        }
        if narrow.is_empty() {
            return Cow::Borrowed(params);
        }
        let kept = params.iter().enumerate().filter(|(at, _)| !narrow.contains(at));
        Cow::Owned(kept.map(|(_, param)| param.clone()).collect())
    }

    /// The name without a modifier, if it is one of a text that is compared so.
    fn text_parameter<'n>(&self, search: &Search, name: &'n str) -> Option<&'n str> {
        let (base, modifier) = name.split_once(':').unwrap_or((name, ""));
        let source = self.table.table.sources.iter().find(|source| source.resource_type == search.resource_type)?;
        let is_text = source.search.iter().any(|one| one.param == base && one.kind == SearchKind::String);
        (is_text && matches!(modifier, "" | "contains")).then_some(base)
    }

    /// What cannot be tried is believed, and tried again the next time.
    async fn is_narrow(&self, search: &Search, param: &str, letter: char) -> bool {
        let resource_type = &search.resource_type;
        let known = |lesson| self.client.learned(resource_type, lesson).is_some();
        if known(Lesson::Wide(param.to_owned())) {
            return false;
        }
        if known(Lesson::Narrow(param.to_owned())) {
            return true;
        }
        let found = self.tried(search, param, letter).await;
        match found {
            Some(true) => self.client.learn(resource_type, Lesson::Wide(param.to_owned()), 0),
            Some(false) => self.client.learn(resource_type, Lesson::Narrow(param.to_owned()), 0),
            None => {}
        }
        found == Some(false)
    }

    /// What does not come to light is taken for no: all spellings are asked for.
    async fn learn_of_long_s(&self, search: &Search, param: &str) {
        let resource_type = &search.resource_type;
        let known = |lesson| self.client.learned(resource_type, lesson).is_some();
        if known(Lesson::LongS(param.to_owned())) || known(Lesson::NoLongS(param.to_owned())) {
            return;
        }
        let found = self.found(search, param, "s".to_owned(), None).await.unwrap_or_default().ids;
        let mut is_s = !found.is_empty();
        for id in &found {
            let again = self.found(search, param, LONG_S.to_string(), Some(id)).await;
            // A service that ignores the parameter finds it anyhow.
            is_s &= again.is_some_and(|again| again.is_applied && again.ids.contains(id));
        }
        let lesson = if is_s { Lesson::LongS(param.to_owned()) } else { Lesson::NoLongS(param.to_owned()) };
        self.client.learn(resource_type, lesson, 0);
    }

    /// Whether resources whose text begins with a letter are found by the same letter with an accent too. None: there are
    /// none, or the service does not answer.
    async fn tried(&self, search: &Search, param: &str, letter: char) -> Option<bool> {
        let letters = || ('A'..='Z').chain('a'..='z').filter_map(|letter| Some((letter, accented(letter)?)));
        let all = |pick: fn((char, char)) -> char| letters().map(pick).map(String::from).collect::<Vec<_>>().join(",");
        // One of them all, or, where a service takes one value alone, the one that is asked for.
        let every = (all(|(plain, _)| plain), all(|(_, accented)| accented));
        let one = accented(letter).map(|accented| (letter.to_string(), accented.to_string()));
        for (plain, accented) in [Some(every), one].into_iter().flatten() {
            let found = self.found(search, param, plain, None).await.unwrap_or_default().ids;
            for id in &found {
                if !self.found(search, param, accented.clone(), Some(id)).await?.ids.contains(id) {
                    return Some(false);
                }
            }
            if !found.is_empty() {
                return Some(true);
            }
        }
        None
    }

    /// Some resources that one of the letters finds, or the one that is named.
    async fn found(&self, search: &Search, param: &str, letters: String, id: Option<&str>) -> Option<Found> {
        let fixed = search.params.get(..search.fixed).unwrap_or_default();
        let id = id.map(|id| ("_id".to_owned(), id.to_owned()));
        let asked: Vec<_> = fixed.iter().cloned().chain(id).chain([(param.to_owned(), letters)]).collect();
        let (client, deadline) = (self.client, self.session.deadline());
        match client.search(&search.resource_type, &asked, Some(TRIED_ON), deadline).await {
            Ok(Searched::Page(page)) if !page.downgraded => {
                let asked = Search { params: asked, fixed: 0, ..search.clone() };
                let found = move || {
                    let bundle = bundle::split(&page.body).ok()?;
                    let resources = bundle.entries.iter().filter_map(|entry| entry.resource.as_ref());
                    let found = resources.filter(|resource| resource.resource_type == asked.resource_type);
                    let ids = found.filter_map(|resource| resource.id.as_deref().map(str::to_owned)).collect();
                    let lost = verify_self_link(&asked, bundle.link("self").unwrap_or_default());
                    Some(Found { ids, is_applied: lost.filters.is_empty() })
                };
                self.session.work(&self.table.table, found).await.ok().flatten()
            }
            _ => None,
        }
    }
}

/// The letter with an accent, if there is such a letter.
fn accented(letter: char) -> Option<char> {
    let mut composed = [letter, ACUTE].into_iter().nfc();
    composed.next().filter(|_| composed.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_with_accents() {
        assert_eq!(["a", "M", "s"].map(|l| l.chars().next().and_then(accented)), [Some('á'), Some('Ḿ'), Some('ś')]);
        assert_eq!((accented('q'), accented('T')), (None, None));
    }
}
