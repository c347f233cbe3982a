//! Text in XML documents, such as drawings in SVG.

/// Text as it stands between tags or in a quoted attribute (XML 1.0 §2.4). Control characters, of
/// which XML allows few, are left out.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_opens_no_tag_and_ends_no_attribute() {
        let hostile = "<a b=\"c\" d='e'>&amp;\u{0}\u{1b}é";
        assert_eq!(escaped(hostile), "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;amp;é");
    }
}
