//! One condition on one source as FHIR search parameters. What is pushed is a superset of the rows by construction:
//! bounds are widened, text is cut to what services compare alike, and nothing inexact is ever negated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::SignedDuration;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::normal::disjuncts;
use super::parameter::{self, Bounds};
use super::spelling::{self, Most, Plain, Reach};
use crate::model::key::{self, Decoded};
use crate::model::query::{Compare, Expr, Filter, Function, Literal, TextTest};
use crate::model::rows::Rows;
use crate::model::table::{Binding, ColumnIndex, Kind, Lookup, Rank, SearchKind, SearchOps, Source, Table, Target};
use crate::model::value::{Instant, Number};
use crate::plan::evaluate::residual::{Residual, columns_of_filter};

/// No date of less precision than a moment is longer: a leap year.
const LONGEST_PARTIAL: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Values in the comma list of one parameter; a condition with more is left to the residual.
const VALUES_PER_PARAMETER: usize = 400;

/// What a service can search, as far as its administrator, its capability statement and its answers tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSearch {
    /// The service's name. What two tables have of one service it can look at together.
    pub service: String,
    /// Declared parameters by resource type. None = it has not said; everything is tried and the `self` link checked.
    pub declared: Option<BTreeMap<String, BTreeSet<String>>>,
    /// `Type.param`: pushed though not declared, and known to compare tokens and URIs without case.
    pub force: BTreeSet<String>,
    /// `Type.param`: never pushed.
    pub never: BTreeSet<String>,
    /// `Type.param`, with its modifier: was sent, and ignored or refused. `Type.param,`: several values were.
    /// `Type._sort=value`: the service keeps another order.
    pub ignored: BTreeSet<String>,
    /// `Type.param`: takes the long `ſ` for an `s`, so that texts need not be asked for with it, too.
    pub long_s: BTreeSet<String>,
    /// Resource types of which it gives the elements that it is asked for, and has shown that it does.
    pub subsets: BTreeSet<String>,
    /// `Type.param`: `:not` finds also what has no value, and has shown that it does.
    pub negates: BTreeSet<String>,
    /// By resource type the cells that every row has alike: of columns that are read from no element.
    pub same: BTreeMap<String, BTreeMap<ColumnIndex, Option<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The service gives the rows that the condition keeps, no others.
    Exact,
    /// The service may give more; the rows are filtered again.
    Inexact,
    /// Nothing is pushed.
    Unsupported,
    /// Not known before related rows have been read.
    Related,
    /// It leaves out, here, the rows that a search before finds.
    Apart,
}

/// What one condition becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Push {
    /// Every row of the source meets it.
    Always,
    /// No row does.
    Never(&'static str),
    /// One parameter with a list of alternatives.
    Values {
        class: Class,
        param: String,
        values: Vec<String>,
        why: &'static str,
    },
    /// One parameter, repeated.
    Range {
        param: String,
        values: Vec<String>,
        why: &'static str,
    },
    No(String),
}

/// One source of a table, and everything that decides what can be asked of it.
pub(super) struct Pushdown<'a> {
    pub(super) table: &'a Table,
    pub(super) source: &'a Source,
    pub(super) server: &'a ServerSearch,
    pub(super) ids: &'a HashMap<Uuid, String>,
}

impl ServerSearch {
    /// Err = why not.
    pub(super) fn allows(&self, resource_type: &str, param: &str) -> Result<(), String> {
        let base = param.split([':', '.']).next().unwrap_or(param);
        let name = format!("{resource_type}.{base}");
        if self.never.contains(&name) {
            return Err(format!("`{base}` is switched off for this service"));
        }
        if self.ignored.contains(&name) {
            return Err(format!("the service has ignored or refused `{base}` before"));
        }
        // Every R4 service has `_id`, whether it says so or not.
        if base == "_id" || self.force.contains(&name) {
            return Ok(());
        }
        match &self.declared {
            Some(declared) if !declared.get(resource_type).is_some_and(|known| known.contains(base)) => {
                Err(format!("the service does not declare `{base}`"))
            }
            _ => Ok(()),
        }
    }

    /// What the service has not refused of a condition.
    pub(super) fn not_refused(&self, resource_type: &str, push: Push) -> Push {
        let (param, several) = match &push {
            Push::Values { param, values, .. } => (param, values.len() > 1),
            Push::Range { param, .. } => (param, false),
            _ => return push,
        };
        let refused = |name: String| self.ignored.contains(&format!("{resource_type}.{name}"));
        match refused(param.clone()) || (several && refused(format!("{param},"))) {
            true => Push::No(format!("the service has refused `{param}` as it would be asked")),
            false => push,
        }
    }

    /// Spellings that a parameter is asked for of each of so many texts, at most.
    fn spellings(&self, resource_type: &str, param: &str, modifier: &str, texts: usize) -> Most {
        let takes_one = self.ignored.contains(&format!("{resource_type}.{param}{modifier},"));
        let most = if takes_one { 1 } else { (VALUES_PER_PARAMETER / texts.max(1)).clamp(1, spelling::SPELLINGS) };
        Most { spellings: most, long_s: self.long_s.contains(&format!("{resource_type}.{param}")) }
    }

    fn ignores_case(&self, resource_type: &str, param: &str) -> bool {
        self.force.contains(&format!("{resource_type}.{param}"))
    }
}

impl Pushdown<'_> {
    pub(super) fn conjunct(&self, conjunct: &Filter) -> Push {
        match self.settled(conjunct) {
            Settled::True => Push::Always,
            Settled::False => Push::Never("no row of this resource type meets it"),
            Settled::Open(rest) => self.server.not_refused(&self.source.resource_type, self.condition(&rest)),
        }
    }

    /// What is left of a condition, knowing the columns that are the same in every row of the source.
    fn settled(&self, filter: &Filter) -> Settled {
        match filter {
            Filter::And(a, b) => match (self.settled(a), self.settled(b)) {
                (Settled::False, _) | (_, Settled::False) => Settled::False,
                (Settled::True, rest) | (rest, Settled::True) => rest,
                (Settled::Open(a), Settled::Open(b)) => Settled::Open(Filter::And(Box::new(a), Box::new(b))),
            },
            Filter::Or(a, b) => match (self.settled(a), self.settled(b)) {
                (Settled::True, _) | (_, Settled::True) => Settled::True,
                (Settled::False, rest) | (rest, Settled::False) => rest,
                (Settled::Open(a), Settled::Open(b)) => Settled::Open(Filter::Or(Box::new(a), Box::new(b))),
            },
            leaf => match self.evaluated(leaf) {
                Some(true) => Settled::True,
                Some(false) => Settled::False,
                None => Settled::Open(leaf.clone()),
            },
        }
    }

    /// Whether every row keeps it, or none, as far as it reads only what is known; by the evaluator itself.
    fn evaluated(&self, leaf: &Filter) -> Option<bool> {
        let mut read = BTreeSet::new();
        columns_of_filter(leaf, &mut read);
        let same = self.server.same.get(&self.source.resource_type);
        let cell = |column: &ColumnIndex| match &self.source.discriminator {
            Some((own, cell)) if own == column => Some(Some(cell.as_str())),
            _ => same?.get(column).map(Option::as_deref),
        };
        let cells: Vec<Option<&str>> = read.iter().map(cell).collect::<Option<_>>()?;
        let mut rows = Rows::new(read.into_iter().collect());
        rows.push(cells);
        Residual::new(leaf, self.table).and_then(|residual| residual.keeps(&rows, 0)).ok()
    }

    /// In negation normal form, where null keeps a row as little as false does.
    fn condition(&self, filter: &Filter) -> Push {
        match filter {
            Filter::And(a, b) => self.either(a, b),
            Filter::Or(..) => self.alternatives(filter),
            Filter::Compare(op, Expr::Literal(literal), of) if !matches!(of, Expr::Literal(_)) => {
                self.compare(op.turned(), of, literal)
            }
            Filter::Compare(op, of, Expr::Literal(literal)) => self.compare(*op, of, literal),
            Filter::In(_, list) if list.is_empty() => Push::Never(OUTSIDE),
            Filter::In(Expr::Column(column), list) => self.equals(*column, list, list.len() > 1),
            Filter::In(Expr::Leading(column, entity_set), list) => self.leading(*column, entity_set, list),
            Filter::Text(test, Expr::Column(column), Expr::Literal(Literal::Text(part))) => {
                self.text(*test, *column, part)
            }
            Filter::Is(Expr::Column(column)) => self.compare_column(Compare::Eq, *column, &Literal::Bool(true)),
            Filter::Not(inner) => match &**inner {
                Filter::Is(Expr::Column(column)) => self.compare_column(Compare::Eq, *column, &Literal::Bool(false)),
                _ => Push::No("the negation of a superset would lose rows".into()),
            },
            _ => Push::No("FHIR search has nothing like it".into()),
        }
    }

    /// Inside an `or`: one of two that must both hold is a superset of them.
    fn either(&self, a: &Filter, b: &Filter) -> Push {
        let (a, b) = (self.condition(a), self.condition(b));
        if matches!(a, Push::Never(_)) || matches!(b, Push::Always) {
            return a;
        }
        if matches!(b, Push::Never(_)) || matches!(a, Push::Always) {
            return b;
        }
        let picked = if matches!(a, Push::Values { .. }) || matches!(b, Push::No(_)) { a } else { b };
        match picked {
            Push::Values { param, values, .. } => Push::Values { class: Class::Inexact, param, values, why: SUPERSET },
            other => other,
        }
    }

    /// A comma list where all alternatives ask the same parameter for single values.
    fn alternatives(&self, filter: &Filter) -> Push {
        let mut parts = Vec::new();
        disjuncts(filter, &mut parts);
        if let Some((column, list)) = one_column(&parts) {
            return self.equals(column, &list, true);
        }
        let (mut all, mut worst, mut name) = (Vec::new(), Class::Exact, None);
        for part in parts {
            match self.condition(part) {
                Push::Always => return Push::Always,
                Push::Never(_) => {}
                Push::Values { class, param, values, .. } if name.as_ref().is_none_or(|name| *name == param) => {
                    worst = worst.max(class);
                    all.extend(values);
                    name = Some(param);
                }
                Push::No(why) => return Push::No(why),
                _ => return Push::No("its alternatives need several searches".into()),
            }
        }
        match name {
            // A list there is none of them, or one where only one can be.
            Some(param) if (param.ends_with(":missing") || param.ends_with(NOT)) && all.len() > 1 => {
                Push::No("its alternatives need several searches".into())
            }
            Some(param) => listed(worst, param, all, if worst == Class::Exact { LIST } else { SUPERSET }),
            None => Push::Never(OUTSIDE),
        }
    }

    fn compare(&self, op: Compare, of: &Expr, literal: &Literal) -> Push {
        match of {
            Expr::Column(column) => self.compare_column(op, *column, literal),
            Expr::Call(function, arguments) => match (function, arguments.as_slice(), literal) {
                (Function::ToLower, [Expr::Column(column)], Literal::Text(_)) if op == Compare::Eq => {
                    self.best(*column, |b| match b.kind {
                        SearchKind::String => self.equals_by(b, std::slice::from_ref(literal), false),
                        _ => Push::No("only a `string` parameter compares without case".into()),
                    })
                }
                (Function::Year, [Expr::Column(column)], Literal::Number(year)) => {
                    self.whole_days(op, *column, year_days(year))
                }
                (Function::Date, [Expr::Column(column)], Literal::Date(day)) => {
                    self.whole_days(op, *column, Some((*day, *day)))
                }
                _ => Push::No("FHIR search has no functions".into()),
            },
            _ => Push::No("FHIR search has no arithmetic".into()),
        }
    }

    fn compare_column(&self, op: Compare, column: ColumnIndex, literal: &Literal) -> Push {
        match (op, literal) {
            (Compare::Eq | Compare::Ne, Literal::Null) => self.missing(column, op == Compare::Eq),
            (_, Literal::Null) => Push::Never("nothing compares with null"),
            (Compare::Eq, _) => self.equals(column, std::slice::from_ref(literal), false),
            (Compare::Ne, _) => self.differs(column, literal),
            _ => self.best(column, |b| self.range(b, op, std::slice::from_ref(literal))),
        }
    }

    /// `:not` finds what the search for the value does not. So that one must find just the rows that have it; and of `:not` it must be
    /// known that it gives those without a value.
    fn differs(&self, column: ColumnIndex, literal: &Literal) -> Push {
        self.best(column, |b| {
            if b.kind != SearchKind::Token {
                return Push::No(format!("`{}` cannot be asked for what differs", b.param));
            }
            if !self.server.negates.contains(&format!("{}.{}", self.source.resource_type, b.param)) {
                return Push::No("services differ in whether `:not` gives rows without a value".into());
            }
            match self.equals_by(b, std::slice::from_ref(literal), false) {
                Push::Values { class: Class::Exact, param, values, .. } if values.len() == 1 => {
                    Push::Values { class: Class::Inexact, param: format!("{param}{NOT}"), values, why: DIFFERS }
                }
                _ => Push::No(format!("a search by `{}` may find other rows than those of the value", b.param)),
            }
        })
    }

    /// The column is one of these values.
    pub(super) fn equals(&self, column: ColumnIndex, list: &[Literal], several: bool) -> Push {
        if list.contains(&Literal::Null) {
            return Push::No("null among the values needs a search of its own".into());
        }
        if column == self.table.key {
            return self.own_key(list);
        }
        if let Some(parent) = self.table.parent.as_ref().filter(|parent| parent.column == column) {
            // Of the parent's keys, which depend on what types its table shows.
            let rank = match &self.table.columns[parent.column].kind {
                Kind::Lookup(lookup) => lookup.rank(&self.source.resource_type),
                _ => Rank::Only,
            };
            return self.by_id(list, rank, Class::Exact, LIST);
        }
        self.best(column, |b| self.equals_by(b, list, several))
    }

    /// A child's key begins with its resource's id, which other rows share.
    fn own_key(&self, list: &[Literal]) -> Push {
        let rank = self.table.rank(&self.source.resource_type);
        if self.table.one_row_per_resource && self.table.parent.is_none() {
            self.by_id(list, rank, Class::Exact, "the key is the resource's id")
        } else {
            self.by_id(list, rank, Class::Inexact, "the resource may give other rows, too")
        }
    }

    fn by_id(&self, list: &[Literal], rank: Rank, class: Class, why: &'static str) -> Push {
        if let Err(why) = self.server.allows(&self.source.resource_type, "_id") {
            return Push::No(why);
        }
        if list.iter().any(|literal| guid(literal).is_none()) {
            return Push::No("the key is compared with something else".into());
        }
        let own_type = &self.source.resource_type;
        let ids: Vec<String> = list.iter().filter_map(guid).filter_map(|guid| self.id(guid, own_type, rank)).collect();
        let class = if ids.iter().any(|id| id.contains('/')) { Class::Inexact } else { class };
        let values = ids.iter().filter_map(|id| id.split('/').next()).map(str::to_owned).collect();
        listed(class, "_id".into(), values, why)
    }

    fn equals_by(&self, binding: &Binding, list: &[Literal], several: bool) -> Push {
        let class = match self.class(binding, if several { |ops| ops.any_of } else { |ops| ops.eq }) {
            Ok(class) => class,
            Err(why) => return Push::No(why),
        };
        let kind = &self.table.columns[binding.column].kind;
        match (binding.kind, kind) {
            (SearchKind::Date | SearchKind::Number | SearchKind::Quantity, _) => {
                self.range_of(binding, Compare::Eq, list)
            }
            (SearchKind::Token, Kind::Choice(choice)) => {
                let wanted: Vec<i64> = list.iter().filter_map(integer).collect();
                if wanted.len() < list.len() {
                    return Push::No("a choice is compared with something else than its integer".into());
                }
                let codes = choice.options.iter().filter(|option| {
                    choice.by_code(&option.code).is_some_and(|o| wanted.contains(&i64::from(o.value)))
                });
                let tokens = codes.map(|option| match (&binding.template, &option.system) {
                    (None, Some(system)) => {
                        format!("{}|{}", parameter::escape(system), parameter::escape(&option.code))
                    }
                    _ => templated(binding, &parameter::escape(&option.code)),
                });
                listed(class, binding.param.clone(), tokens.collect(), reason(class))
            }
            (SearchKind::Token, Kind::Boolean) => {
                let values = list.iter().map(|literal| match literal {
                    Literal::Bool(value) => Some(templated(binding, &value.to_string())),
                    _ => None,
                });
                match values.collect() {
                    Some(values) => listed(class, binding.param.clone(), values, reason(class)),
                    None => Push::No("a boolean is compared with something else".into()),
                }
            }
            (SearchKind::Token | SearchKind::Uri, Kind::Text { .. } | Kind::Uri) => self.spelled(binding, class, list),
            (SearchKind::Reference, Kind::Lookup(lookup)) => {
                if list.iter().any(|literal| guid(literal).is_none()) {
                    return Push::No("a lookup is compared with something else than a key".into());
                }
                self.references(binding, class, lookup, list, |_| true)
            }
            (SearchKind::String, Kind::Text { .. } | Kind::Uri) => self.strings(binding, list, Reach::Whole),
            _ => Push::No(format!("`{}` does not search what the column shows", binding.param)),
        }
    }

    /// The lookup leads to this entity set, and there to one of these.
    pub(super) fn leading(&self, column: ColumnIndex, entity_set: &str, list: &[Literal]) -> Push {
        let Kind::Lookup(lookup) = &self.table.columns[column].kind else {
            return Push::No("only a lookup leads anywhere".into());
        };
        self.best(column, |b| match (self.class(b, |ops| ops.any_of), b.kind) {
            (Err(why), _) => Push::No(why),
            (Ok(class), SearchKind::Reference) => {
                // Where the type is no part of what is asked, others are found, too.
                let class = if b.template.is_some() { Class::Inexact } else { class };
                self.references(b, class, lookup, list, |target| target.entity_set == entity_set)
            }
            _ => Push::No(format!("`{}` does not search references", b.param)),
        })
    }

    fn references(
        &self,
        binding: &Binding,
        class: Class,
        lookup: &Lookup,
        list: &[Literal],
        to: impl Fn(&Target) -> bool,
    ) -> Push {
        let mut values = Vec::new();
        for guid in list.iter().filter_map(guid) {
            for target in lookup.targets.iter().filter(|target| to(target)) {
                let rank = lookup.rank(&target.resource_type);
                let Some(id) = self.id(guid, &target.resource_type, rank) else { continue };
                values.push(match &binding.template {
                    Some(_) => templated(binding, &id),
                    None => format!("{}/{id}", target.resource_type),
                });
            }
        }
        listed(class, binding.param.clone(), values, reason(class))
    }

    /// Text through a parameter that may compare case: in the cases that a code, an identifier or an address is written
    /// in.
    fn spelled(&self, binding: &Binding, class: Class, list: &[Literal]) -> Push {
        let ignores_case = self.server.ignores_case(&self.source.resource_type, &binding.param);
        let (mut class, mut why) = if ignores_case { (Class::Inexact, SUPERSET) } else { (class, reason(class)) };
        let mut values = Vec::new();
        for literal in list {
            match literal {
                Literal::Text(text) if parameter::one_spelling(text) && !text.is_empty() => {
                    values.push(templated(binding, &parameter::escape(text)));
                }
                Literal::Text(text) if ignores_case && !text.is_empty() && text.is_ascii() => {
                    values.push(templated(binding, &parameter::escape(text)));
                }
                Literal::Text(text) => match parameter::cases(text) {
                    Some(cases) => {
                        (class, why) = (Class::Inexact, CASES);
                        values.extend(cases.iter().map(|text| templated(binding, &parameter::escape(text))));
                    }
                    None => {
                        return Push::No(format!("`{}` compares case and accents, the table does not", binding.param));
                    }
                },
                _ => return Push::No("a text is compared with something else".into()),
            }
        }
        listed(class, binding.param.clone(), values, why)
    }

    fn strings(&self, binding: &Binding, list: &[Literal], reach: Reach) -> Push {
        let (modifier, why) = if reach == Reach::Part { (":contains", PART) } else { ("", BEGINNING) };
        let most = self.server.spellings(&self.source.resource_type, &binding.param, modifier, list.len());
        let mut values = Vec::new();
        for literal in list {
            let Literal::Text(text) = literal else {
                return Push::No("a text is compared with something else".into());
            };
            let spellings = spelling::spellings(Plain::of(text, reach), most);
            if spellings.is_empty() {
                return Push::No("the text has no part that all services compare alike".into());
            }
            values.extend(spellings.iter().map(|spelling| templated(binding, &parameter::escape(spelling))));
        }
        listed(Class::Inexact, format!("{}{modifier}", binding.param), values, why)
    }

    fn text(&self, test: TextTest, column: ColumnIndex, part: &str) -> Push {
        let literal = Literal::Text(part.to_owned());
        self.best(column, |b| {
            let (ops, reach): (Promise, _) = match test {
                TextTest::StartsWith => (|ops| ops.starts_with, Reach::Beginning),
                TextTest::Contains => (|ops| ops.contains, Reach::Part),
                TextTest::EndsWith | TextTest::Matches => {
                    return Push::No("FHIR search has nothing like it".into());
                }
            };
            match (self.class(b, ops), b.kind) {
                (Err(why), _) => Push::No(why),
                (Ok(_), SearchKind::String) => self.strings(b, std::slice::from_ref(&literal), reach),
                _ => Push::No(format!("`{}` does not search text", b.param)),
            }
        })
    }

    fn range(&self, binding: &Binding, op: Compare, list: &[Literal]) -> Push {
        let ops: Promise = match op {
            Compare::Lt => |ops| ops.lt,
            Compare::Le => |ops| ops.le,
            Compare::Gt => |ops| ops.gt,
            Compare::Ge => |ops| ops.ge,
            Compare::Eq | Compare::Ne => |ops| ops.eq,
        };
        match self.class(binding, ops) {
            Ok(_) => self.range_of(binding, op, list),
            Err(why) => Push::No(why),
        }
    }

    /// From the least to the greatest of the list. Never exact: the bounds are widened.
    fn range_of(&self, binding: &Binding, op: Compare, list: &[Literal]) -> Push {
        let kind = &self.table.columns[binding.column].kind;
        match (binding.kind, kind) {
            (SearchKind::Date, Kind::Date | Kind::DateTime | Kind::PartialDate) => {
                let bounds = united(list, |literal| parameter::moments(op, kind, binding.partial, literal));
                moment_range(binding, self.to_late_starts(binding, bounds))
            }
            (SearchKind::Number | SearchKind::Quantity, Kind::Int32 | Kind::Int64 | Kind::Decimal { .. }) => {
                number_range(binding, united(list, |literal| parameter::numbers(op, literal)))
            }
            _ => Push::No(format!("`{}` does not order what the column shows", binding.param)),
        }
    }

    /// A period that ends with a day, a month or a year may begin in the midst of it: after the first moment, which is what
    /// its end shows. Services compare with all of a period, so what begins later in that time is looked at too.
    fn to_late_starts(&self, binding: &Binding, bounds: Option<Bounds<Instant>>) -> Option<Bounds<Instant>> {
        let path = &self.table.columns[binding.column].path;
        let is_end = path.split('|').any(|path| path.trim().rsplit('.').next() == Some("end"));
        bounds.map(|bounds| match bounds.greatest {
            Some(greatest) if is_end && binding.partial => {
                Bounds { greatest: greatest.checked_add(LONGEST_PARTIAL), ..bounds }
            }
            _ => bounds,
        })
    }

    fn whole_days(
        &self,
        op: Compare,
        column: ColumnIndex,
        days: Option<(jiff::civil::Date, jiff::civil::Date)>,
    ) -> Push {
        let Some((first, last)) = days else {
            return Push::No("the year is out of range".into());
        };
        self.best(column, |b| {
            let kind = &self.table.columns[b.column].kind;
            let ordered = b.kind == SearchKind::Date && matches!(kind, Kind::Date | Kind::DateTime);
            match self.range(b, op, &[Literal::Date(first)]) {
                Push::Range { .. } if ordered => {
                    let bounds = parameter::whole_days(op, kind, b.partial, first, last);
                    moment_range(b, self.to_late_starts(b, bounds))
                }
                Push::No(why) => Push::No(why),
                _ => Push::No(format!("`{}` does not search dates", b.param)),
            }
        })
    }

    fn missing(&self, column: ColumnIndex, missing: bool) -> Push {
        if column == self.table.key {
            return if missing { Push::Never("every row has a key") } else { Push::Always };
        }
        self.best(column, |b| {
            let class = match self.class(b, |ops| ops.missing) {
                Ok(class) => class,
                Err(why) => return Push::No(why),
            };
            if !b.null_iff_absent {
                return Push::No("the column may be null where the element is there".into());
            }
            // Such a cell may hold something, and still be null to a comparison.
            let class = match &self.table.columns[column].kind {
                Kind::Lookup(_) => Class::Unsupported,
                Kind::Choice(choice) if choice.open => Class::Unsupported,
                // The element may be absent for one row, and there for the next.
                _ if !self.table.one_row_per_resource => Class::Unsupported,
                _ => class,
            };
            let class = match (class, missing) {
                (Class::Unsupported, true) => return Push::No("an element may be there and show no value".into()),
                (Class::Unsupported, false) => Class::Inexact,
                (class, _) => class,
            };
            let param = format!("{}:missing", b.param);
            Push::Values { class, param, values: vec![missing.to_string()], why: ABSENT }
        })
    }

    /// What the mapping promises. Where a resource gives several rows, a search finds it for any of them.
    fn class(&self, binding: &Binding, of: Promise) -> Result<Class, String> {
        match (of(&binding.exact), of(&binding.superset)) {
            (true, _) if self.table.one_row_per_resource => Ok(Class::Exact),
            (false, false) => Err(format!("the mapping does not promise this of `{}`", binding.param)),
            _ => Ok(Class::Inexact),
        }
    }

    /// The best that the bindings of a column make of a condition.
    fn best(&self, column: ColumnIndex, push: impl Fn(&Binding) -> Push) -> Push {
        let bindings = self.source.search.iter().filter(|b| b.column == column);
        let tried = bindings.map(|b| match self.server.allows(&self.source.resource_type, &b.param) {
            Ok(()) => push(b),
            Err(why) => Push::No(why),
        });
        tried.min_by_key(Push::rank).unwrap_or_else(|| Push::No("no search parameter is bound to the column".into()))
    }

    /// The logical id or child key behind a GUID, if it can be one of this resource type.
    fn id(&self, guid: Uuid, resource_type: &str, rank: Rank) -> Option<String> {
        match key::behind(guid, resource_type, rank)? {
            Decoded::Id(id) => Some(id),
            Decoded::Hashed => key::behind_hash(guid, self.ids.get(&guid)?, resource_type, rank).map(str::to_owned),
        }
    }
}

impl Push {
    /// The better of two ways to push one condition has the lower rank.
    fn rank(&self) -> u8 {
        match self {
            Self::Always | Self::Never(_) => 0,
            Self::Values { class: Class::Exact, .. } => 1,
            Self::Values { .. } | Self::Range { .. } => 2,
            Self::No(_) => 3,
        }
    }
}

/// One operation among those that a binding promises.
type Promise = fn(&SearchOps) -> bool;

const LIST: &str = "each code or key stands for one value";
const CASES: &str = "services may compare case, so it is asked for in the cases that it may be written in";
const SUPERSET: &str = "the service may match more than the column shows";
const OUTSIDE: &str = "no row has such a value";
const UNKNOWN_KEY: &str = "no row has such a key";
const WIDENED: &str = "bounds are widened, since services read precision differently";
const BEGINNING: &str = "services compare beginnings, and accents and letters like `ſ` differently";
const PART: &str = "services compare accents and letters like `ſ` differently";
const DIFFERS: &str = "the service has shown that `:not` gives rows without a value, too";
/// Of what has not a value.
pub(super) const NOT: &str = ":not";
const ABSENT: &str = "the column is null just where the element is absent";

enum Settled {
    True,
    False,
    Open(Filter),
}

/// `a eq 1 or a in (2,3)` is `a in (1,2,3)`.
fn one_column(parts: &[&Filter]) -> Option<(ColumnIndex, Vec<Literal>)> {
    let mut found: Option<ColumnIndex> = None;
    let mut all = Vec::new();
    for part in parts {
        let (column, list): (&ColumnIndex, &[Literal]) = match part {
            Filter::Compare(Compare::Eq, Expr::Column(column), Expr::Literal(literal))
            | Filter::Compare(Compare::Eq, Expr::Literal(literal), Expr::Column(column)) => {
                (column, std::slice::from_ref(literal))
            }
            Filter::In(Expr::Column(column), list) => (column, list),
            _ => return None,
        };
        if found.is_some_and(|found| found != *column) {
            return None;
        }
        found = Some(*column);
        all.extend_from_slice(list);
    }
    found.map(|column| (column, all))
}

fn listed(class: Class, param: String, values: Vec<String>, why: &'static str) -> Push {
    let mut seen = BTreeSet::new();
    let values: Vec<String> = values.into_iter().filter(|value| seen.insert(value.clone())).collect();
    match values.len() {
        0 => Push::Never(if param == "_id" { UNKNOWN_KEY } else { OUTSIDE }),
        n if n > VALUES_PER_PARAMETER => Push::No(format!("{n} values are too many for one parameter")),
        _ => Push::Values { class, param, values, why },
    }
}

fn reason(class: Class) -> &'static str {
    if class == Class::Exact { LIST } else { SUPERSET }
}

fn templated(binding: &Binding, escaped: &str) -> String {
    match &binding.template {
        Some(template) => template.replacen("{}", escaped, 1),
        None => escaped.to_owned(),
    }
}

fn united<T: Ord + Clone>(list: &[Literal], bounds: impl Fn(&Literal) -> Option<Bounds<T>>) -> Option<Bounds<T>> {
    let mut each = list.iter().map(bounds);
    let first = each.next()??;
    each.try_fold(first, |all, next| Some(all.unite(next?)))
}

fn moment_range(binding: &Binding, bounds: Option<Bounds<Instant>>) -> Push {
    let ends = bounds.and_then(|b| {
        // An end that FHIR cannot write is beyond all that it can: that side is left open.
        let least = b.least.and_then(|m| parameter::seconds(m, false)).map(|text| format!("ge{text}"));
        let greatest = b.greatest.and_then(|m| parameter::seconds(m, true)).map(|text| format!("le{text}"));
        let ends: Vec<_> = [least, greatest].into_iter().flatten().collect();
        (!ends.is_empty()).then_some(ends)
    });
    ranged(binding, ends, "it says nothing about a moment that FHIR can write")
}

fn number_range(binding: &Binding, bounds: Option<Bounds<Decimal>>) -> Push {
    let ends = bounds.map(|b| {
        let ends = [b.least.map(|n| format!("ge{n}")), b.greatest.map(|n| format!("le{n}"))];
        ends.into_iter().flatten().collect()
    });
    ranged(binding, ends, "the number has too many digits for a safe bound")
}

fn ranged(binding: &Binding, ends: Option<Vec<String>>, otherwise: &str) -> Push {
    match ends {
        Some(ends) => {
            let values = ends.iter().map(|end| templated(binding, end)).collect();
            Push::Range { param: binding.param.clone(), values, why: WIDENED }
        }
        None => Push::No(otherwise.into()),
    }
}

fn year_days(year: &Number<'_>) -> Option<(Date, Date)> {
    let year: i16 = year.text().parse().ok()?;
    (1..=9999).contains(&year).then(|| (date(year, 1, 1), date(year, 12, 31)))
}

fn integer(literal: &Literal) -> Option<i64> {
    match literal {
        Literal::Number(number) => number.text().parse().ok(),
        _ => None,
    }
}

pub(super) fn guid(literal: &Literal) -> Option<Uuid> {
    match literal {
        Literal::Guid(guid) => Some(*guid),
        _ => None,
    }
}
