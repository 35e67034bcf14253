//! Functions in an expression: which there are, what they take and give, and what is said of those that there are not.

use super::{Resolver, Type};
use crate::model::catalog::nearest;
use crate::model::error::{Error, Result};
use crate::model::query::{Compare, Expr, Filter, Function, Literal, Primitive};
use crate::model::table::Kind;
use crate::model::value;
use crate::odata::instead;
use crate::odata::syntax::{Argument, Node, Segment, SegmentKind, Syntax};

/// Functions that an expression may use.
pub(crate) const FUNCTIONS: [&str; 30] = [
    "contains",
    "endswith",
    "startswith",
    "matchespattern",
    "length",
    "indexof",
    "substring",
    "tolower",
    "toupper",
    "trim",
    "concat",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "fractionalseconds",
    "date",
    "time",
    "now",
    "mindatetime",
    "maxdatetime",
    "totaloffsetminutes",
    "totalseconds",
    "round",
    "floor",
    "ceiling",
    "cast",
    "isof",
];

impl Resolver<'_> {
    /// A function that gives a value.
    pub(super) fn call(&self, at: usize, name: &str, arguments: &[Argument]) -> Result<(Expr, Type)> {
        const DAY: &[Type] = &[Type::Date, Type::Instant];
        const CLOCK: &[Type] = &[Type::Instant, Type::Time];
        let (function, takes, gives): (_, &[&[Type]], _) = match name.to_ascii_lowercase().as_str() {
            "length" => (Function::Length, &[&[Type::Text]], Type::Number),
            "indexof" => (Function::IndexOf, &[&[Type::Text], &[Type::Text]], Type::Number),
            "substring" => (Function::Substring, &[&[Type::Text], &[Type::Number], &[Type::Number]], Type::Text),
            "tolower" => (Function::ToLower, &[&[Type::Text]], Type::Text),
            "toupper" => (Function::ToUpper, &[&[Type::Text]], Type::Text),
            "trim" => (Function::Trim, &[&[Type::Text]], Type::Text),
            "concat" => (Function::Concat, &[&[Type::Text], &[Type::Text]], Type::Text),
            "year" => (Function::Year, &[DAY], Type::Number),
            "month" => (Function::Month, &[DAY], Type::Number),
            "day" => (Function::Day, &[DAY], Type::Number),
            "hour" => (Function::Hour, &[CLOCK], Type::Number),
            "minute" => (Function::Minute, &[CLOCK], Type::Number),
            "second" => (Function::Second, &[CLOCK], Type::Number),
            "fractionalseconds" => (Function::FractionalSeconds, &[CLOCK], Type::Number),
            "totaloffsetminutes" => (Function::TotalOffsetMinutes, &[&[Type::Instant]], Type::Number),
            "totalseconds" => (Function::TotalSeconds, &[&[Type::Duration]], Type::Number),
            "time" => (Function::Time, &[&[Type::Instant]], Type::Time),
            "date" => (Function::Date, &[&[Type::Instant]], Type::Date),
            "round" => (Function::Round, &[&[Type::Number]], Type::Number),
            "floor" => (Function::Floor, &[&[Type::Number]], Type::Number),
            "ceiling" => (Function::Ceiling, &[&[Type::Number]], Type::Number),
            "now" | "mindatetime" | "maxdatetime" => return self.moment(at, name, arguments),
            "cast" => return self.cast_to(at, arguments),
            "isof" => return self.is_of(at, arguments),
            "contains" | "startswith" | "endswith" | "matchespattern" => {
                let [text, part] = self.positional(at, name, arguments, 2..=2)?[..] else {
                    return Err(self.bad(at, "two arguments are expected"));
                };
                let condition = self.text_test(name, text, part)?;
                return Ok((Expr::Condition(condition.into()), Type::Bool));
            }
            _ => return Err(self.no_function(at, name)),
        };
        let least = if function == Function::Substring { 2 } else { takes.len() };
        let arguments = self.positional(at, name, arguments, least..=takes.len())?;
        let arguments: Result<Vec<_>> =
            arguments.iter().zip(takes).map(|(a, allowed)| self.typed(a, allowed)).collect();
        Ok((Expr::Call(function, arguments?), gives))
    }

    fn moment(&self, at: usize, name: &str, arguments: &[Argument]) -> Result<(Expr, Type)> {
        self.positional(at, name, arguments, 0..=0)?;
        let fixed = |text| value::parse_instant(text).unwrap_or(self.context.now);
        let instant = match name.to_ascii_lowercase().as_str() {
            "mindatetime" => fixed("0001-01-01T00:00:00Z"),
            "maxdatetime" => fixed("9999-12-31T23:59:59.999999Z"),
            _ => self.context.now,
        };
        Ok((Expr::Literal(Literal::Instant(instant)), Type::Instant))
    }

    fn no_function(&self, at: usize, name: &str) -> Error {
        const UNSUPPORTED: [&str; 7] =
            ["hassubset", "hassubsequence", "geo.distance", "geo.intersects", "geo.length", "min", "max"];
        let lower = name.to_ascii_lowercase();
        if UNSUPPORTED.contains(&lower.as_str()) || name.contains('.') {
            let error = self.unsupported(at, &format!("the function `{name}`"));
            return match instead::of_function(name) {
                Some(hint) => error.hint(hint),
                None => error,
            };
        }
        let error = self.bad(at, &format!("there is no function `{name}`"));
        if let Some(hint) = instead::of_function(name) {
            return error.hint(hint);
        }
        match nearest(&lower, FUNCTIONS) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// `cast(value,Edm.Type)`
    fn cast_to(&self, at: usize, arguments: &[Argument]) -> Result<(Expr, Type)> {
        let (value, primitive) = self.of_type(at, "cast", arguments)?;
        let (expr, found) = self.expression(value)?;
        let to = Type::of_primitive(primitive);
        if found != to && found != Type::Null && found != Type::Text && to != Type::Text {
            let error = self.unsupported(at, &format!("a cast of {} to {}", found.name(), primitive.name()));
            return Err(error.hint("cast it to Edm.String, or cast a text"));
        }
        Ok((Expr::Call(Function::Cast(primitive), vec![expr]), to))
    }

    /// `isof(value,Edm.Type)`: of a value that has this type, whether there is one.
    fn is_of(&self, at: usize, arguments: &[Argument]) -> Result<(Expr, Type)> {
        let (value, primitive) = self.of_type(at, "isof", arguments)?;
        let (expr, found) = self.expression(value)?;
        let number = match &expr {
            Expr::Column(index) => match self.table.columns.get(*index).map(|column| &column.kind) {
                Some(Kind::Int32 | Kind::Choice(_)) => Primitive::Int32,
                Some(Kind::Int64) | None => Primitive::Int64,
                _ => Primitive::Decimal,
            },
            _ => Primitive::Decimal,
        };
        let is = found == Type::of_primitive(primitive) && (found != Type::Number || number == primitive);
        let condition = match is {
            true => Filter::Compare(Compare::Ne, expr, Expr::Literal(Literal::Null)),
            false => Filter::Is(Expr::Literal(Literal::Bool(false))),
        };
        Ok((Expr::Condition(condition.into()), Type::Bool))
    }

    fn of_type<'n>(&self, at: usize, name: &str, arguments: &'n [Argument]) -> Result<(&'n Node, Primitive)> {
        let [value, of] = self.positional(at, name, arguments, 1..=2)?[..] else {
            let error = self.unsupported(at, &format!("`{name}` of a whole row"));
            return Err(error.hint(format!("say of what, `{name}(column,Edm.String)`")));
        };
        let Syntax::Path(path) = &of.syntax else { return Err(self.bad(of.at, "the name of a type is expected")) };
        let [Segment { kind: SegmentKind::Name { name: of_name, arguments: None }, .. }] = path.as_slice() else {
            return Err(self.bad(of.at, "the name of a type is expected"));
        };
        match Primitive::named(of_name) {
            Some(primitive) => Ok((value, primitive)),
            None => {
                let error = self.unsupported(of.at, &format!("`{name}` with the type `{of_name}`"));
                Err(error.hint(
                    "there are Edm.String, Edm.Boolean, Edm.Int16, Edm.Int32, Edm.Int64, Edm.Decimal, Edm.Double, Edm.Guid, Edm.Date, \
                     Edm.DateTimeOffset, Edm.TimeOfDay and Edm.Duration",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_how_it_is_written_and_has_no_other_name() {
        for function in FUNCTIONS {
            let usage = instead::usage(function);
            assert!(usage.is_some_and(|usage| usage.starts_with(&format!("{function}("))), "{function}");
            assert_eq!(instead::of_function(function), None, "{function}");
        }
    }
}
