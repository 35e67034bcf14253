//! A condition as the OData text that would parse to it, for explain and for tests. What stands behind a navigation
//! property is another table's and is printed as `…`.

use std::fmt::{self, Display, Formatter, Write};

use crate::model::aggregate::{Best, Measure, Then};
use crate::model::query::{Arithmetic, Compare, Expr, Filter, Function, Literal, Order, Quantifier, TextTest};
use crate::model::table::Table;
use crate::model::value::{duration_text, time_text};

/// Shows a filter of this table.
pub fn filter<'a>(filter: &'a Filter, table: &'a Table) -> impl Display + 'a {
    fmt::from_fn(move |f| condition(f, filter, table, Binding::Or))
}

/// Shows an `$orderby` of this table.
pub fn order<'a>(order: &'a [Order], table: &'a Table) -> impl Display + 'a {
    fmt::from_fn(move |f| {
        separated(f, order, ",", |f, by| {
            expr(f, &by.by, table)?;
            f.write_str(if by.descending { " desc" } else { "" })
        })
    })
}

/// Shows a value of a row of this table.
pub fn value<'a>(of: &'a Expr, table: &'a Table) -> impl Display + 'a {
    fmt::from_fn(move |f| expr(f, of, table))
}

/// Shows what is done with rows of this table.
pub fn then(then: &Then, table: &Table) -> String {
    match then {
        Then::Filter(kept) => format!("filter({})", filter(kept, table)),
        Then::Order(by) => format!("orderby({})", order(by, table)),
        Then::Skip(number) => format!("skip({number})"),
        Then::Top(number) => format!("top({number})"),
        Then::Best(Best { by, largest, measure }) => {
            let (measure, amount) = match measure {
                Measure::Count(count) => ("count", count.to_string()),
                Measure::Sum(sum) => ("sum", sum.text().to_owned()),
                Measure::Percent(percent) => ("percent", percent.text().to_owned()),
            };
            format!("{}{measure}({amount},{})", if *largest { "top" } else { "bottom" }, value(by, table))
        }
    }
}

/// How tightly the place binds that a condition is printed in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Unary,
}

fn condition(f: &mut Formatter<'_>, filter: &Filter, table: &Table, place: Binding) -> fmt::Result {
    let own = match filter {
        Filter::Or(..) => Binding::Or,
        Filter::And(..) => Binding::And,
        _ => Binding::Unary,
    };
    if own < place {
        f.write_char('(')?;
        condition(f, filter, table, Binding::Or)?;
        return f.write_char(')');
    }
    match filter {
        // The right side is one step tighter, since the parser builds chains to the left.
        Filter::Or(a, b) => {
            condition(f, a, table, Binding::Or)?;
            f.write_str(" or ")?;
            condition(f, b, table, Binding::And)
        }
        Filter::And(a, b) => {
            condition(f, a, table, Binding::And)?;
            f.write_str(" and ")?;
            condition(f, b, table, Binding::Unary)
        }
        Filter::Not(inner) => {
            f.write_str("not (")?;
            condition(f, inner, table, Binding::Or)?;
            f.write_char(')')
        }
        Filter::Compare(op, a, b) => {
            expr(f, a, table)?;
            write!(f, " {} ", compare(*op))?;
            expr(f, b, table)
        }
        Filter::In(of, list) => {
            expr(f, of, table)?;
            f.write_str(" in (")?;
            separated(f, list, ",", literal)?;
            f.write_char(')')
        }
        Filter::Text(test, a, b) => {
            write!(f, "{}(", text_test(*test))?;
            expr(f, a, table)?;
            f.write_char(',')?;
            expr(f, b, table)?;
            f.write_char(')')
        }
        Filter::Is(of) => expr(f, of, table),
        Filter::Related { navigation, quantifier, filter, .. } => match (quantifier, filter) {
            (Quantifier::One, _) => write!(f, "{navigation}/…"),
            (Quantifier::Any, None) => write!(f, "{navigation}/any()"),
            (Quantifier::Any, Some(_)) => write!(f, "{navigation}/any(x:…)"),
            (Quantifier::All, _) => write!(f, "{navigation}/all(x:…)"),
            (Quantifier::Within(way), _) => write!(f, "{}({navigation})", way.name()),
        },
        Filter::Among(among) => {
            expr(f, &among.of, table)?;
            write!(f, " in ({}…)", among.table.entity_set)
        }
    }
}

fn expr(f: &mut Formatter<'_>, of: &Expr, table: &Table) -> fmt::Result {
    match of {
        Expr::Column(column) | Expr::Leading(column, _) => match table.columns.get(*column) {
            Some(column) => f.write_str(&column.property()),
            None => write!(f, "?{column}"),
        },
        Expr::Literal(value) => literal(f, value),
        // Its argument, where it has one, is the moment that the parser took from the clock.
        Expr::Call(Function::Now, _) => f.write_str("now()"),
        Expr::Call(function, arguments) => {
            write!(f, "{}(", function_name(*function))?;
            separated(f, arguments, ",", |f, argument| expr(f, argument, table))?;
            if let Function::Cast(to) = function {
                write!(f, ",{}", to.name())?;
            }
            f.write_char(')')
        }
        Expr::Condition(inner) => {
            f.write_char('(')?;
            condition(f, inner, table, Binding::Or)?;
            f.write_char(')')
        }
        Expr::Case(branches) => {
            f.write_str("case(")?;
            separated(f, branches, ",", |f, (when, value)| {
                condition(f, when, table, Binding::Or)?;
                f.write_char(':')?;
                expr(f, value, table)
            })?;
            f.write_char(')')
        }
        Expr::Arithmetic(op, a, b) => {
            operand(f, a, table)?;
            write!(f, " {} ", arithmetic(*op))?;
            operand(f, b, table)
        }
        Expr::Negate(inner) => {
            f.write_str("-(")?;
            expr(f, inner, table)?;
            f.write_char(')')
        }
    }
}

fn operand(f: &mut Formatter<'_>, of: &Expr, table: &Table) -> fmt::Result {
    if !matches!(of, Expr::Arithmetic(..)) {
        return expr(f, of, table);
    }
    f.write_char('(')?;
    expr(f, of, table)?;
    f.write_char(')')
}

fn literal(f: &mut Formatter<'_>, value: &Literal) -> fmt::Result {
    match value {
        Literal::Null => f.write_str("null"),
        Literal::Bool(value) => write!(f, "{value}"),
        Literal::Number(value) => f.write_str(value.text()),
        Literal::Text(value) => write!(f, "'{}'", value.replace('\'', "''")),
        Literal::Guid(value) => write!(f, "{value}"),
        Literal::Date(value) => write!(f, "{value}"),
        Literal::Instant(value) => write!(f, "{value}"),
        Literal::Time(value) => f.write_str(&time_text(*value)),
        Literal::Duration(value) => write!(f, "duration'{}'", duration_text(*value)),
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    mut print: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        print(f, item)?;
    }
    Ok(())
}

fn compare(op: Compare) -> &'static str {
    match op {
        Compare::Eq => "eq",
        Compare::Ne => "ne",
        Compare::Lt => "lt",
        Compare::Le => "le",
        Compare::Gt => "gt",
        Compare::Ge => "ge",
    }
}

fn text_test(test: TextTest) -> &'static str {
    match test {
        TextTest::Contains => "contains",
        TextTest::StartsWith => "startswith",
        TextTest::EndsWith => "endswith",
        TextTest::Matches => "matchespattern",
    }
}

fn arithmetic(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "add",
        Arithmetic::Sub => "sub",
        Arithmetic::Mul => "mul",
        Arithmetic::Div => "div",
        Arithmetic::DivBy => "divby",
        Arithmetic::Mod => "mod",
    }
}

pub(super) fn function_name(function: Function) -> &'static str {
    match function {
        Function::Length => "length",
        Function::IndexOf => "indexof",
        Function::Substring => "substring",
        Function::ToLower => "tolower",
        Function::ToUpper => "toupper",
        Function::Trim => "trim",
        Function::Concat => "concat",
        Function::Year => "year",
        Function::Month => "month",
        Function::Day => "day",
        Function::Hour => "hour",
        Function::Minute => "minute",
        Function::Second => "second",
        Function::Date => "date",
        Function::Time => "time",
        Function::FractionalSeconds => "fractionalseconds",
        Function::TotalOffsetMinutes => "totaloffsetminutes",
        Function::TotalSeconds => "totalseconds",
        Function::Cast(_) => "cast",
        Function::Round => "round",
        Function::Floor => "floor",
        Function::Ceiling => "ceiling",
        Function::Now => "now",
    }
}
