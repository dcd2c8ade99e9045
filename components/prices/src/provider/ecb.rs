//! The euro foreign exchange reference rates of the European Central Bank.
//!
//! Once a working day, about 16:00 in Frankfurt, it publishes what one euro was worth at 14:15 in some thirty currencies, as
//! `eurofxref-daily.xml`: a `Cube` with a `time` (a day), and in it a `Cube` with `currency` and `rate` for each.

use super::{Answer, Failure, News, Provider, Told, Variables, http};
use crate::decimal::Rate;
use crate::model::Instrument;
use futures::FutureExt as _;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use souk_kit::{Currency, Timestamp};
use time::Date;
use time::macros::format_description;

const PATH: &str = "/stats/eurofxref/eurofxref-daily.xml";

/// The European Central Bank.
pub struct Ecb;

impl Provider for Ecb {
    fn name(&self) -> &'static str {
        "ecb"
    }

    fn variables(&self) -> Option<Variables> {
        Some(Variables { url: "ecb_url", interval: "ecb_interval_s" })
    }

    fn is_daily(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, origin: &'a str, _: &'a [Instrument]) -> Answer<'a> {
        async move {
            let request = ::http::Request::get(format!("{origin}{PATH}")).header("accept", "application/xml");
            let xml = http::ask(request, None).await?;
            let xml = std::str::from_utf8(&xml).map_err(|_| Failure::new("answered no text"))?;
            read(xml)
        }
        .boxed()
    }
}

/// The rates of the last day in the document.
fn read(xml: &str) -> Result<News, Failure> {
    let mut reader = Reader::from_str(xml);
    let (mut news, mut day) = (News::default(), None);
    loop {
        let event = reader.read_event().map_err(|_| Failure::new("answered no XML"))?;
        let cube = match event {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "Cube" => {
                element
            }
            Event::Eof => break,
            _ => continue,
        };
        if let Some(text) = attribute(&cube, "time")? {
            let date = midday(&text).ok_or_else(|| Failure::new("answered with a day that is none"))?;
            // Some of its documents have many days, the last one first.
            if day.is_some_and(|first| first != date) {
                break;
            }
            day = Some(date);
        } else if let Some(currency) = attribute(&cube, "currency")? {
            let as_of = day.ok_or_else(|| Failure::new("answered with a rate of no day"))?;
            take(&mut news, &currency, attribute(&cube, "rate")?.as_deref(), as_of);
        }
    }
    match news.told.is_empty() {
        true => Err(Failure::new("answered without a single rate")),
        false => Ok(news),
    }
}

fn take(news: &mut News, currency: &str, rate: Option<&str>, as_of: Timestamp) {
    let is_known = currency.parse::<Currency>().is_ok_and(|it| it != Currency::EUR);
    let pair = is_known.then(|| Some((Currency::EUR.code().parse().ok()?, currency.parse().ok()?))).flatten();
    match (pair, rate.map(Rate::told)) {
        (Some((base, quote)), Some(Ok(rate))) if news.told.iter().all(|told| told.quote != quote) => {
            news.told.push(Told { base, quote, rate, as_of });
        }
        _ => news.unusable.push(format!("EUR/{}", currency.chars().take(3).collect::<String>())),
    }
}

/// An attribute's text. What is looked for has no characters that XML escapes.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Failure> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| Failure::new("answered no XML"))?;
        if attribute.key.as_ref() == name {
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

/// 14:15 in Frankfurt, where it is never later than that at 12:15 UTC.
fn midday(text: &str) -> Option<Timestamp> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    super::told_at(date.with_hms(12, 15, 0).ok()?.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAILY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-11-20'>
			<Cube currency='USD' rate='1.0944'/>
			<Cube currency='JPY' rate='147.34'/>
			<Cube currency="GBP" rate="0.88073"/>
		</Cube>
	</Cube>
</gesmes:Envelope>"#;

    fn pairs(news: &News) -> Vec<String> {
        news.told.iter().map(|told| format!("{}/{} {}", told.base, told.quote, told.rate)).collect()
    }

    #[test]
    fn the_daily_document_is_read() {
        let news = read(DAILY).unwrap();
        assert_eq!(pairs(&news), ["EUR/USD 1.0944", "EUR/JPY 147.34", "EUR/GBP 0.88073"]);
        assert_eq!(news.told[0].as_of.to_string(), "2026-11-20T12:15:00Z");
        assert!(news.unusable.is_empty());
    }

    #[test]
    fn of_many_days_the_first_counts() {
        let older = "</Cube><Cube time='2026-11-19'><Cube currency='USD' rate='9'/></Cube>";
        let news = read(&DAILY.replacen("</Cube>\n\t</Cube>", &format!("{older}</Cube>"), 1)).unwrap();
        assert_eq!(news.told.len(), 3);
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_rest_is() {
        for (bad, good) in
            [("1.0944", "N/A"), ("1.0944", "-1"), ("1.0944", "0"), ("'USD'", "'XXX'"), ("'USD'", "'EUR'")]
        {
            let news = read(&DAILY.replace(bad, good)).unwrap();
            assert_eq!((news.told.len(), news.unusable.len()), (2, 1), "{good}");
        }
        let twice = read(&DAILY.replace("'JPY'", "'USD'")).unwrap();
        assert_eq!(pairs(&twice), ["EUR/USD 1.0944", "EUR/GBP 0.88073"]);
    }

    #[test]
    fn nonsense_is_a_failure() {
        let future = DAILY.replace("2026", "2926");
        let no_day = DAILY.replace(" time='2026-11-20'", "");
        let bad_day = DAILY.replace("2026-11-20", "20.11.2026");
        for xml in
            ["", "{}", "<html><body>Sorry</body></html>", "<Cube", "<a></b>", &future, &no_day, &bad_day]
        {
            assert!(read(xml).is_err(), "{xml}");
        }
        // An entity that stands for a billion others is never looked at.
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Cube time='&b;'/>"#;
        assert!(read(bomb).is_err());
    }
}
