//! Values that requests give names to: made at random, and how they are held against what a server shows.

use serde_json::{Map, Value as Json};

use crate::query::{DAYS, Expr, Filter, Literal, MOMENTS, Maker, NUMBERS, Query, literal, number, whole};
use crate::schema::{Kind, Table, shown_value};
use crate::value::Value;

const TEXTS: [&str; 7] = ["muller", "STRASSE", "", "e", "2015", "maria!", "ΣΊΣΥΦΟΣ"];

/// `$compute`
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) name: String,
    pub(crate) of: Expr,
    pub(crate) kind: Kind,
    /// Values of related rows are not: they may only be compared and sorted by.
    pub(crate) can_be_shown: bool,
}

impl Computed {
    /// As filters and orders use it.
    fn named(&self) -> Expr {
        Expr::Named(self.name.clone(), self.of.clone().into())
    }
}

impl Maker<'_> {
    /// Gives names to values, and uses them.
    pub(crate) fn compute(&mut self, query: &mut Query, table: &Table) {
        let count = 1 + self.random.below(3);
        for nth in 0..count {
            let joined = if self.random.chance(15) { self.joined(table) } else { None };
            let can_be_shown = joined.is_none();
            let (of, kind) = joined.unwrap_or_else(|| self.value(table));
            let computed = Computed { name: format!("val{nth}"), of, kind, can_be_shown };
            if self.random.chance(40) {
                let condition = self.of_value(&computed.named(), kind);
                query.options.filter = Some(match query.options.filter.take() {
                    Some(filter) if self.random.chance(70) => Filter::And(filter.into(), condition.into()),
                    Some(filter) => Filter::Or(condition.into(), filter.into()),
                    None => condition,
                });
            }
            if !query.only_count && self.random.chance(30) {
                query.options.order.insert(0, (computed.named(), self.random.chance(50)));
            }
            query.compute.push(computed);
        }
        if query.only_count {
            return;
        }
        let is_hidden = query.compute.iter().any(|computed| !computed.can_be_shown);
        if query.options.select.is_none() && is_hidden {
            query.options.select = Some(vec![table.key.clone()]);
        }
        if let Some(select) = &mut query.options.select {
            for computed in query.compute.iter().filter(|computed| computed.can_be_shown) {
                if self.random.chance(75) {
                    select.push(computed.name.clone());
                }
            }
        }
    }

    /// A value of a row, of no other rows, that has a type which is shown.
    pub(crate) fn value(&mut self, table: &Table) -> (Expr, Kind) {
        // Of some tables a caller sees keys alone.
        let has_others = table.columns.iter().any(|(_, kind)| *kind != Kind::Key);
        match if has_others { self.random.below(100) } else { 0 } {
            0..12 => return (Expr::Condition(self.filter_of_row(table).into()), Kind::Bool),
            12..18 => {
                let value =
                    |maker: &mut Self| Expr::Literal(whole(i64::try_from(maker.random.below(3)).unwrap_or_default()));
                let branches = (0..1 + self.random.below(2)).map(|_| (self.filter_of_row(table), value(self)));
                return (Expr::Case(branches.collect()), Kind::Whole);
            }
            _ => {}
        }
        let (column, kind) = self.column(table, |kind| kind != Kind::Key);
        let of = Expr::Column(column);
        if self.random.chance(10) {
            return (of, kind);
        }
        match kind {
            Kind::Text => self.of_text_value(table, of),
            Kind::Decimal | Kind::Whole => self.of_number_value(of, kind),
            Kind::Moment => match self.random.below(4) {
                0 => (Expr::Call("date", vec![of]), Kind::Day),
                1 => (Expr::Call("fractionalseconds", vec![of]), Kind::Decimal),
                2 => {
                    let moment = Expr::Literal(literal(Kind::Moment, self.random.word(&MOMENTS)));
                    let between = Expr::Arithmetic("sub", of.into(), moment.into());
                    (Expr::Call("totalseconds", vec![between]), Kind::Decimal)
                }
                _ => {
                    let part = self.random.word(&["year", "month", "day", "hour", "minute", "second"]);
                    (Expr::Call(part, vec![of]), Kind::Whole)
                }
            },
            Kind::Day => (Expr::Call(self.random.word(&["year", "month", "day"]), vec![of]), Kind::Whole),
            Kind::Bool | Kind::Key => (of, kind),
        }
    }

    fn of_text_value(&mut self, table: &Table, of: Expr) -> (Expr, Kind) {
        let whole = |n: usize| Expr::Literal(whole(i64::try_from(n).unwrap_or_default()));
        match self.random.below(6) {
            0 => (Expr::Call("length", vec![of]), Kind::Whole),
            1 => {
                let part = Expr::Literal(literal(Kind::Text, self.random.word(&["e", "ss", "ı", "a", "東"])));
                (Expr::Call("indexof", vec![of, part]), Kind::Whole)
            }
            2 => {
                let start = whole(self.random.below(3));
                let length = whole(self.random.below(5));
                (Expr::Call("substring", vec![of, start, length]), Kind::Text)
            }
            3 => {
                let other = Expr::Column(self.column(table, |kind| kind == Kind::Text).0);
                (Expr::Call("concat", vec![of, other]), Kind::Text)
            }
            4 => (Expr::Call("cast to Edm.Int32", vec![of]), Kind::Whole),
            _ => (Expr::Call(self.random.word(&["tolower", "toupper", "trim"]), vec![of]), Kind::Text),
        }
    }

    fn of_number_value(&mut self, of: Expr, kind: Kind) -> (Expr, Kind) {
        match self.random.below(6) {
            0 => (Expr::Call(self.random.word(&["round", "floor", "ceiling"]), vec![of]), Kind::Decimal),
            1 => (Expr::Negate(of.into()), kind),
            2 => (Expr::Call("cast to Edm.Int32", vec![of]), Kind::Whole),
            3 if kind == Kind::Whole => (Expr::Call("cast to Edm.String", vec![of]), Kind::Text),
            _ => {
                let by = Expr::Literal(number(self.random.word(&["1", "2", "4", "0.5", "10", "2.50", "3"])));
                let operator = self.random.word(&["add", "sub", "mul", "div", "divby", "mod"]);
                (Expr::Arithmetic(operator, of.into(), by.into()), Kind::Decimal)
            }
        }
    }

    /// A comparison of a value with what it may be.
    fn of_value(&mut self, of: &Expr, kind: Kind) -> Filter {
        let mut other = || -> Literal {
            match kind {
                Kind::Bool => literal(kind, self.random.word(&["true", "false"])),
                Kind::Whole => whole(*self.random.pick(&[0, 1, 2, 3, 7, 12, 2015, 935_000_001])),
                Kind::Decimal => literal(kind, self.random.word(&NUMBERS)),
                Kind::Text => literal(kind, self.random.word(&TEXTS)),
                Kind::Key => literal(kind, "11111111-2222-4333-8444-555555555555"),
                Kind::Day => literal(kind, self.random.word(&DAYS)),
                Kind::Moment => literal(kind, self.random.word(&MOMENTS)),
            }
        };
        let (one, another) = (other(), other());
        match self.random.below(8) {
            0 => Filter::In(of.clone(), vec![one, another]),
            1 if kind == Kind::Text => {
                let test = self.random.word(&["contains", "startswith", "endswith"]);
                Filter::Text(test, of.clone(), Expr::Literal(one))
            }
            2 => {
                let null = Expr::Literal(Literal { text: "null".into(), value: Value::Null });
                Filter::Compare(self.random.word(&["eq", "ne"]), of.clone(), null)
            }
            _ => {
                let operator = match kind {
                    Kind::Bool => self.random.word(&["eq", "ne"]),
                    _ => self.random.word(&["eq", "ne", "lt", "le", "gt", "ge"]),
                };
                Filter::Compare(operator, of.clone(), Expr::Literal(one))
            }
        }
    }
}

/// A value as a text that is the same for the same value, and for no other.
pub(crate) fn exact(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("Text {text}"),
        Value::Key(key) => format!("Key {}", key.to_ascii_lowercase()),
        other => format!("{other:?}"),
    }
}

/// Puts in the place of what a server shows as values under names what they are.
pub(crate) fn settle(row: &mut Map<String, Json>, computed: &[Computed]) {
    for Computed { name, kind, .. } in computed {
        if row.contains_key(name) {
            let value = exact(&shown_value(row, name, *kind));
            row.retain(|member, _| member.split('@').next() != Some(name));
            row.insert(name.clone(), value.into());
        }
    }
}
