//! Regions, where an address is not complete without: states, provinces, territories.

/// The codes of a country's regions, as its post writes them.
const REGIONS: &[(&str, &[&str])] = &[
    ("AU", &["ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA"]),
    ("CA", &["AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"]),
    (
        "US",
        &[
            "AA", "AE", "AK", "AL", "AP", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "GU",
            "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MP", "MS",
            "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR", "RI", "SC",
            "SD", "TN", "TX", "UM", "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY",
        ],
    ),
];

/// The regions of a country that needs one; none where anything will do.
pub fn regions(country: &str) -> Option<&'static [&'static str]> {
    REGIONS.iter().find(|(code, _)| *code == country).map(|(_, regions)| *regions)
}
