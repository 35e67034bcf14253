//! Faults that the sandbox commits on request, so that a client can be shown a service that
//! misbehaves. They can be switched while the service runs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which faults are on.
///
/// Read from text such as `latency=200ms,status=503:3x:@/Observation,cut:25%`:
///
/// ```text
/// faults = rule *("," rule)
/// rule   = fault *(":" limit)
/// limit  = N "%"       ; the share of the requests it could hit
///        / N "x"       ; only the next N of them
///        / "@" TEXT    ; only when path and query, as sent, contain TEXT: the rest of the rule, without a comma
/// fault  = "latency=" N ("ms" / "s")
///        / "status=" ("500" / "503" / "429" / any 4xx or 5xx)  ; 429 and 503 carry Retry-After
///        / "cut"                    ; the connection ends in the middle of the body
///        / "malformed"              ; the status is kept, the JSON is cut short
///        / "html"                   ; 200 with text/html
///        / "ignore-params"          ; search criteria are dropped, `self` admits it
///        / "ignore-params=claimed"  ; ... and `self` still lists them
///        / "ignore-sort"            ; `_sort` is claimed and not done
///        / "nulls-first"            ; `_sort` gives what has no value first
///        / "sort-turns"             ; from the second page on, what is sorted comes backwards
///        / "tiny-pages"             ; a page has seven matches, whatever `_count` says
///        / "wrong-total"            ; Bundle.total is one too many
///        / "foreign-next"           ; the next link leads to another origin
///        / "duplicate-pages"        ; a later page repeats the last row of the page before
///        / "coarse-numbers"         ; `gt70` starts at 70.5: the other reading of R4 3.1.1.4.5
///        / "narrow-texts"            ; texts are compared with case and accents
///        / "capital-texts"           ; texts are compared in capitals: `ſtein` is `STEIN`, `Maße` is `MASSE`
///        / "drop-version"           ; no ETag and no meta.versionId
///        / "absolute-references"    ; references come back as absolute URLs
///        / "no-update-create"       ; PUT of an unknown id is a 405
///        / "no-next"                 ; there is never a next link
///        / "same-next"               ; the next link leads back to the page it stands on
///        / "two-nexts"               ; the third page is the first again
///        / "empty-next"              ; the next link is empty
///        / "relative-next"           ; the next link is a query only
///        / "public-next"             ; the next link begins with `https://fhir.example`, as behind a proxy
///        / "expired-next"            ; a next link that is followed is a 410
///        / "bare-entry"              ; the last entry of a page has no resource
///        / "double-entry"            ; every entry of a page comes twice
///        / "two-entries"             ; the Bundle has two members `entry`
///        / "other-type"              ; the last match is of another type
///        / "capital-modes"           ; `search.mode` is `MATCH`
///        / "error-outcome"           ; an OperationOutcome of severity error is beside the rows
///        / "subsetted"               ; resources are of id and meta only, tagged SUBSETTED
///        / "empty-page"              ; a page has a total and no entries
///        / "page-total"              ; Bundle.total is that of the page
///        / "outcome-total"           ; three outcomes are in every page, and in Bundle.total
///        / "no-total"                ; there is no Bundle.total, and `self` has no parameters
///        / "small-pages"             ; a `_count` above 100 is a 400
///        / "overlap"                 ; a later page repeats the last two rows of the page before
///        / "few-types"               ; patients, encounters and observations are all that there is
///        / "other-version"           ; it says to speak FHIR 5.0.0
///        / "gzip"                    ; the body is compressed, whoever asks
///        / "deflate"                 ; likewise, in a zlib envelope
///        / "ignore-chains"           ; chained parameters and `_has` are dropped, `self` admits it
///        / "refuse-chains"           ; they are a 400
///        / "lost-chains"             ; they are claimed, and find nothing
///        / "narrow-not"              ; `:not` leaves out what has no value
///        / "ignore-elements"         ; `_elements` is claimed, and resources are whole
///        / "greedy-elements"         ; `_elements` leaves out the last of its elements, too
///        / "bom"                     ; a byte order mark is before the JSON
///        / "stale-write"             ; a write is not made, and answered as made, with what was there before
///        / "accepted-write"          ; a write is not made, and answered with 202
///        / "failed-write"            ; a write is not made, and answered with 200 and an OperationOutcome of severity error
///        / "late-answer"             ; an update is made, and answered with what was there before
///        / "other-write"             ; an update is made with other letter case in its strings, and answered so
///        / "ignore-none-match"       ; `If-None-Match` of a write is not looked at
///        / "half-transaction"        ; the last half of a transaction of several entries is not made, and answered as made
///        / "no-transaction"          ; it says that it takes no transactions, and takes none
///        / "offset-pages"            ; a next link is a place in what is found when it is followed, not when the search was made
///        / "no-history"              ; it says that it has no history of a type, and has none
///        / "late-history=" N ("ms" / "s") ; a version is in the history of its type, and in no search, so long after its time only
///        / "turned-history"          ; a history begins with its oldest versions
///        / "short-history"           ; a history ends after two entries, whatever its total says
///        / "bare-history"            ; a deletion has no request
///        / "timeless-history"        ; a deletion has no time
///        / "other-bundle"            ; a history is of type searchset
///        / "refuse-writes=" STATUS  ; writes fail with an OperationOutcome that names elements
/// ```
///
/// No faults is the empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub rules: Vec<Rule>,
}

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub fault: Fault,
    pub percent: Option<u8>,
    pub times: Option<u32>,
    pub path: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Latency(Duration),
    Status(u16),
    Cut,
    Malformed,
    Html,
    IgnoreParams { claimed: bool },
    IgnoreSort,
    NullsFirst,
    SortTurns,
    TinyPages,
    WrongTotal,
    ForeignNext,
    DuplicatePages,
    CoarseNumbers,
    NarrowTexts,
    CapitalTexts,
    DropVersion,
    AbsoluteReferences,
    NoUpdateCreate,
    NoNext,
    SameNext,
    CircleNext,
    EmptyNext,
    RelativeNext,
    PublicNext,
    ExpiredNext,
    BareEntry,
    DoubleEntry,
    TwoEntries,
    OtherType,
    CapitalModes,
    ErrorOutcome,
    Subsetted,
    EmptyPage,
    PageTotal,
    OutcomeTotal,
    NoTotal,
    SmallPages,
    Overlap,
    FewTypes,
    OtherVersion,
    Gzip,
    Deflate,
    ByteOrderMark,
    IgnoreChains,
    RefuseChains,
    LostChains,
    NarrowNot,
    IgnoreElements,
    GreedyElements,
    StaleWrite,
    AcceptedWrite,
    FailedWrite,
    LateAnswer,
    OtherWrite,
    IgnoreNoneMatch,
    HalfTransaction,
    NoTransaction,
    OffsetPages,
    NoHistory,
    LateHistory(Duration),
    TurnedHistory,
    ShortHistory,
    BareHistory,
    TimelessHistory,
    OtherBundle,
    RefuseWrites(u16),
}

/// A `--faults` text that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFaults(String);

impl fmt::Display for BadFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadFaults {}

impl FromStr for Faults {
    type Err = BadFaults;

    fn from_str(text: &str) -> Result<Self, BadFaults> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        Ok(Self { rules: rules.map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl FromStr for Rule {
    type Err = BadFaults;

    fn from_str(text: &str) -> Result<Self, BadFaults> {
        let (mut head, path) = match text.split_once(":@") {
            Some((head, path)) => (head, Some(path.to_owned())),
            None => (text, None),
        };
        let (mut percent, mut times) = (None, None);
        while let Some((rest, limit)) = head.rsplit_once(':') {
            let bad = || BadFaults(format!("fault `{text}`: `{limit}` is no limit; use N%, Nx or @TEXT"));
            if let Some(number) = limit.strip_suffix('%') {
                percent = Some(number.parse().ok().filter(|percent| *percent <= 100).ok_or_else(bad)?);
            } else {
                times = Some(limit.strip_suffix('x').and_then(|number| number.parse().ok()).ok_or_else(bad)?);
            }
            head = rest;
        }
        Ok(Self { fault: head.parse()?, percent, times, path })
    }
}

impl FromStr for Fault {
    type Err = BadFaults;

    fn from_str(text: &str) -> Result<Self, BadFaults> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let bad = |expected: &str| BadFaults(format!("fault `{text}`: {expected}"));
        let plain = |fault| value.is_none().then_some(fault).ok_or_else(|| bad("takes no value"));
        let status = || {
            let status = value.and_then(|value| value.parse().ok()).filter(|status| (400..600).contains(status));
            status.ok_or_else(|| bad("needs a status from 400 to 599"))
        };
        match name {
            "latency" => {
                value.and_then(duration).map(Fault::Latency).ok_or_else(|| bad("needs a time like 500ms or 2s"))
            }
            "late-history" => {
                value.and_then(duration).map(Fault::LateHistory).ok_or_else(|| bad("needs a time like 500ms or 2s"))
            }
            "status" => status().map(Fault::Status),
            "refuse-writes" => status().map(Fault::RefuseWrites),
            "ignore-params" => match value {
                None => Ok(Fault::IgnoreParams { claimed: false }),
                Some("claimed") => Ok(Fault::IgnoreParams { claimed: true }),
                Some(_) => Err(bad("takes `claimed` or no value")),
            },
            _ => match PLAIN.iter().find(|(plain, _)| *plain == name) {
                Some((_, fault)) => plain(*fault),
                None => Err(bad("there is no such fault; see `Faults` for the list")),
            },
        }
    }
}

/// The faults without a value.
const PLAIN: [(&str, Fault); 62] = [
    ("cut", Fault::Cut),
    ("malformed", Fault::Malformed),
    ("html", Fault::Html),
    ("ignore-sort", Fault::IgnoreSort),
    ("nulls-first", Fault::NullsFirst),
    ("sort-turns", Fault::SortTurns),
    ("tiny-pages", Fault::TinyPages),
    ("wrong-total", Fault::WrongTotal),
    ("foreign-next", Fault::ForeignNext),
    ("duplicate-pages", Fault::DuplicatePages),
    ("coarse-numbers", Fault::CoarseNumbers),
    ("narrow-texts", Fault::NarrowTexts),
    ("capital-texts", Fault::CapitalTexts),
    ("drop-version", Fault::DropVersion),
    ("absolute-references", Fault::AbsoluteReferences),
    ("no-update-create", Fault::NoUpdateCreate),
    ("no-next", Fault::NoNext),
    ("same-next", Fault::SameNext),
    ("two-nexts", Fault::CircleNext),
    ("empty-next", Fault::EmptyNext),
    ("relative-next", Fault::RelativeNext),
    ("public-next", Fault::PublicNext),
    ("expired-next", Fault::ExpiredNext),
    ("bare-entry", Fault::BareEntry),
    ("double-entry", Fault::DoubleEntry),
    ("two-entries", Fault::TwoEntries),
    ("other-type", Fault::OtherType),
    ("capital-modes", Fault::CapitalModes),
    ("error-outcome", Fault::ErrorOutcome),
    ("subsetted", Fault::Subsetted),
    ("empty-page", Fault::EmptyPage),
    ("page-total", Fault::PageTotal),
    ("outcome-total", Fault::OutcomeTotal),
    ("no-total", Fault::NoTotal),
    ("small-pages", Fault::SmallPages),
    ("overlap", Fault::Overlap),
    ("few-types", Fault::FewTypes),
    ("other-version", Fault::OtherVersion),
    ("gzip", Fault::Gzip),
    ("deflate", Fault::Deflate),
    ("bom", Fault::ByteOrderMark),
    ("ignore-chains", Fault::IgnoreChains),
    ("refuse-chains", Fault::RefuseChains),
    ("lost-chains", Fault::LostChains),
    ("narrow-not", Fault::NarrowNot),
    ("ignore-elements", Fault::IgnoreElements),
    ("greedy-elements", Fault::GreedyElements),
    ("stale-write", Fault::StaleWrite),
    ("accepted-write", Fault::AcceptedWrite),
    ("failed-write", Fault::FailedWrite),
    ("late-answer", Fault::LateAnswer),
    ("other-write", Fault::OtherWrite),
    ("ignore-none-match", Fault::IgnoreNoneMatch),
    ("half-transaction", Fault::HalfTransaction),
    ("no-transaction", Fault::NoTransaction),
    ("offset-pages", Fault::OffsetPages),
    ("no-history", Fault::NoHistory),
    ("turned-history", Fault::TurnedHistory),
    ("short-history", Fault::ShortHistory),
    ("bare-history", Fault::BareHistory),
    ("timeless-history", Fault::TimelessHistory),
    ("other-bundle", Fault::OtherBundle),
];

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => number.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in self.rules.iter().enumerate() {
            write!(f, "{}{rule}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        if let Some(percent) = self.percent {
            write!(f, ":{percent}%")?;
        }
        if let Some(times) = self.times {
            write!(f, ":{times}x")?;
        }
        self.path.as_ref().map_or(Ok(()), |path| write!(f, ":@{path}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Latency(time) => write!(f, "latency={}ms", time.as_millis()),
            Fault::LateHistory(time) => write!(f, "late-history={}ms", time.as_millis()),
            Fault::Status(status) => write!(f, "status={status}"),
            Fault::RefuseWrites(status) => write!(f, "refuse-writes={status}"),
            Fault::IgnoreParams { claimed: false } => f.write_str("ignore-params"),
            Fault::IgnoreParams { claimed: true } => f.write_str("ignore-params=claimed"),
            plain => match PLAIN.iter().find(|(_, fault)| fault == plain) {
                Some((name, _)) => f.write_str(name),
                None => Ok(()),
            },
        }
    }
}

/// What a request does, as far as faults care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concern {
    Search,
    Write,
    Other,
}

/// The faults that hit one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Active(Vec<Fault>);

impl Active {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.0.iter().find_map(|fault| if let Fault::Latency(time) = fault { Some(*time) } else { None })
    }

    /// How long versions stay out of sight.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.0.iter().find_map(|fault| if let Fault::LateHistory(time) = fault { Some(*time) } else { None })
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.0.iter().find_map(|fault| if let Fault::Status(status) = fault { Some(*status) } else { None })
    }

    pub(crate) fn refused_write(&self) -> Option<u16> {
        self.0.iter().find_map(|fault| if let Fault::RefuseWrites(status) = fault { Some(*status) } else { None })
    }
}

/// The faults of a running sandbox, with what is left of their limits.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    faults: Faults,
    left: Vec<Option<u32>>,
    dice: u64,
}

impl Switchboard {
    pub(crate) fn new(faults: Faults) -> Self {
        // A fixed seed: the same requests in the same order meet the same faults.
        Self { left: faults.rules.iter().map(|rule| rule.times).collect(), faults, dice: 0x9E37_79B9_7F4A_7C15 }
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Decides which faults hit a request, and counts them.
    pub(crate) fn strike(&mut self, path: &str, concern: Concern) -> Active {
        let mut active = Vec::new();
        for (rule, left) in self.faults.rules.iter().zip(&mut self.left) {
            let here = rule.path.as_ref().is_none_or(|text| path.contains(text.as_str()));
            if !here || *left == Some(0) || !concerns(rule.fault, concern) {
                continue;
            }
            if rule.percent.is_some_and(|percent| roll(&mut self.dice) >= u64::from(percent)) {
                continue;
            }
            *left = left.map(|left| left - 1);
            active.push(rule.fault);
        }
        Active(active)
    }
}

fn concerns(fault: Fault, concern: Concern) -> bool {
    match fault {
        Fault::IgnoreParams { .. } | Fault::IgnoreSort | Fault::WrongTotal | Fault::ForeignNext => {
            concern == Concern::Search
        }
        Fault::DuplicatePages | Fault::CoarseNumbers | Fault::NarrowTexts | Fault::CapitalTexts => {
            concern == Concern::Search
        }
        Fault::NullsFirst | Fault::SortTurns | Fault::TinyPages => concern == Concern::Search,
        Fault::NoUpdateCreate | Fault::RefuseWrites(_) => concern == Concern::Write,
        Fault::StaleWrite | Fault::AcceptedWrite | Fault::FailedWrite | Fault::LateAnswer => concern == Concern::Write,
        Fault::OtherWrite | Fault::IgnoreNoneMatch | Fault::HalfTransaction => concern == Concern::Write,
        Fault::NoTransaction | Fault::NoHistory => true,
        Fault::Latency(_) | Fault::Status(_) | Fault::Cut | Fault::Malformed | Fault::Html => true,
        Fault::DropVersion
        | Fault::AbsoluteReferences
        | Fault::FewTypes
        | Fault::OtherVersion
        | Fault::Gzip
        | Fault::Deflate
        | Fault::ByteOrderMark => true,
        _ => concern == Concern::Search,
    }
}

/// A number from 0 to 99 (xorshift).
fn roll(dice: &mut u64) -> u64 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    *dice % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_and_print() {
        for spec in [
            "",
            "latency=500ms",
            "status=429:25%:3x:@/Observation?code=a:b",
            "cut,malformed,html,ignore-params,ignore-params=claimed,ignore-sort,wrong-total,foreign-next",
            "no-next,same-next,two-nexts,empty-next,gzip,bom",
            "nulls-first,sort-turns,tiny-pages",
            "half-transaction,no-transaction",
            "ignore-chains,refuse-chains,lost-chains,narrow-not",
            "ignore-elements,greedy-elements",
            "offset-pages,no-history,late-history=50ms,turned-history,short-history,bare-history,timeless-history,other-bundle",
            "drop-version,no-update-create,refuse-writes=422,duplicate-pages,absolute-references,coarse-numbers:1x",
        ] {
            assert_eq!(spec.parse::<Faults>().unwrap().to_string(), spec);
        }
    }

    #[test]
    fn bad_specs_say_what_is_wrong() {
        let check = |spec: &str, expected: &str| {
            let error = spec.parse::<Faults>().unwrap_err().to_string();
            assert!(error.contains(expected), "{spec}: {error}");
        };
        check("lateny=5ms", "no such fault");
        check("latency=5", "500ms");
        check("status=200", "400 to 599");
        check("cut=1", "takes no value");
        check("cut:often", "`often` is no limit");
        check("cut:101%", "`101%` is no limit");
        check("ignore-params=all", "`claimed`");
    }

    #[test]
    fn limits_hold() {
        let mut board = Switchboard::new("cut:2x:@/Patient,html:30%,refuse-writes=422:1x".parse().unwrap());
        let hit = |board: &mut Switchboard, path| board.strike(path, Concern::Search).has(Fault::Cut);
        assert!(!hit(&mut board, "/Observation"));
        assert!(hit(&mut board, "/Patient/1"));
        assert!(hit(&mut board, "/Patient/1"));
        assert!(!hit(&mut board, "/Patient/1"));
        let share = (0..1000).filter(|_| board.strike("/x", Concern::Other).has(Fault::Html)).count();
        assert!((250..350).contains(&share), "{share}");
        assert_eq!(board.strike("/x", Concern::Write).refused_write(), Some(422), "searches did not use it up");
    }
}
