//! The root element of a document that is only begun.

use crate::import::head::Head;

/// Name of the root element, without its prefix.
pub(in crate::import) fn root_of<'a>(head: &Head<'a>) -> Option<&'a str> {
    let mut rest = head.0.trim_start();
    loop {
        rest = rest.strip_prefix('<')?;
        let end = match rest {
            _ if rest.starts_with("!--") => "-->",
            _ if rest.starts_with('?') => "?>",
            _ if rest.starts_with('!') => ">",
            _ => break,
        };
        rest = rest.split_once(end)?.1.trim_start();
    }
    let name = rest.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next()?;
    let (_, local) = name.split_once(':').unwrap_or(("", name));
    Some(local).filter(|local| !local.is_empty())
}
