//! What is allowed and hardly meant: told like a mistake, and nothing is refused for it.

use std::fmt;

use serde::Serialize;

use super::mistake::{Mistake, Mistakes};

/// Where it is, what is odd about it and how to write what is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning(pub Mistake);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning: {}", self.0)
    }
}

/// One of a list of both kinds.
#[derive(Debug, Serialize)]
pub struct Remark<'m> {
    /// `mistake`: the configuration is refused; `warning`: it is not.
    level: &'static str,
    #[serde(flatten)]
    what: &'m Mistake,
}

impl Remark<'_> {
    /// Mistakes first, each kind by file and line.
    pub fn all<'m>(mistakes: &'m Mistakes, warnings: &'m [Warning]) -> Vec<Remark<'m>> {
        let mistakes = mistakes.iter().map(|what| Remark { level: "mistake", what });
        let warnings = warnings.iter().map(|it| Remark { level: "warning", what: &it.0 });
        mistakes.chain(warnings).collect()
    }
}
