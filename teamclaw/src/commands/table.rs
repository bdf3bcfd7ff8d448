//! Tables for people: a bold head, no frame, one style a row, and never a line that wraps.

use std::ops::Range;

use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::output::{BOLD, styled};

/// A table under construction.
pub(super) struct Rows {
    table: Table,
    styles: Vec<Style>,
}

impl Rows {
    /// A table with this head; the columns in `numbers` are aligned to the right.
    pub(super) fn with_head(head: &[&str], numbers: Range<usize>) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head.iter().copied());
        for (place, column) in table.column_iter_mut().enumerate() {
            let last = place + 1 == head.len();
            column.set_padding((0, if last { 0 } else { 2 }));
            if numbers.contains(&place) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, styles: Vec::new() }
    }

    /// Adds a row. Its cells are free of line breaks and of anything that steers a terminal.
    pub(super) fn add(&mut self, style: Style, cells: Vec<String>) {
        self.table.add_row(cells);
        self.styles.push(style);
    }

    /// Whether it has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.styles.is_empty()
    }

    /// The finished lines. Styles go around whole lines, so that they do not count as width.
    pub(super) fn lines(&self) -> Vec<String> {
        let styles = std::iter::once(BOLD).chain(self.styles.iter().copied());
        self.table.lines().zip(styles).map(|(line, style)| styled(style, line.trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{BAD, PLAIN};

    #[test]
    fn columns_line_up_and_a_style_colours_a_whole_row() {
        let mut rows = Rows::with_head(&["USER", "STATUS", "TOKENS"], 2..3);
        assert!(rows.is_empty());
        rows.add(PLAIN, vec!["ann".into(), "ready".into(), "1,234".into()]);
        rows.add(BAD, vec!["benedict".into(), "failed".into(), "5".into()]);
        let lines = rows.lines();
        assert!(lines[2].starts_with(&format!("{BAD}benedict")), "{:?}", lines[2]);
        let text = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        expect_test::expect![[r#"
            USER      STATUS  TOKENS
            ann       ready    1,234
            benedict  failed       5"#]]
        .assert_eq(&text);
    }
}
