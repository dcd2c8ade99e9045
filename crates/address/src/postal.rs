//! Postal codes: which forms a country's have.

/// The forms of a country's codes. `#` stands for a digit, `@` for a letter, `*` for either; blanks and hyphens are as the
/// country writes them, and may be left out.
#[rustfmt::skip]
const FORMS: &[(&str, &[&str])] = &[
    // The European Union
    ("AT", &["####"]), ("BE", &["####"]), ("BG", &["####"]), ("CY", &["####"]), ("CZ", &["### ##"]), ("DE", &["#####"]),
    ("DK", &["####"]), ("EE", &["#####"]), ("ES", &["#####"]), ("FI", &["#####"]), ("FR", &["#####"]), ("GR", &["### ##"]),
    ("HR", &["#####"]), ("HU", &["####"]), ("IE", &["@## ****", "D6W ****"]), ("IT", &["#####"]),
    ("LT", &["#####", "LT-#####"]), ("LU", &["####", "L-####"]), ("LV", &["####", "LV-####"]), ("MT", &["@@@ ####"]),
    ("NL", &["#### @@"]), ("PL", &["##-###"]), ("PT", &["####-###"]), ("RO", &["######"]), ("SE", &["### ##"]),
    ("SI", &["####", "SI-####"]), ("SK", &["### ##"]),
    // The European Economic Area, Switzerland, and their small neighbours
    ("CH", &["####"]), ("IS", &["###"]), ("LI", &["####"]), ("NO", &["####"]), ("AD", &["AD###"]), ("MC", &["980##"]),
    ("SM", &["4789#"]), ("VA", &["00120"]),
    // Overseas
    ("AX", &["22###"]), ("FO", &["###"]), ("GF", &["973##"]), ("GL", &["39##"]), ("GP", &["971##"]), ("MQ", &["972##"]),
    ("NC", &["988##"]), ("PF", &["987##"]), ("PM", &["975##"]), ("RE", &["974##"]), ("WF", &["986##"]), ("YT", &["976##"]),
    // The United Kingdom and its dependencies
    ("GB", &["@# #@@", "@## #@@", "@@# #@@", "@@## #@@", "@#@ #@@", "@@#@ #@@", "GIR 0AA"]),
    ("GG", &["GY# #@@", "GY## #@@"]), ("GI", &["GX11 1AA"]), ("IM", &["IM# #@@", "IM## #@@"]), ("JE", &["JE# #@@"]),
    // Elsewhere
    ("AU", &["####"]), ("BR", &["#####-###"]), ("CA", &["@#@ #@#"]), ("CN", &["######"]), ("ID", &["#####"]),
    ("IN", &["######"]), ("JP", &["###-####"]), ("KR", &["#####"]), ("MX", &["#####"]), ("MY", &["#####"]),
    ("NZ", &["####"]), ("PR", &["#####", "#####-####"]), ("SG", &["######"]), ("TH", &["#####"]), ("TR", &["#####"]),
    ("UA", &["#####"]), ("US", &["#####", "#####-####"]), ("ZA", &["####"]),
];

/// The forms of a country's postal codes; none where we know of none.
pub fn forms(country: &str) -> &'static [&'static str] {
    FORMS.iter().find(|(code, _)| *code == country).map_or(&[], |(_, forms)| forms)
}

/// Whether a code has this form.
pub fn fits(code: &str, form: &str) -> bool {
    let (mut code, mut form) = (significant(code), significant(form));
    loop {
        match (code.next(), form.next()) {
            (None, None) => return true,
            (Some(sign), Some(place)) if stands_for(place, sign) => {}
            _ => return false,
        }
    }
}

fn significant(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|sign| !matches!(sign, ' ' | '-'))
}

fn stands_for(place: char, sign: char) -> bool {
    match place {
        '#' => sign.is_ascii_digit(),
        '@' => sign.is_ascii_uppercase(),
        '*' => sign.is_ascii_digit() || sign.is_ascii_uppercase(),
        literal => literal == sign,
    }
}

/// A code of this form, to show what one looks like.
pub fn example(form: &str) -> String {
    let mut digits = ('1'..='9').cycle();
    let mut letters = ('A'..='Z').cycle();
    let sign = |place| match place {
        '#' => digits.next(),
        '@' | '*' => letters.next(),
        literal => Some(literal),
    };
    form.chars().filter_map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_code_and_is_found_by_its_country() {
        for (country, all) in FORMS {
            assert!(forms(country).len() == all.len() && crate::country::exists(country), "{country}");
            for form in *all {
                assert!(fits(&example(form), form), "{country} {form}");
            }
        }
    }

    #[test]
    fn codes_of_neighbours_do_not_fit() {
        let is_code_of = |country: &str, code: &str| forms(country).iter().any(|form| fits(code, form));
        for (country, code) in [
            ("FR", "75001"),
            ("GB", "SW1A 1AA"),
            ("GB", "SW1A1AA"),
            ("GB", "M1 1AE"),
            ("US", "94103"),
            ("US", "94103-1234"),
            ("CA", "K1A 0B1"),
            ("NL", "1012 AB"),
            ("JP", "100-0001"),
            ("BR", "01310-100"),
            ("IE", "D02 AF30"),
            ("PL", "00-001"),
            ("LV", "LV-1010"),
        ] {
            assert!(is_code_of(country, code), "{country} {code}");
        }
        for (country, code) in [
            ("FR", "7500"),
            ("FR", "SW1A 1AA"),
            ("FR", "７５００１"),
            ("GB", "75001"),
            ("US", "9410"),
            ("CA", "94103"),
            ("NL", "1012"),
            ("LV", "LT-1010"),
            ("CH", "80011"),
        ] {
            assert!(!is_code_of(country, code), "{country} {code}");
        }
    }
}
