//! Postal addresses: what every service that sends, taxes or invoices means by one.
//!
//! An address that was read is tidy (no spaces around, codes in capitals, nothing that is only blank); one that was
//! validated has a country that exists, a postal code of a form that the country knows, and a region where the country's
//! post needs one. Whether somebody lives there is not known.

pub mod country;
pub mod line;
mod postal;
mod region;

use garde::Validate;
use line::{capitals, capitals_or_none, plain, telephone, tidy, tidy_or_none};
use serde::{Deserialize, Serialize};
use souk_kit::Language;
use utoipa::ToSchema;

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris",
    "country": "FR"}))]
pub struct Address {
    /// Who receives there.
    #[garde(length(chars, max = 200), custom(plain))]
    #[serde(deserialize_with = "tidy")]
    pub name: String,
    /// The company, if it is one's.
    #[garde(inner(length(chars, max = 200), custom(plain)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub company: Option<String>,
    /// Street and number.
    #[garde(length(chars, max = 200), custom(plain))]
    #[serde(deserialize_with = "tidy")]
    pub line1: String,
    /// Building, floor, door.
    #[garde(inner(length(chars, max = 200), custom(plain)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub line2: Option<String>,
    /// City, town or village.
    #[garde(length(chars, max = 100), custom(plain))]
    #[serde(deserialize_with = "tidy")]
    pub city: String,
    /// State, province or the like: the code of the region in Australia, Canada and the United States, which need one.
    #[garde(custom(is_region_of(&self.country)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub region: Option<String>,
    /// Needed where the country has such codes, and in a form of the country's.
    #[garde(custom(is_postal_code_of(&self.country)))]
    #[serde(default, deserialize_with = "capitals_or_none")]
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[garde(custom(known_country))]
    #[serde(deserialize_with = "capitals")]
    pub country: String,
    /// For the carrier.
    #[garde(inner(length(max = 32), custom(telephone)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub phone: Option<String>,
}

impl Address {
    /// The lines of a label, the country last.
    pub fn lines(&self, language: Language) -> Vec<String> {
        let words = |parts: &[Option<&str>]| parts.iter().flatten().copied().collect::<Vec<_>>().join(" ");
        let (code, region) = (self.postal_code.as_deref(), self.region.as_deref());
        let place = match region::regions(&self.country) {
            Some(_) => words(&[Some(&self.city), region, code]),
            None if self.country == "GB" => words(&[Some(&self.city), code]),
            None => words(&[code, Some(&self.city)]),
        };
        // Where the post does not ask for the region, it has a line of its own.
        let apart = region.filter(|_| region::regions(&self.country).is_none());
        let country = country::name(&self.country, language).unwrap_or(&self.country);
        [Some(self.name.as_str()), self.company.as_deref(), Some(&self.line1), self.line2.as_deref()]
            .into_iter()
            .chain([Some(place.as_str()), apart, Some(country)])
            .flatten()
            .map(str::to_owned)
            .collect()
    }
}

/// Refuses what is no country: a rule for garde.
pub fn known_country(code: &str, (): &()) -> garde::Result {
    match country::exists(code) {
        true => Ok(()),
        false => Err(garde::Error::new("is not an ISO 3166-1 alpha-2 code")),
    }
}

/// Longer than any code of any country.
const MAX_POSTAL_CODE: usize = 16;
const MAX_REGION: usize = 100;

fn is_postal_code_of(country: &str) -> impl FnOnce(&Option<String>, &()) -> garde::Result {
    let forms = postal::forms(country);
    move |code, ()| match (code.as_deref(), forms) {
        (None, []) => Ok(()),
        (None, [form, ..]) => {
            Err(garde::Error::new(format!("is required, such as {}", postal::example(form))))
        }
        (Some(code), []) if code.chars().count() > MAX_POSTAL_CODE => {
            Err(garde::Error::new(format!("must have at most {MAX_POSTAL_CODE} characters")))
        }
        (Some(code), []) => plain(code, &()),
        (Some(code), forms) if forms.iter().any(|form| postal::fits(code, form)) => Ok(()),
        (Some(_), [form, ..]) => Err(garde::Error::new(format!(
            "must be a code of the country, such as {}",
            postal::example(form)
        ))),
    }
}

fn is_region_of(country: &str) -> impl FnOnce(&Option<String>, &()) -> garde::Result {
    let regions = region::regions(country);
    move |region, ()| match (region.as_deref(), regions) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(garde::Error::new("is required in this country")),
        (Some(region), Some(regions)) if regions.contains(&region) => Ok(()),
        (Some(_), Some(regions)) => Err(garde::Error::new(format!("must be one of {}", regions.join(", ")))),
        (Some(region), None) if region.chars().count() > MAX_REGION => {
            Err(garde::Error::new(format!("must have at most {MAX_REGION} characters")))
        }
        (Some(region), None) => plain(region, &()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use souk_kit::valid::parse;

    fn paris() -> Value {
        json!({"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"})
    }

    fn with(changes: &[(&str, Value)]) -> Value {
        let mut address = paris();
        for (field, value) in changes {
            address[*field] = value.clone();
        }
        address
    }

    fn blamed(address: &Value) -> Vec<String> {
        match parse::<Address>(address.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(problem) => problem.errors().iter().filter_map(|error| error.pointer.clone()).collect(),
        }
    }

    #[test]
    fn an_address_is_tidied_as_it_is_read() {
        let untidy = with(&[
            ("name", json!("  Ana Silva ")),
            ("company", json!(" ")),
            ("country", json!("gb")),
            ("postal_code", json!("sw1a 1aa")),
        ]);
        let address: Address = parse(untidy.to_string().as_bytes()).unwrap();
        assert_eq!((address.name.as_str(), address.company), ("Ana Silva", None));
        assert_eq!((address.country.as_str(), address.postal_code.as_deref()), ("GB", Some("SW1A 1AA")));
    }

    #[test]
    fn a_country_says_what_an_address_needs() {
        let america = |region: Value| {
            with(&[("country", json!("US")), ("postal_code", json!("94103")), ("region", region)])
        };
        assert!(blamed(&paris()).is_empty() && blamed(&america(json!("CA"))).is_empty());
        assert!(blamed(&with(&[("country", json!("AE")), ("postal_code", Value::Null)])).is_empty());
        assert_eq!(blamed(&with(&[("postal_code", Value::Null)])), ["/postal_code"]);
        assert_eq!(blamed(&with(&[("postal_code", json!("7500"))])), ["/postal_code"]);
        assert_eq!(blamed(&america(Value::Null)), ["/region"]);
        assert_eq!(blamed(&america(json!("QC"))), ["/region"]);
        assert_eq!(blamed(&with(&[("country", json!("XX"))])), ["/country"]);
        assert_eq!(
            blamed(&with(&[("country", json!("AE")), ("postal_code", json!("1".repeat(17)))])),
            ["/postal_code"]
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let bad = json!({"name": "", "line1": "a\nb", "city": 7, "country": "france", "phone": "call me", "planet": "earth"});
        let mut found = blamed(&bad);
        found.sort();
        assert_eq!(found, ["/city", "/country", "/line1", "/name", "/phone", "/planet"]);
    }

    #[test]
    fn a_label_is_written_as_the_country_writes_it() {
        let label =
            |address: &Value| parse::<Address>(address.to_string().as_bytes()).unwrap().lines(Language::Fr);
        assert_eq!(label(&paris()), ["Ana Silva", "12 rue de la Paix", "75002 Paris", "France"]);
        let america = with(&[
            ("country", json!("US")),
            ("region", json!("CA")),
            ("city", json!("San Francisco")),
            ("postal_code", json!("94103")),
        ]);
        assert_eq!(label(&america)[2..], ["San Francisco CA 94103", "États-Unis"]);
    }

    proptest! {
        #[test]
        fn what_was_accepted_is_accepted_again(name in "\\PC{0,20}", code in "[0-9A-Z -]{0,10}", country in "[A-Z]{2}") {
            let address = with(&[("name", json!(name)), ("postal_code", json!(code)), ("country", json!(country))]);
            if let Ok(read) = parse::<Address>(address.to_string().as_bytes()) {
                let again: Address = parse(&serde_json::to_vec(&read).unwrap()).unwrap();
                prop_assert_eq!(read, again);
            }
        }
    }
}
