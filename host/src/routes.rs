//! Which component a path belongs to, with Spin's precedence, and what of the match a component is told.

use routefinder::Router as Finder;

/// What Spin serves itself, before any component.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spin/";

/// The public routes of an application.
pub(crate) struct Router(Finder<Route>);

#[derive(Clone, Debug)]
struct Route {
    component: String,
    /// As the manifest has it.
    raw: String,
    /// Without the trailing slash that Spin drops.
    based: String,
}

/// A request's way to a component.
#[derive(Debug)]
pub(crate) struct Match {
    pub component: String,
    pub raw_route: String,
    pub matched_route: String,
    /// What a trailing `/...` took.
    pub path_info: String,
    /// What each `:name` took.
    pub named: Vec<(String, String)>,
}

impl Match {
    /// The match of a call that names its component: between components, or by the host itself.
    pub fn direct(component: &str, path: &str) -> Self {
        Self {
            component: component.to_owned(),
            raw_route: "/...".to_owned(),
            matched_route: "/...".to_owned(),
            path_info: path.to_owned(),
            named: Vec::new(),
        }
    }

    /// The route up to its wildcard.
    pub fn component_route(&self) -> &str {
        self.raw_route.strip_suffix("/...").unwrap_or(&self.raw_route)
    }
}

impl Router {
    /// A router over `(route, component)`. The later of two equal routes wins, as in Spin.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Self> {
        let mut kept: Vec<Route> = Vec::new();
        for (raw, component) in routes {
            let absolute = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
            let based = absolute.strip_suffix('/').unwrap_or(&absolute).to_owned();
            let route = Route { component: component.to_owned(), raw: raw.to_owned(), based };
            match kept.iter_mut().find(|known| known.raw == raw) {
                Some(known) => {
                    tracing::warn!(
                        "the route {raw} of {} is never used: {component} has the same",
                        known.component
                    );
                    *known = route;
                }
                None => kept.push(route),
            }
        }
        let mut finder = Finder::new();
        for route in kept {
            let spec = match route.based.strip_suffix("/...") {
                Some(before) => format!("{before}/*"),
                None => route.based.clone(),
            };
            let (raw, component) = (route.raw.clone(), route.component.clone());
            finder
                .add(spec, route)
                .map_err(|e| anyhow::anyhow!("the route {raw} of {component} is wrong: {e}"))?;
        }
        Ok(Self(finder))
    }

    pub fn find(&self, path: &str) -> Option<Match> {
        let found = self.0.best_match(path)?;
        let captures = found.captures();
        // Spin hands on a trailing slash that the route finder leaves out.
        let path_info = captures.wildcard().map(|rest| match (rest.is_empty(), path.ends_with('/')) {
            (true, false) => String::new(),
            (true, true) => "/".to_owned(),
            (false, false) => format!("/{rest}"),
            (false, true) => format!("/{rest}/"),
        });
        Some(Match {
            component: found.component.clone(),
            raw_route: found.raw.clone(),
            matched_route: found.based.clone(),
            path_info: path_info.unwrap_or_default(),
            named: captures.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }

    /// Every route with its component, for the start message.
    pub fn list(&self) -> Vec<(String, String)> {
        let show = |route: &Route| match route.based.strip_suffix("/...") {
            Some(before) => (
                route.component.clone(),
                format!("{} (wildcard)", if before.is_empty() { "/" } else { before }),
            ),
            None => (
                route.component.clone(),
                if route.based.is_empty() { "/".to_owned() } else { route.based.clone() },
            ),
        };
        self.0.iter().map(|(_, route)| show(route)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        Router::new([
            ("/...", "web"),
            ("/api/...", "gateway"),
            ("/api/v1/users", "users"),
            ("/shops/:shop/items/:item", "items"),
            ("/files/:owner/...", "files"),
            ("/plain/", "plain"),
        ])
        .expect("good routes")
    }

    fn component(path: &str) -> String {
        router().find(path).expect("a match").component
    }

    #[test]
    fn the_most_exact_route_wins() {
        assert_eq!(component("/"), "web");
        assert_eq!(component("/apis"), "web");
        assert_eq!(component("/api"), "gateway");
        assert_eq!(component("/api/v1/users"), "users");
        assert_eq!(component("/api/v1/users/"), "users");
        assert_eq!(component("/api/v1/users/1"), "gateway");
        assert_eq!(component("/plain"), "plain");
    }

    #[test]
    fn parts_of_the_path_are_taken() {
        let found = router().find("/shops/7/items/8").expect("a match");
        assert_eq!(found.named, [("shop".to_owned(), "7".to_owned()), ("item".to_owned(), "8".to_owned())]);
        assert_eq!(found.path_info, "");
        let found = router().find("/files/ana/a/b/").expect("a match");
        assert_eq!(found.path_info, "/a/b/");
        assert_eq!(found.component_route(), "/files/:owner");
        assert_eq!(found.matched_route, "/files/:owner/...");
    }

    #[test]
    fn the_later_of_two_equal_routes_wins() {
        let router = Router::new([("/a", "first"), ("/a", "second")]).expect("good routes");
        assert_eq!(router.find("/a").expect("a match").component, "second");
    }

    #[test]
    fn nothing_matches_nothing() {
        assert!(Router::new([("/a", "a")]).expect("good routes").find("/b").is_none());
    }
}
