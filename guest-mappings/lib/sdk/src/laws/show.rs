//! A report for people.

use std::fmt::{self, Display, Formatter};

use super::{Law, Report};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for law in Law::ALL {
            let broken: Vec<_> = self.violations.iter().filter(|violation| violation.law == law).collect();
            let mark = if broken.is_empty() { "holds" } else { "BROKEN" };
            writeln!(f, "{mark:<7} {}", law.name())?;
            for violation in broken {
                writeln!(f, "        {violation}")?;
            }
        }
        if self.cut_short {
            writeln!(f, "        the time ran out before all was looked at")?;
        }
        Ok(())
    }
}
