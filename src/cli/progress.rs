//! Progress on a terminal, the same for every subcommand; elsewhere nothing is drawn.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A spinner with the time and a message, for work of unknown length.
pub(super) fn spinner(message: impl Into<String>) -> ProgressBar {
    styled(ProgressBar::new_spinner(), "{spinner} {elapsed} {msg}").with_message(message.into())
}

/// A bar over so many things, with room for a message.
pub(super) fn bar(length: u64, unit: &str) -> ProgressBar {
    let template =
        format!("{{spinner}} [{{bar:30}}] {{human_pos}}/{{human_len}} {unit}, {{eta}} left {{msg}}");
    styled(ProgressBar::new(length), &template)
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
