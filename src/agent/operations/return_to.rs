//! Addresses to which the sign-in page sends people back.

use url::Url;

use crate::agent::config::{ConsoleConfig, ConsoleService};
use crate::webauthn::Origin;

/// The service at whose origin this address is, and the address as browsers read it; none for an
/// address anywhere else.
pub(crate) fn service<'a>(
    console: &'a ConsoleConfig,
    address: &str,
) -> Option<(&'a ConsoleService, String)> {
    if address.len() > LONGEST {
        return None;
    }
    // The origin of a `blob:` address is that of the address inside it.
    let url = Url::parse(address)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()))?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let origin: Origin = url.origin().ascii_serialization().parse().ok()?;
    let service = console.services.iter().find(|service| service.origin == origin);
    service.filter(|_| anonymous).map(|service| (service, url.into()))
}

/// In bytes.
const LONGEST: usize = 2_048;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::agent::config::Config;

    fn of_service(address: &str) -> Option<String> {
        let text = "[[console.service]]\nname = \"Orders\"\nreceive = \"/mfa\"\n\
                    origin = \"https://orders.example.com\"\naudience = \"orders\"\n";
        let config = Config::parse(text, Path::new("twostep.toml")).unwrap();
        service(&config.console, address).map(|(service, address)| {
            assert_eq!(service.name.as_str(), "Orders");
            address
        })
    }

    #[test]
    fn an_address_of_a_service_is_read_as_browsers_read_it() {
        for (address, read) in [
            ("https://orders.example.com", "https://orders.example.com/"),
            ("https://orders.example.com/cart?a=b#c", "https://orders.example.com/cart?a=b#c"),
            ("HTTPS://Orders.Example.COM:443/", "https://orders.example.com/"),
            ("https:\\\\orders.example.com\\cart", "https://orders.example.com/cart"),
            (" https://orders.example.com/\t", "https://orders.example.com/"),
        ] {
            assert_eq!(of_service(address).as_deref(), Some(read), "{address}");
        }
    }

    #[test]
    fn every_other_address_is_foreign() {
        for address in [
            "",
            "/cart",
            "//orders.example.com/",
            "orders.example.com",
            "http://orders.example.com/",
            "https://orders.example.com:8443/",
            "https://orders.example.com.evil.example/",
            "https://orders.example.com@evil.example/",
            "https://user@orders.example.com/",
            "https://:pass@orders.example.com/",
            "https://evil.example/?https://orders.example.com/",
            "https://evil.example#@orders.example.com/",
            "https://evil.example\\@orders.example.com/",
            "https://orders.example.com%2f@evil.example/",
            "https://orders.example.com\u{ff0f}.evil.example/",
            "https://xorders.example.com/",
            "https://example.com/",
            "https://orders.example.com./",
            "javascript:alert(1)//https://orders.example.com/",
            "data:text/html,https://orders.example.com/",
            "blob:https://orders.example.com/0",
            "ftp://orders.example.com/",
            "https://",
        ] {
            assert_eq!(of_service(address), None, "{address}");
        }
        let long = format!("https://orders.example.com/{}", "x".repeat(LONGEST));
        assert_eq!(of_service(&long), None);
    }
}
