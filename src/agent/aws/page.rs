//! Pages of lists: `MaxItems`, `Marker` and `IsTruncated`.

use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::xml::Xml;
use crate::store::{Sealed, SealedPlace};

/// A page of a list: where it begins, and how long it may be.
pub(super) struct Page {
    /// The last entry of the page before.
    pub(super) after: Option<String>,
    pub(super) most: usize,
}

impl Page {
    /// Reads the parameters of a page.
    pub(super) async fn read(call: &mut Call<'_>) -> Result<Page, Fault> {
        let most: Option<usize> = call.form.parsed("MaxItems")?;
        if most.is_some_and(|most| !(1..=1_000).contains(&most)) {
            return Err(Fault::invalid("MaxItems: 1 to 1000"));
        }
        let after = match call.form.take("Marker") {
            None => None,
            Some(marker) => Some(opened(call, &marker).await?),
        };
        Ok(Page { after, most: most.unwrap_or(100) })
    }

    /// The entries of this page, of a whole list in the order of their names; and the last of them
    /// if there are more.
    pub(super) fn cut<T>(
        &self,
        list: impl IntoIterator<Item = T>,
        name: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let is_after = |entry: &T| self.after.as_ref().is_none_or(|after| name(entry) > *after);
        let mut entries: Vec<T> = list.into_iter().filter(is_after).collect();
        let more = entries.len() > self.most;
        entries.truncate(self.most);
        let last = entries.last().filter(|_| more).map(name);
        (entries, last)
    }
}

/// Ends a list: whether there is more, and the marker of the next page. It is sealed: a client
/// learns nothing from it and cannot make one.
pub(super) async fn end(call: &Call<'_>, list: Xml, last: Option<String>) -> Result<Xml, Fault> {
    let list = list.text("IsTruncated", last.is_some());
    let Some(last) = last else { return Ok(list) };
    let sealer = call.state.verifier.sealer().await?;
    let sealed = sealer.keyring().seal(&place(), last.as_bytes());
    let marker: String = sealed.map_err(crate::verifier::Error::from)?.into();
    Ok(list.text("Marker", marker))
}

async fn opened(call: &Call<'_>, marker: &str) -> Result<String, Fault> {
    let sealer = call.state.verifier.sealer().await?;
    let sealed = Sealed::try_from(marker.to_owned()).ok();
    let opened = sealed.and_then(|sealed| sealer.keyring().open(&place(), &sealed));
    let text = opened.and_then(|text| String::from_utf8(text.expose().to_vec()).ok());
    text.ok_or_else(|| Fault::invalid("Marker: take that of the page before"))
}

fn place() -> SealedPlace {
    SealedPlace::Item { id: "marker of a list of AWS".to_owned() }
}
