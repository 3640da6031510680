//! Tables and pages for people and machines.

mod depth;
mod figures;
mod parameters;
mod run;

pub use depth::{depth_page, depth_rows, depth_section, depth_table};
pub use figures::{figures_page, figures_table};
pub use parameters::{parameters_page, presets_table};
pub use run::{Channel, Resource, RunReport, Visit};

/// A number with its digits in groups of three: `12,288`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_group_from_the_right() {
        assert_eq!(
            [0, 999, 1000, 12_288, 1_234_567].map(super::grouped).join(" "),
            "0 999 1,000 12,288 1,234,567"
        );
    }
}
