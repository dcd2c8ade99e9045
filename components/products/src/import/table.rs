//! CSV: rows of one product below each other, read as the bytes come in. `sheet.rs` says what the columns are.

use crate::import::{Item, LineError, MAX_LINE};
use crate::model::{ProductInput, Status, VariantInput};
use crate::rules;
use crate::sheet::{Column, items, unguarded};
use csv_core::{ReadRecordResult, Reader};
use souk_kit::{Currency, Money};

/// Cells of a row: far more columns than the shop has languages and options.
const MAX_CELLS: usize = 1000;

/// Reads products from a table. It never holds more than one row and one product.
pub struct Table {
    reader: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// How much of `cells` and `ends` the row under way has filled.
    filled: (usize, usize),
    /// Whether a row is under way, and where it begins.
    begun: bool,
    line: u64,
    /// The row is too long: the rest of it is let go by.
    too_long: bool,
    columns: Option<Vec<Column>>,
    /// The head is bad, so nothing below it can be read.
    dead: bool,
    product: Option<Rows>,
}

/// The rows of a product, so far.
struct Rows {
    line: u64,
    input: ProductInput,
    /// The line of each variant.
    lines: Vec<u64>,
    errors: Vec<LineError>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            reader: Reader::new(),
            cells: vec![0; MAX_LINE],
            ends: vec![0; MAX_CELLS],
            filled: (0, 0),
            begun: false,
            line: 1,
            too_long: false,
            columns: None,
            dead: false,
            product: None,
        }
    }
}

impl Table {
    /// Takes bytes in and gives the products that they complete.
    pub fn push(&mut self, mut bytes: &[u8], into: &mut Vec<Item>) {
        while !bytes.is_empty() && !self.dead {
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let read = match (self.begun, blank) {
                // Line breaks between rows go by themselves: the parser counts them only when it has them.
                (false, 1..) => self.read(&bytes[..blank], into),
                (false, 0) => {
                    (self.begun, self.line) = (true, self.reader.line());
                    self.read(bytes, into)
                }
                (true, _) => self.read(bytes, into),
            };
            bytes = &bytes[read..];
        }
    }

    /// Gives the last product.
    pub fn finish(&mut self, into: &mut Vec<Item>) {
        // Nothing to read means that the input is at its end: the first time completes a row without a line break.
        self.read(&[], into);
        into.extend(self.product.take().map(Rows::into_item));
    }

    /// One step of the parser; says how many bytes it took.
    fn read(&mut self, bytes: &[u8], into: &mut Vec<Item>) -> usize {
        let (cells, ends) = self.filled;
        let (result, read, written, ended) =
            self.reader.read_record(bytes, &mut self.cells[cells..], &mut self.ends[ends..]);
        self.filled = (cells + written, ends + ended);
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                self.too_long = true;
                self.filled = (0, 0);
            }
            ReadRecordResult::Record => {
                self.row(into);
                self.filled = (0, 0);
                (self.begun, self.too_long) = (false, false);
            }
        }
        read
    }

    fn row(&mut self, into: &mut Vec<Item>) {
        let line = self.line;
        let cells = match self.too_long {
            true => Err(format!("is longer than {MAX_LINE} bytes or has more than {MAX_CELLS} cells")),
            false => self.texts(),
        };
        let Some(columns) = &self.columns else {
            match cells.and_then(|cells| head(&cells)) {
                Ok(columns) => self.columns = Some(columns),
                Err(detail) => {
                    self.dead = true;
                    into.push(Item { line, product: Err(vec![LineError::whole(line, detail)]) });
                }
            }
            return;
        };
        let cells = cells.and_then(|cells| match cells.len() == columns.len() {
            true => Ok(cells),
            false => Err(format!("has {} cells instead of {}", cells.len(), columns.len())),
        });
        match cells {
            Err(detail) => {
                // Which product it belongs to is not known: what is above it may be incomplete, and stays as it is.
                into.extend(self.product.take().map(Rows::into_item));
                into.push(Item { line, product: Err(vec![LineError::whole(line, detail)]) });
            }
            Ok(cells) => {
                let row = Row { line, columns, cells: &cells };
                let slug = row.get(&Column::Slug);
                if self.product.as_ref().is_none_or(|product| product.input.slug != slug) {
                    into.extend(self.product.take().map(Rows::into_item));
                }
                let product = self.product.get_or_insert_with(|| Rows::begin(&row));
                product.add(&row);
            }
        }
    }

    fn texts(&self) -> Result<Vec<String>, String> {
        let mut start = 0;
        let mut texts = Vec::with_capacity(self.filled.1);
        for end in &self.ends[..self.filled.1] {
            let text = std::str::from_utf8(&self.cells[start..*end]).map_err(|_| "is not UTF-8")?;
            texts.push(unguarded(text).to_owned());
            start = *end;
        }
        Ok(texts)
    }
}

fn head(cells: &[String]) -> Result<Vec<Column>, String> {
    let mut columns = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        // Spreadsheets begin a UTF-8 file with a byte order mark.
        let name = if index == 0 { cell.trim_start_matches('\u{feff}') } else { cell };
        let column = Column::named(name.trim()).ok_or_else(|| format!("has the unknown column `{name}`"))?;
        if columns.contains(&column) {
            return Err(format!("has the column `{name}` twice"));
        }
        columns.push(column);
    }
    match columns.contains(&Column::Slug) {
        true => Ok(columns),
        false => Err("has no column `slug`".into()),
    }
}

struct Row<'a> {
    line: u64,
    columns: &'a [Column],
    cells: &'a [String],
}

impl Row<'_> {
    fn get(&self, column: &Column) -> &str {
        let index = self.columns.iter().position(|it| it == column);
        index.and_then(|index| self.cells.get(index)).map(String::as_str).unwrap_or_default()
    }

    fn filled(&self, column: &Column) -> Option<String> {
        Some(self.get(column)).filter(|cell| !cell.is_empty()).map(str::to_owned)
    }

    /// A cell read as `T`; what cannot be read is noted.
    fn parsed<T: std::str::FromStr>(
        &self,
        column: &Column,
        errors: &mut Vec<LineError>,
        what: &str,
    ) -> Option<T> {
        let cell = self.filled(column)?;
        let parsed = cell.trim().parse().ok();
        if parsed.is_none() {
            errors.push(LineError::at(self.line, column.name(), format!("is not {what}")));
        }
        parsed
    }
}

impl Rows {
    fn begin(row: &Row<'_>) -> Self {
        let mut errors = Vec::new();
        let mut input = ProductInput {
            slug: row.get(&Column::Slug).to_owned(),
            brand: row.filled(&Column::Brand),
            tags: items(row.get(&Column::Tags)),
            categories: items(row.get(&Column::Categories)),
            options: items(row.get(&Column::Options)),
            ..ProductInput::default()
        };
        input.status = match row.get(&Column::Status) {
            "" | "draft" => Status::Draft,
            "active" => Status::Active,
            "archived" => Status::Archived,
            _ => {
                errors.push(LineError::at(
                    row.line,
                    "status".into(),
                    "is not draft, active or archived".into(),
                ));
                Status::Draft
            }
        };
        for (column, cell) in row.columns.iter().zip(row.cells).filter(|(_, cell)| !cell.is_empty()) {
            match column {
                Column::Title(language) => input.title.insert(language.clone(), cell.clone()),
                Column::Description(language) => input.description.insert(language.clone(), cell.clone()),
                _ => None,
            };
        }
        Self { line: row.line, input, lines: Vec::new(), errors }
    }

    /// Adds the row's variant, if it has one.
    fn add(&mut self, row: &Row<'_>) {
        let Some(sku) = row.filled(&Column::Sku) else { return };
        let errors = &mut self.errors;
        let currency = row.parsed(&Column::Currency, errors, "an ISO 4217 currency code");
        let amount = row.parsed(&Column::Price, errors, "a whole number of minor units");
        let compare_at = row.parsed(&Column::CompareAtPrice, errors, "a whole number of minor units");
        let missing = |column: &Column| row.get(column).is_empty();
        for column in [Column::Price, Column::Currency].iter().filter(|column| missing(column)) {
            errors.push(LineError::at(row.line, column.name(), "is missing".into()));
        }
        let currency = currency.unwrap_or(Currency::EUR);
        let mut options = crate::model::Texts::new();
        for (column, cell) in row.columns.iter().zip(row.cells).filter(|(_, cell)| !cell.is_empty()) {
            if let Column::Option(option) = column {
                options.insert(option.clone(), cell.clone());
            }
        }
        let variant = VariantInput {
            sku,
            options,
            price: Money::new(amount.unwrap_or_default(), currency),
            compare_at_price: compare_at.map(|amount| Money::new(amount, currency)),
            available: row.parsed(&Column::Available, errors, "true or false").unwrap_or(true),
            weight_g: row.parsed(&Column::Weight, errors, "a whole number of grams"),
            barcode: row.filled(&Column::Barcode),
        };
        // One more than a product may have is enough to say so.
        if self.input.variants.len() <= rules::MAX_VARIANTS {
            self.input.variants.push(variant);
            self.lines.push(row.line);
        }
    }

    fn into_item(mut self) -> Item {
        let line = self.line;
        let lines = &self.lines;
        self.errors.extend(rules::check(&self.input).into_iter().map(|finding| {
            let variant = match finding.path.as_slice() {
                [variants, index, ..] if variants == "variants" => index.parse().ok(),
                _ => None,
            };
            let line = variant.and_then(|index: usize| lines.get(index)).copied().unwrap_or(line);
            LineError::at(line, finding.path.join("/"), finding.detail)
        }));
        match self.errors.is_empty() {
            true => Item { line, product: Ok(self.input) },
            false => Item { line, product: Err(self.errors) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Product, Texts};
    use crate::sheet;
    use proptest::prelude::*;
    use souk_kit::Timestamp;

    fn read_in_pieces(text: &[u8], size: usize) -> Vec<Item> {
        let (mut table, mut items) = (Table::default(), Vec::new());
        text.chunks(size.max(1)).for_each(|piece| table.push(piece, &mut items));
        table.finish(&mut items);
        items
    }

    fn told(text: &str) -> Vec<(u64, String)> {
        let errors = read_in_pieces(text.as_bytes(), 3).into_iter().filter_map(|item| item.product.err());
        errors.flatten().map(|error| (error.line, error.pointer.unwrap_or(error.detail))).collect()
    }

    const HEAD: &str = "\u{feff}slug,title.en,sku,price,currency\r\n";

    #[test]
    fn rows_below_each_other_are_variants_of_one_product() {
        let text = format!("{HEAD}a,A lamp,A1,100,EUR\r\nb,B lamp,,,\r\nc,\"C, \"\"lamp\"\"\",C1,1,EUR");
        let items = read_in_pieces(text.as_bytes(), 5);
        let fit: Vec<_> = items.into_iter().map(|item| item.product.unwrap()).collect();
        let seen: Vec<_> = fit.iter().map(|input| (input.slug.as_str(), input.variants.len())).collect();
        assert_eq!(seen, [("a", 1), ("b", 0), ("c", 1)]);
        assert_eq!(fit[2].title["en"], "C, \"lamp\"");
    }

    #[test]
    fn a_bad_row_is_told_with_its_line_and_column() {
        let text = format!("{HEAD}a,A lamp,A1,1.5,EUR\nb,B,B1,1,EUR,x\nc,C,C1,,eur\nd,D lamp,D1,1,EUR\n");
        let wrong = [(2, "/price"), (3, "has 6 cells instead of 5"), (4, "/currency"), (4, "/price")];
        let wrong: Vec<_> = wrong.into_iter().map(|(line, what)| (line, what.to_owned())).collect();
        assert_eq!(told(&text), wrong);
    }

    #[test]
    fn a_head_that_says_something_else_is_refused() {
        assert_eq!(told("slug,colour\na,b\n"), [(1, "has the unknown column `colour`".into())]);
        assert_eq!(told("title.en\na\n"), [(1, "has no column `slug`".into())]);
    }

    #[test]
    fn a_row_without_an_end_is_let_go_by() {
        let text = format!("{HEAD}\"{}\"\nd,D lamp,D1,1,EUR\n", "x".repeat(3 * MAX_LINE));
        let items = read_in_pieces(text.as_bytes(), 5000);
        assert!(items.len() == 2 && items[0].product.is_err() && items[1].product.is_ok());
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_unchanged(
            texts in prop::collection::vec("[-=+@'\"a-z, é]{0,4}x[-=',\"]{0,2}", 5),
            amounts in prop::collection::vec(0_i64..5, 0..3),
            size in 1_usize..50,
        ) {
            let line = |index: usize| texts[index].trim().to_owned();
            let input = ProductInput {
                slug: "lamp".into(),
                title: Texts::from([("en".into(), line(0))]),
                description: Texts::from([("fr".into(), format!("{}\r\n{}", texts[1], texts[2]))]),
                brand: Some(line(3)),
                tags: vec![line(4)],
                options: vec!["size".into()],
                variants: amounts.iter().enumerate().map(|(index, amount)| VariantInput {
                    sku: format!("{}-{index}", line(2)),
                    options: Texts::from([("size".into(), index.to_string())]),
                    price: Money::new(*amount, Currency::EUR),
                    compare_at_price: (*amount > 2).then(|| Money::new(9, Currency::EUR)),
                    available: *amount != 1,
                    weight_g: u32::try_from(*amount).ok(),
                    barcode: Some("-1".into()),
                }).collect(),
                ..ProductInput::default()
            };
            let columns = Column::all(&["en".into()], &["fr".into()], &["size".into()]);
            let mut text = String::new();
            sheet::head(&columns, &mut text);
            sheet::rows(&columns, &Product::from_input(input.clone(), None, Timestamp::now()), &mut text);
            let items = read_in_pieces(text.as_bytes(), size);
            prop_assert_eq!(items, vec![Item { line: 2, product: Ok(input) }]);
        }
    }
}
