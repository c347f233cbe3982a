//! XML of SafeNet.

use twostep::import::{Format, Place, ProblemCode, TokenKind};

use super::recognised;

pub(super) const TOKENS: &str = "<Tokens>\n\
    <Token serial=\"AL-0001\">\n<CaseModel>5</CaseModel><ProductName>Alpine</ProductName>\n\
    <Applications><Application ConnectorID=\"{1}\">\n\
    <Seed>303132333435363738396162636465666768696a</Seed><MovingFactor>17</MovingFactor>\n\
    </Application></Applications>\n</Token>\n\
    <Token serial=\"AL-0002\"><Applications><Application><Seed>123</Seed>\
    <MovingFactor>1</MovingFactor></Application></Applications></Token>\n\
    <Token serial=\"AL-0003\"><Applications/></Token>\n\
    <Token serial=\"AL-0004\"><Applications><Application>\
    <Seed>313132333435363738396162636465666768696a</Seed><MovingFactor>-1</MovingFactor>\
    </Application></Applications></Token>\n</Tokens>\n";

#[test]
fn the_moving_factor_is_the_next_counter() {
    let read = recognised(TOKENS);
    assert_eq!(read.format, Some(Format::SafenetXml));
    let [token] = read.tokens.as_slice() else { panic!("one token") };
    assert_eq!((token.place, token.serial.as_deref()), (Place::Line(2), Some("AL-0001")));
    assert_eq!((token.kind, token.counter), (Some(TokenKind::Hotp), Some(17)));
    assert_eq!(token.secret.expose(), b"0123456789abcdefghij");
}

#[test]
fn each_bad_token_is_named() {
    let problems = recognised(TOKENS).codes();
    let expected = [
        (Some(Place::Line(8)), ProblemCode::SecretMalformed),
        (Some(Place::Line(9)), ProblemCode::SecretMissing),
        (Some(Place::Line(10)), ProblemCode::Value),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn tags_that_do_not_match_are_named_by_line() {
    let read = recognised("<Tokens>\n<Token serial=\"1\">\n<Wrong>5</CaseModel></Token></Tokens>");
    assert_eq!(read.codes(), [(Some(Place::Line(3)), ProblemCode::Syntax)]);
}
