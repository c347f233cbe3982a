//! Lists that are searched: rows are looked through in the order of the store, a bounded number in
//! each request.

use crate::agent::access::Denied;

use crate::agent::operations::scope;

/// A text to search for: 1 to 256 bytes, in upper or lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search(String);

/// Rows that were found, and the place to go on from; the end of the list has none.
pub(super) struct Found<T, P> {
    pub(super) rows: Vec<T>,
    pub(super) next: Option<P>,
}

impl Search {
    /// # Errors
    /// The text is empty or too long.
    pub(crate) fn parse(text: &str) -> Result<Search, Denied> {
        match (1..=256).contains(&text.len()) {
            true => Ok(Search(text.to_lowercase())),
            false => Err(Denied::bad_input("search: a text to search for has 1 to 256 bytes")),
        }
    }

    /// True if the text is in this one.
    pub(super) fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

/// Looks for rows that are wanted; without a condition, a page is what the store gives. A page may
/// be short, or empty, and still have a next one: [`MOST`] rows are looked through at a time.
///
/// # Errors
/// The errors of `read`, which gives the rows after a place, at most so many.
pub(super) async fn scan<T, P: Clone, E, R>(
    limit: u32,
    mut after: Option<P>,
    read: impl Fn(Option<P>, u32) -> R,
    place: impl Fn(&T) -> P,
    wanted: Option<impl Fn(&T) -> bool>,
) -> Result<Found<T, P>, E>
where
    R: Future<Output = Result<Vec<T>, E>>,
{
    let size = if wanted.is_some() { PAGE } else { limit };
    let (mut found, mut looked) = (Vec::new(), 0);
    loop {
        let rows = read(after.clone(), size).await?;
        let is_last = !scope::is_full(&rows, size);
        looked += rows.len();
        for row in rows {
            after = Some(place(&row));
            if wanted.as_ref().is_none_or(|wanted| wanted(&row)) {
                found.push(row);
            }
            if scope::is_full(&found, limit) {
                return Ok(Found { rows: found, next: after });
            }
        }
        if is_last {
            return Ok(Found { rows: found, next: None });
        }
        if looked >= MOST {
            return Ok(Found { rows: found, next: after });
        }
    }
}

/// Rows that the store gives at a time.
const PAGE: u32 = 1_000;

/// Rows that one request looks through.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Answer;

    /// Rows are their own places.
    async fn found(count: u32, limit: u32, every: u32) -> (Vec<u32>, usize) {
        let read = |after: Option<u32>, limit: u32| -> Answer<'static, Vec<u32>> {
            let from = after.map_or(0, |after| after + 1);
            Box::pin(async move { Ok((from..count).take(limit.try_into().unwrap()).collect()) })
        };
        let (mut all, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let wanted = Some(|row: &u32| row.is_multiple_of(every));
            let page = scan(limit, after, read, |row| *row, wanted).await.unwrap();
            assert!(page.rows.len() <= limit.try_into().unwrap());
            pages += 1;
            all.extend(page.rows);
            match page.next {
                None => return (all, pages),
                next => after = next,
            }
        }
    }

    #[tokio::test]
    async fn pages_of_a_search_join_without_gaps() {
        for (count, limit, every) in
            [(0_u32, 10, 1_u32), (25, 10, 1), (25, 1, 7), (35_000, 100, 20_000), (1_000, 3, 1_000)]
        {
            let expected: Vec<u32> = (0..count).filter(|row| row.is_multiple_of(every)).collect();
            let (all, _) = self::found(count, limit, every).await;
            assert_eq!(all, expected, "{count} {limit} {every}");
        }
        let (_, pages) = self::found(35_000, 100, 35_000).await;
        assert_eq!(pages, 4, "a request looks through ten thousand rows");
    }

    #[test]
    fn a_search_knows_no_case() {
        let search = Search::parse("ZOË").unwrap();
        assert!(search.is_in("her name is zoë") && !search.is_in("zoe"));
        assert!(Search::parse("").is_err() && Search::parse(&"x".repeat(257)).is_err());
    }
}
