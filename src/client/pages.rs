//! Lists that come page by page.

use crate::client::Error;

/// Collects a whole list: `page` returns the items after the given place, and the next place.
pub(super) async fn all<T>(
    page: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let (mut found, next) = page(after.clone()).await?;
        items.append(&mut found);
        // A page that ends where it began would be asked for again for ever.
        if next.is_none() || next == after {
            return Ok(items);
        }
        after = next;
    }
}

/// The longest page that the agent gives.
pub(super) const LONGEST: u32 = 1_000;
