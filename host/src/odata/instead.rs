//! What works in place of what people write: hints for words, signs and functions of other languages than OData's.

/// A sign that stands where an operator or a value is expected.
pub fn of_sign(sign: char) -> Option<&'static str> {
    Some(match sign {
        '=' | '<' | '>' | '!' => "compare with `eq`, `ne`, `lt`, `le`, `gt` and `ge`, between spaces",
        '&' | '|' => "join conditions with `and` and `or`, between spaces",
        '+' | '%' | '^' => "reckon with `add`, `sub`, `mul`, `div` and `mod`, between spaces",
        '"' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => QUOTES,
        _ => return None,
    })
}

/// Where a text stands in other quotes, or in none.
pub const QUOTES: &str = "a text stands in single quotes, 'a'";

/// Where a text has a quote in it.
pub const QUOTE_IN_TEXT: &str = "a quote inside a text is written twice, 'O''Neil'";

/// A word that stands where an operator or the end is expected.
pub fn of_word(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "like" | "ilike" => "use `contains(a,'b')`, `startswith(a,'b')`, `endswith(a,'b')` or `matchespattern(a,'b')`",
        "is" => "null is compared, too: `a eq null`, `a ne null`",
        "between" => "say both: `a ge 1 and a le 2`",
        "ascending" | "descending" => "write `asc` or `desc`",
        "equals" | "equal" => "write `eq`",
        "xor" | "nand" | "nor" => "join conditions with `and`, `or` and `not`",
        _ => return None,
    })
}

/// A function that others have and OData has not, or has by another name.
pub fn of_function(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "substringof" => "write `contains(text,'part')`: the whole comes first",
        "len" => "write `length(text)`",
        "lower" | "lcase" => "write `tolower(text)`; comparing makes no difference of case anyhow",
        "upper" | "ucase" => "write `toupper(text)`; comparing makes no difference of case anyhow",
        "replace" | "left" | "right" => "there is `substring(text,start,length)`",
        "like" | "match" | "matches" | "regexp" => {
            "there is `matchespattern(text,'pattern')`, `contains` and their kin"
        }
        "isnull" | "isempty" => "write `column eq null`",
        "if" | "iif" | "coalesce" => "there is `case(condition:value,…)`",
        "getdate" | "today" | "current_date" => {
            "there is `now()`, and of days `Microsoft.Dynamics.CRM.Today(PropertyName='…')`"
        }
        "dateadd" | "datediff" => "dates are moved by durations: `now() sub duration'P7D'`",
        "count" => "rows that point here are counted by `navigation/$count`",
        "min" | "max" | "sum" | "avg" | "average" => "of groups: `$apply=aggregate(column with max as most)`",
        "some" | "exists" => "there is `navigation/any(x:x/column eq 1)`",
        "every" => "there is `navigation/all(x:x/column eq 1)`",
        _ => return None,
    })
}

/// How a function is written.
pub fn usage(function: &str) -> Option<&'static str> {
    Some(match function.to_ascii_lowercase().as_str() {
        "contains" => "contains(text,'part')",
        "startswith" => "startswith(text,'part')",
        "endswith" => "endswith(text,'part')",
        "matchespattern" => "matchespattern(text,'pattern')",
        "length" => "length(text)",
        "indexof" => "indexof(text,'part')",
        "substring" => "substring(text,start) or substring(text,start,length)",
        "tolower" => "tolower(text)",
        "toupper" => "toupper(text)",
        "trim" => "trim(text)",
        "concat" => "concat(text,text)",
        "year" => "year(date)",
        "month" => "month(date)",
        "day" => "day(date)",
        "hour" => "hour(datetime)",
        "minute" => "minute(datetime)",
        "second" => "second(datetime)",
        "fractionalseconds" => "fractionalseconds(datetime)",
        "date" => "date(datetime)",
        "time" => "time(datetime)",
        "totaloffsetminutes" => "totaloffsetminutes(datetime)",
        "totalseconds" => "totalseconds(duration)",
        "round" => "round(number)",
        "floor" => "floor(number)",
        "ceiling" => "ceiling(number)",
        "now" => "now()",
        "mindatetime" => "mindatetime()",
        "maxdatetime" => "maxdatetime()",
        "cast" => "cast(value,Edm.String)",
        "isof" => "isof(value,Edm.String)",
        _ => return None,
    })
}

/// A method of `aggregate` by the name that it has elsewhere.
pub fn of_method(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "avg" | "mean" => "write `average`",
        "count" => "rows are counted by `$count as n`, values that are not equal by `column with countdistinct as n`",
        "distinct" | "countunique" => "write `countdistinct`",
        "minimum" | "least" | "first" => "write `min`",
        "maximum" | "most" | "last" => "write `max`",
        "total" | "add" => "write `sum`",
        _ => return None,
    })
}

/// How a literal of a kind is written, by what messages call the kind.
pub fn literal(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "date" | "a date" => "write a date as 2024-12-31",
        "date-time with its offset" | "a date-time" => "write a date-time as 2024-12-31T23:59:00Z",
        "time" | "a time of day" => "write a time of day as 23:59:00",
        "duration" | "a duration" => "write a duration as duration'P1DT2H'",
        "number" => "a number is of digits, with a point and an exponent at most: 12.5e3",
        "GUID" | "a GUID" => "write a GUID as 00000000-0000-0000-0000-000000000000, without quotes",
        "a boolean" => "write true or false",
        _ => return None,
    })
}
