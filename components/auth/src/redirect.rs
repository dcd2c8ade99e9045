//! Where people may be sent back to (RFC 9700, section 2.1; RFC 8252 for programs on people's own machines).

/// The longest address that is registered.
const MAX: usize = 1000;

/// Why an address cannot be registered; nothing when it can.
pub fn objection(uri: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}*#".contains(&byte);
    if uri.len() > MAX {
        return Some("is too long");
    }
    if !uri.bytes().all(is_plain) {
        return Some("must be an absolute address without a fragment, a wildcard or odd characters");
    }
    let Some((scheme, rest)) = uri.split_once(':') else { return Some("must be absolute") };
    match scheme {
        "https" if authority(rest).is_some() => None,
        "http" if authority(rest).is_some_and(is_own_machine) => None,
        "http" => Some("must use https, but for a program on one's own machine"),
        // A name of a domain in reverse (RFC 8252, section 7.1), so that no two programs use the same.
        own if own.contains('.') && is_scheme(own) && rest.starts_with('/') => None,
        _ => Some("must be an https address with a host"),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-+".contains(&byte))
}

/// Host and port of what follows the scheme; nothing when there is no host, or somebody's name before it.
fn authority(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("//")?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let is_sound = !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains(['@', '%'])
        && port.is_none_or(|port| port.parse::<u16>().is_ok());
    is_sound.then_some(authority)
}

fn is_own_machine(authority: &str) -> bool {
    let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    matches!(host.map_or(authority, |(host, _)| host), "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether an address is the registered one, exactly; the port of one's own machine is not known beforehand and may be any
/// (RFC 8252, section 7.3).
pub fn is_same(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    ["http://127.0.0.1", "http://[::1]"].into_iter().any(|own| {
        let rest = |uri: &'_ str| -> Option<String> {
            let rest = uri.strip_prefix(own)?;
            let Some(port) = rest.strip_prefix(':') else {
                return rest.starts_with(['/', '?']).then(|| rest.to_owned());
            };
            let path = port.find(['/', '?']).map_or("", |at| &port[at..]);
            let digits = &port[..port.len() - path.len()];
            digits.parse::<u16>().ok().filter(|_| !digits.starts_with('+')).map(|_| path.to_owned())
        };
        rest(registered).is_some_and(|path| rest(asked) == Some(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_registered() {
        for good in [
            "https://shop.example/callback",
            "https://shop.example",
            "https://shop.example:8443/cb?x=1",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:1234/cb",
            "http://[::1]/cb",
            "http://[::1]:1234/cb",
            "http://localhost:3000/cb",
            "com.example.app:/cb",
        ] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in [
            "",
            "/cb",
            "shop.example/cb",
            "//shop.example/cb",
            "http://shop.example/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "https://shop.example@evil.example/cb",
            "https://*.shop.example/cb",
            "https://shop.example/cb#x",
            "https://shop.example/a b",
            "https://shop.example\\@evil.example",
            "https:///cb",
            "https://:443/cb",
            "https://shop.example:99999/cb",
            "https:shop.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "JavaScript.x:/y",
            "app:/cb",
            "com.example.app:cb",
            "https://shöp.example/cb",
        ] {
            assert!(objection(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_the_registered_one_but_for_the_port_of_ones_own_machine() {
        for (registered, asked) in [
            ("https://a.example/cb", "https://a.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb"),
            ("http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:2/cb?x=1"),
            ("http://[::1]/cb", "http://[::1]:5000/cb"),
        ] {
            assert!(is_same(registered, asked), "{asked}");
        }
        for (registered, asked) in [
            ("https://a.example/cb", "https://a.example/cb/"),
            ("https://a.example/cb", "https://a.example/cb?x=1"),
            ("https://a.example/cb", "https://A.example/cb"),
            ("https://a.example/cb", "https://a.example:443/cb"),
            ("http://localhost/cb", "http://localhost:5000/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/other"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:5000/cb"),
            ("http://127.0.0.1/cb", "http://[::1]:5000/cb"),
        ] {
            assert!(!is_same(registered, asked), "{asked}");
        }
    }
}
