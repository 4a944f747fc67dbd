//! Columns for people: aligned, UTF-8, no colours.

/// A head and rows of as many cells. Columns of figures are told by `right`.
pub(crate) struct Table {
    head: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

#[derive(Copy, Clone, Eq, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    pub(crate) fn new<const N: usize>(head: [(&'static str, Side); N]) -> Self {
        Self { head: head.into(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(cells.len(), self.head.len(), "a cell a column");
        self.rows.push(cells.into_iter().map(visible).collect());
    }

    /// The lines, or what to say where there are none.
    pub(crate) fn or(&self, nothing: &str) -> String {
        if self.rows.is_empty() { nothing.to_owned() } else { self.text() }
    }

    fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        let head: Vec<&str> = self.head.iter().map(|(title, _)| *title).collect();
        let mut lines = vec![self.line(&head, &widths)];
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            lines.push(self.line(&cells, &widths));
        }
        lines.join("\n")
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        let title = self.head[column].0;
        cells.chain([title]).map(|cell| cell.chars().count()).max().unwrap_or_default()
    }

    fn line(&self, cells: &[&str], widths: &[usize]) -> String {
        let padded =
            cells.iter().zip(&self.head).zip(widths).map(|((cell, (_, side)), width)| match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
            });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// Peers write some of it, and a terminal would obey.
fn visible(cell: String) -> String {
    match cell.contains(char::is_control) {
        true => cell.replace(char::is_control, "\u{fffd}"),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_phone_calls_itself_commands_no_terminal() {
        let mut table = Table::new([("PHONE", Side::Left)]);
        table.row(["a\u{1b}[31m\u{9b}b\n".to_owned()]);
        assert_eq!(table.or(""), "PHONE\na\u{fffd}[31m\u{fffd}b\u{fffd}");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_in_letters() {
        let mut table = Table::new([("NAME", Side::Left), ("CALLS", Side::Right)]);
        table.row(["Béatrice".to_owned(), "3".to_owned()]);
        table.row(["Zoé".to_owned(), "12".to_owned()]);
        assert_eq!(table.or(""), "NAME      CALLS\nBéatrice      3\nZoé          12");
        assert_eq!(Table::new([("NAME", Side::Left)]).or("nobody"), "nobody");
    }
}
