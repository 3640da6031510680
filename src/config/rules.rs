//! Rules that tie parameters together.

use super::table::{Params, parameter};

/// A rule between parameters.
pub struct Rule {
    /// Key of the parameter that breaks the rule and whose nearest legal value is named.
    pub key: &'static str,
    /// Keys of the parameters that the rule refers to.
    pub others: &'static [&'static str],
    /// The rule in words, as in "must be ...".
    pub text: &'static str,
    /// Why, for the page of parameters.
    pub reason: &'static str,
    /// Whether a value of the parameter obeys the rule, the other parameters being as given.
    allows: fn(u32, &Params) -> bool,
}

/// Every rule between parameters.
pub static RULES: &[Rule] = &[
    Rule {
        key: "multipliers",
        others: &["head-dim"],
        text: "a multiple of head-dim",
        reason: "an array works on `multipliers / head-dim` whole keys or values a cycle",
        allows: |value, params| value % params.head_dim == 0,
    },
    Rule {
        key: "multipliers",
        others: &["max-tokens"],
        text: "at most 32 x max-tokens",
        reason: "at the smallest head dimension, 32, an array takes no more keys a cycle than a row can have",
        allows: |value, params| value <= 32 * params.max_tokens,
    },
    Rule {
        key: "parallelism",
        others: &["max-tokens"],
        text: "at most max-tokens",
        reason: "a comparator array is not wider than the longest row",
        allows: |value, params| value <= params.max_tokens,
    },
    Rule {
        key: "softmax-lanes",
        others: &["max-tokens"],
        text: "at most max-tokens",
        reason: "the softmax is not wider than the longest row",
        allows: |value, params| value <= params.max_tokens,
    },
    Rule {
        key: "sector-window",
        others: &["channels"],
        text: "at least channels",
        reason: "every channel can have a sector in flight",
        allows: |value, params| value >= params.channels,
    },
    Rule {
        key: "sector-window",
        others: &["fetch-ports"],
        text: "at least fetch-ports",
        reason: "every request port can have a sector in flight",
        allows: |value, params| value >= params.fetch_ports,
    },
];

impl Rule {
    /// Whether the rule holds.
    pub fn holds(&self, value: u32, params: &Params) -> bool {
        (self.allows)(value, params)
    }

    /// The value nearest to `value` that every rule on the parameter allows, the smaller of two as near.
    pub fn nearest(&self, value: u32, params: &Params) -> Option<u32> {
        let legal = parameter(self.key)?.legal;
        let allowed = legal.numbers().filter(|&candidate| {
            RULES
                .iter()
                .filter(|rule| rule.key == self.key)
                .all(|rule| rule.holds(candidate, params))
        });
        allowed.min_by_key(|candidate| candidate.abs_diff(value))
    }
}
