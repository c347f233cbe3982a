//! Hostile XML: each file is refused, quickly, before anything of it is used.

use std::time::{Duration, Instant};

use twostep::import::{Format, Place, ProblemCode};

use super::{Read, read_with, settings};

const HEAD: &str = "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">";

/// Reads a container with this inside, as both formats that are XML.
fn inside(text: &str) -> Read {
    let read = read(format!("{HEAD}{text}</KeyContainer>"));
    let other =
        read_with(Some(Format::SafenetXml), format!("<Tokens>{text}</Tokens>"), &settings());
    assert_eq!(
        other.codes(),
        read.codes(),
        "both readers agree on {}",
        &text[..text.len().min(80)]
    );
    read
}

fn read(file: impl AsRef<[u8]>) -> Read {
    let began = Instant::now();
    let read = read_with(Some(Format::Pskc), file, &settings());
    assert!(began.elapsed() < Duration::from_secs(2), "the answer comes in two seconds");
    assert!(read.tokens.is_empty());
    read
}

/// The kind of the only problem.
fn code(read: &Read) -> ProblemCode {
    let [problem] = read.problems.as_slice() else { panic!("one problem: {:?}", read.problems) };
    problem.code
}

#[test]
fn a_document_type_is_refused_in_any_form() {
    let types = [
        "<!DOCTYPE KeyContainer>",
        "<!doctype KeyContainer SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE k [<!ENTITY a \"b\"><!ENTITY c \"&a;&a;&a;\">]>",
        "<!DOCTYPE k PUBLIC \"-//X//Y\" \"http://127.0.0.1/x.dtd\" [ <!ELEMENT k ANY> ]>",
    ];
    for doctype in types {
        let before = read(format!("<?xml version=\"1.0\"?>\n{doctype}\n{HEAD}</KeyContainer>"));
        assert_eq!(code(&before), ProblemCode::Hostile, "{doctype}");
        assert_eq!(code(&inside(doctype)), ProblemCode::Hostile, "{doctype}");
    }
}

#[test]
fn an_entity_is_refused_unless_xml_defines_it() {
    for entity in ["&a;", "&nbsp;", "&xxe;"] {
        let text = inside(&format!("<Extensions>{entity}</Extensions>"));
        assert_eq!(code(&text), ProblemCode::Hostile, "{entity}");
        let attribute = inside(&format!("<Extensions a=\"{entity}\"/>"));
        assert_eq!(code(&attribute), ProblemCode::Hostile, "{entity}");
    }
    for text in ["&#0;", "&#xD800;", "&#x110000;", "&#1;", "& ", "&amp"] {
        let read = inside(&format!("<Extensions>{text}</Extensions>"));
        assert_eq!(code(&read), ProblemCode::Syntax, "{text}");
    }
    let fine =
        inside("<Extensions a=\"&lt;&#65;\">&amp;&lt;&gt;&quot;&apos;&#65;&#x41;</Extensions>");
    assert!(fine.problems.is_empty());
}

#[test]
fn elements_nest_32_deep() {
    let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(inside(&nested(31)).problems.is_empty());
    assert_eq!(code(&inside(&nested(32))), ProblemCode::Hostile);
    assert_eq!(code(&inside(&"<a>".repeat(1_000_000))), ProblemCode::Hostile);
}

#[test]
fn texts_and_attributes_have_at_most_64_kib() {
    let long = "x".repeat(70_000);
    assert!(inside(&format!("<a>{}</a>", "x".repeat(60_000))).problems.is_empty());
    let cases = [
        format!("<a>{long}</a>"),
        format!("<a b=\"{long}\"/>"),
        format!("<{long}/>"),
        format!("<!--{long}-->"),
        format!("<![CDATA[{long}]]>"),
        format!("<?x {long}?>"),
        format!("<a>{}</a>", format!("{}&amp;", "x".repeat(9_000)).repeat(8)),
        format!("<a>{}</a>", "<![CDATA[x]]>y".repeat(40_000)),
    ];
    for case in cases {
        assert_eq!(code(&inside(&case)), ProblemCode::TooLarge, "{}", &case[..20]);
    }
    // The rest of the file is not looked at.
    let endless = format!("{HEAD}<a b=\"{}", "x".repeat(64 << 20));
    assert_eq!(code(&read(endless)), ProblemCode::TooLarge);
}

#[test]
fn attributes_and_namespaces_are_few() {
    let many: String = (0..65).map(|n| format!(" a{n}=\"\"")).collect();
    assert_eq!(code(&inside(&format!("<a{many}/>"))), ProblemCode::Hostile);
    let spaces: String = (0..60).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
    assert!(inside(&format!("<a{spaces}/><a{spaces}/>")).problems.is_empty());
    assert_eq!(code(&inside(&format!("<a{spaces}><a{spaces}/></a>"))), ProblemCode::Hostile);
    for twice in ["<a b=\"\" b=\"\"/>", "<a xmlns:p=\"urn:1\" xmlns:p=\"urn:2\"/>"] {
        assert_eq!(code(&inside(twice)), ProblemCode::Syntax);
    }
}

#[test]
fn other_encodings_and_nul_are_refused() {
    let text = format!("<?xml version=\"1.0\"?>{HEAD}</KeyContainer>");
    let orders: [fn(u16) -> [u8; 2]; 2] = [u16::to_le_bytes, u16::to_be_bytes];
    for order in orders {
        for mark in ["\u{feff}", ""] {
            let units = mark.encode_utf16().chain(text.encode_utf16());
            let bytes: Vec<u8> = units.flat_map(order).collect();
            let read = read(bytes);
            let codes = [ProblemCode::Hostile, ProblemCode::Syntax];
            assert!(codes.contains(&code(&read)), "{:?}", read.problems);
        }
    }
    assert_eq!(code(&inside("<a>\0</a>")), ProblemCode::Hostile);
    assert_eq!(code(&inside("<a b=\"\0\"/>")), ProblemCode::Hostile);
    let latin = [HEAD.as_bytes(), b"<a>\xfc</a></KeyContainer>"].concat();
    assert_eq!(code(&read(latin)), ProblemCode::Syntax);
    let declared =
        read(format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{HEAD}</KeyContainer>"));
    assert_eq!(code(&declared), ProblemCode::Syntax);
    for encoding in ["UTF-8", "utf-8", "US-ASCII"] {
        let head = format!("\u{feff}<?xml version=\"1.0\" encoding=\"{encoding}\"?>");
        assert!(read(format!("{head}{HEAD}</KeyContainer>")).problems.is_empty());
    }
}

#[test]
fn malformed_xml_is_named_by_line() {
    let cases = [
        ("", 1),
        ("\n\nno XML at all", 3),
        ("<KeyContainer>\n<a>\n</b></KeyContainer>", 3),
        ("<Other/>", 1),
        ("<p:KeyContainer/>", 1),
        ("<KeyContainer xmlns=\"urn:other\"/>", 1),
        ("<KeyContainer>\n<KeyPackage>", 2),
        ("<KeyContainer>\n<KeyPackage", 2),
        ("<KeyContainer/>\n<KeyContainer/>", 2),
        ("<KeyContainer/>\n\ntext", 3),
        ("<KeyContainer a=b/>", 1),
        ("<KeyContainer a/>", 1),
        ("<KeyContainer>\n<!-->\n</KeyContainer>", 3),
        ("<KeyContainer>\n<!></KeyContainer>", 2),
        ("<KeyContainer>\n<></></KeyContainer>", 2),
    ];
    for (file, line) in cases {
        let read = read(file);
        assert_eq!(read.codes(), [(Some(Place::Line(line)), ProblemCode::Syntax)], "{file}");
    }
}
