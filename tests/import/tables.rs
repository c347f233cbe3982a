//! Tables: a token a line, in columns.

use twostep::import::{Format, Place, ProblemCode, Settings, TokenKind};
use twostep::otp::Algorithm;

use super::{NOW, Read, read_with, recognised, settings};

const HEADER: &str = "upn,serial number,secret key,time interval,manufacturer,model\n";

fn line(number: u64) -> Option<Place> {
    Some(Place::Line(number))
}

#[test]
fn columns_of_entra_are_found_by_name() {
    let file = "\u{feff}Serial Number;Model;Secret Key;Time Interval;UPN\r\n\
                0700012;x1;GEZDGNBVGY3TQOJQ;60;ann@example.org\r\n\
                0700013;x1;\"gezd gnbv gy3t qojr\";;\r\n";
    let read = recognised(file);
    assert_eq!(read.format, Some(Format::Entra));
    let [ann, free] = <[_; 2]>::try_from(read.sound()).unwrap();
    assert_eq!(ann.account.as_deref(), Some("ann@example.org"));
    assert_eq!(ann.serial.as_deref(), Some("0700012"));
    assert_eq!((ann.kind, ann.period, ann.digits), (Some(TokenKind::Totp), Some(60), None));
    assert_eq!((ann.place, ann.hardware), (Place::Line(2), Some(true)));
    assert_eq!((free.account, free.period), (None, None));
    assert_eq!(free.secret.expose(), b"1234567891");
}

#[test]
fn tables_in_utf_16_are_read() {
    let file =
        format!("{HEADER},70001é,GEZDGNBVGY3TQOJQ,30,😀,x\r\n\n,70002,GEZDGNBVGY3TQOJR,30,,\n");
    let little = file.encode_utf16().flat_map(u16::to_le_bytes);
    let big = file.encode_utf16().flat_map(u16::to_be_bytes);
    let files: [Vec<u8>; 2] = [
        [0xff, 0xfe].into_iter().chain(little).collect(),
        [0xfe, 0xff].into_iter().chain(big).collect(),
    ];
    for file in files {
        let read = recognised(&file);
        assert_eq!(read.format, Some(Format::Entra));
        let tokens = read.sound();
        assert_eq!(tokens[0].serial.as_deref(), Some("70001é"));
        assert_eq!(tokens[1].place, Place::Line(4));
        let odd = recognised(&file[..file.len() - 1]);
        assert_eq!(odd.codes().last(), Some(&(line(4), ProblemCode::Syntax)));
    }
}

#[test]
fn damage_of_spreadsheets_is_named_by_line() {
    let mut file = HEADER.to_owned();
    let secret = |n: usize| format!("GEZDGNBVGY3T{}", ["QOJQ", "QOJR", "QOJS", "QOJT"][n % 4]);
    for n in 2..40 {
        file += &match n {
            5 => ",2.6E+12,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            7 => ",GEZDGNBVGY3TQOJQ,00700007,30,,\n".to_owned(),
            9 => ",700009,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            11 => ";00700011;GEZDGNBVGY3TQOJQ;30;;\n".to_owned(),
            13 => ",\"00700013,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            15 => ",00700015,\"GEZDGNBVGY3TQOJQ\" 1,30,,\n".to_owned(),
            17 => ",00700017,,30,,\n".to_owned(),
            19 => ",00700019,GEZDGNBVGY3TQOJ1,30,,\n".to_owned(),
            21 => "\u{feff},00700021,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            23 => ",700023.0,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            25 => "00700025,eve@example.org,GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            27 => ",00700027,GEZDGNBVGY3TQOJQ,half,,\n".to_owned(),
            29 => ",00700029,GEZDGNBVGY3TQOJQ,30,,,more\n".to_owned(),
            28 => ",=\"00700028\",GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            30 => ",\"7,000,030\",GEZDGNBVGY3TQOJQ,30,,\n".to_owned(),
            31 => ",00700031,GEZDGNBVGY3TQOJQ,30,,\r\n".to_owned(),
            n => format!(",{:08},{},30,,\n", 700_000 + n, secret(n)),
        };
    }
    let read = recognised(&file);
    let mut codes = read.codes();
    codes.sort_by_key(|(place, _)| *place);
    let expected = [
        (5, ProblemCode::Serial),
        (7, ProblemCode::Serial),
        (9, ProblemCode::Serial),
        (11, ProblemCode::Syntax),
        (13, ProblemCode::Syntax),
        (15, ProblemCode::Syntax),
        (17, ProblemCode::SecretMissing),
        (19, ProblemCode::SecretMalformed),
        (21, ProblemCode::Syntax),
        (23, ProblemCode::Serial),
        (25, ProblemCode::Serial),
        (27, ProblemCode::Value),
        (29, ProblemCode::Syntax),
        (30, ProblemCode::Serial),
    ];
    assert_eq!(codes, expected.map(|(at, code)| (line(at), code)));
    assert!(read.problems.iter().all(|problem| !problem.to_string().contains("GEZD")));
    let detail = |at| &read.problems.iter().find(|p| p.place == line(at)).unwrap().detail;
    assert!(detail(11).contains("semicolons"), "{}", detail(11));
    assert!(detail(9).contains("zeros in front"), "{}", detail(9));
}

#[test]
fn a_second_line_of_names_is_named() {
    let file = format!("{HEADER},1,GEZDGNBVGY3TQOJQ,30,,\n{HEADER},2,GEZDGNBVGY3TQOJR,30,,\n");
    let read = recognised(&file);
    assert_eq!(read.codes(), [(line(3), ProblemCode::Syntax)]);
    assert_eq!(read.tokens.len(), 2);
}

#[test]
fn serial_numbers_of_several_lengths_are_no_damage() {
    let mut file = HEADER.to_owned();
    for n in 0..30 {
        file += &format!(",{},GEZDGNBVGY3TQOJQ,30,,\n", 9_999_990 + n);
    }
    file += ",2600000000001,GEZDGNBVGY3TQOJQ,30,,\n";
    assert_eq!(recognised(&file).sound().len(), 31);
}

#[test]
fn a_quoted_line_break_counts_as_a_line() {
    let file = "upn,serial number,secret key,time interval,manufacturer,\"model\nof it\"\n\
                ,1,GEZDGNBVGY3TQOJQ,30,\"a\n\nb\",x\n,2,GEZDGNBVGY3TQOJ!,30,,\n";
    let read = recognised(file);
    assert_eq!(read.tokens[0].place, Place::Line(3));
    assert_eq!(read.codes(), [(line(6), ProblemCode::SecretMalformed)]);
}

#[test]
fn a_quotation_mark_never_closed_hides_no_line() {
    let mut file = HEADER.to_owned() + ",\"1,GEZDGNBVGY3TQOJQ,30,,\n";
    for n in 2..20 {
        file += &format!(",\"{n}\",\"GEZDGNBVGY3TQOJQ\",30,,\n");
    }
    let read = recognised(&file);
    assert_eq!(read.codes(), [(line(2), ProblemCode::Syntax)]);
    assert_eq!(read.tokens.len(), 18);
}

#[test]
fn kind_and_hash_of_an_oath_table_may_be_left_out() {
    let long = "0f".repeat(32);
    let longest = "1f".repeat(64);
    let file = format!(
        "# tokens\nt1, 0102030405060708090a0b0c0d0e0f1011121314\nt2, {long}, totp, 8, 60,\n\
         t3, {longest},totp,,,\nt4, {long}, hotp, 6, 7, SHA1, ,\nt5, 0102030405060708090a,TOTP\n"
    );
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::OathCsv));
    let tokens = read.sound();
    let hashes: Vec<_> = tokens.iter().map(|token| token.algorithm).collect();
    let [one, two, three] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].map(Some);
    assert_eq!(hashes, [one, two, three, one, None]);
    assert_eq!((tokens[0].kind, tokens[0].counter), (Some(TokenKind::Hotp), None));
    assert_eq!((tokens[1].period, tokens[1].digits), (Some(60), Some(8)));
    assert_eq!((tokens[3].counter, tokens[3].period), (Some(7), None));
}

#[test]
fn each_bad_line_of_an_oath_table_is_named() {
    let file = "t1, 0102030405060708090a\nt2, 01020z\nt3, 01020\nt4, 0102, ocra\n\
                t5, 0102, what\nt6\nt7, 0102, totp, six\nt8, 0102, totp, 6, 30, MD5\n\
                t9, 0102, totp, 6, 30, SHA1, more\n";
    let expected = [
        (2, ProblemCode::SecretMalformed),
        (3, ProblemCode::SecretMalformed),
        (4, ProblemCode::Unsupported),
        (5, ProblemCode::Value),
        (6, ProblemCode::Syntax),
        (7, ProblemCode::Value),
        (8, ProblemCode::Unsupported),
        (9, ProblemCode::Syntax),
    ];
    let read = recognised(file);
    assert_eq!(read.codes(), expected.map(|(at, code)| (line(at), code)));
    assert_eq!(read.problems[0].serial.as_deref(), Some("t2"));
}

#[test]
fn tables_of_multiotp_have_semicolons() {
    let file = "AB01;maker;HOTP;0102030405060708090a;6;4\n\
                AB02;maker;TOTP;1102030405060708090a;8;60\n\
                AB03;maker;mOTP;0102030405060708;6;10\n";
    let read = recognised(file);
    assert_eq!(read.format, Some(Format::MultiOtpCsv));
    assert_eq!(read.codes(), [(line(3), ProblemCode::Unsupported)]);
    assert_eq!((read.tokens[0].counter, read.tokens[0].digits), (Some(4), Some(6)));
    assert_eq!((read.tokens[1].period, read.tokens[1].digits), (Some(60), Some(8)));
}

#[test]
fn tables_of_privacyidea_tell_no_counter() {
    let long = "0f".repeat(32);
    let file = format!(
        "n/a, OATH1, 0102030405060708090a0b0c0d0e0f1011121314, hotp, 6\n\
         ann@realm, TOTP2, {long}, totp, 8, 60\nn/a, MOTP3, 0102, motp, 6\n"
    );
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::PrivacyIdeaCsv));
    assert_eq!(read.codes(), [(line(3), ProblemCode::Unsupported)]);
    assert_eq!((&read.tokens[0].account, read.tokens[0].counter), (&None, None));
    assert_eq!(read.tokens[1].account.as_deref(), Some("ann@realm"));
    assert_eq!(
        (read.tokens[1].algorithm, read.tokens[1].period),
        (Some(Algorithm::Sha256), Some(60))
    );
}

#[test]
fn logs_of_yubico_are_read_in_both_forms() {
    let file = "LOGGING START,01.02.26 10:41\n\
                OATH-HOTP,01.02.26 10:42,1,,,0102030405060708090a0b0c,,,0,0,0,8,0,0\n\
                Yubico OTP,01.02.26 10:43,1,vvcc,0102,0102030405060708090a0b0c0d0e0f10,,,0,0,0,0\n\
                OATH-HOTP,01.02.26 10:44,2,ubhe01,,1102030405060708090a0b0c,,,0,0,0,6\n";
    let read = recognised(file);
    assert_eq!(read.format, Some(Format::YubicoCsv));
    assert_eq!(read.codes(), [(line(3), ProblemCode::Unsupported)]);
    let [plain, named] = <[_; 2]>::try_from(read.tokens).unwrap();
    assert_eq!((plain.digits, plain.serial, plain.kind), (Some(8), None, Some(TokenKind::Hotp)));
    assert_eq!((named.digits, named.serial.as_deref()), (Some(6), Some("ubhe01")));
    assert_eq!(read.notes.len(), 1);

    let file = "700123,,0,0102030405060708090a0b0c0d0e0f1011121314,,2026-02-01T10:42:00,\n\
                700124,vvcc,0102,0102030405060708090a0b0c0d0e0f10,,2026-02-01T10:43:00,\n\
                key,,0\n";
    let read = recognised(file);
    assert_eq!(read.format, Some(Format::YubicoCsv));
    assert_eq!(read.codes(), [(line(2), ProblemCode::Unsupported), (line(3), ProblemCode::Syntax)]);
    assert_eq!(read.tokens[0].serial.as_deref(), Some("700123"));
}

fn with_columns(columns: &str, file: &str) -> Read {
    let settings = Settings { columns: Some(columns.to_owned()), ..Settings::new(NOW) };
    read_with(None, file, &settings)
}

#[test]
fn columns_may_have_any_order_and_encoding() {
    let read = with_columns("-,secret:ascii,serial,digits", "x;12345678901;s1;8\n");
    assert_eq!(read.format, Some(Format::Columns));
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.secret.expose(), token.serial.as_deref()), (&b"12345678901"[..], Some("s1")));
    assert_eq!((token.kind, token.digits), (None, Some(8)));
    let columns = "kind,secret:base64,counter,account,algorithm,name,period";
    let read = with_columns(columns, "hotp,MTIzNDU2Nzg5MDE=,7,ann,sha-256,my key,\n");
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.secret.expose(), token.counter), (&b"12345678901"[..], Some(7)));
    assert_eq!((token.account.as_deref(), token.algorithm), (Some("ann"), Some(Algorithm::Sha256)));
    assert_eq!((token.kind, token.name.as_deref()), (Some(TokenKind::Hotp), Some("my key")));
    for (encoding, secret) in [("hex", "3132333435"), ("base32", "GEZDGNBV")] {
        let read = with_columns(&format!("secret:{encoding}"), secret);
        assert_eq!(read.sound()[0].secret.expose(), b"12345");
    }
}

#[test]
fn a_header_is_passed_over_if_there_is_one() {
    let settings = Settings {
        columns: Some("serial,secret:hex".to_owned()),
        delimiter: Some(':'),
        header: true,
        ..settings()
    };
    let read = read_with(Some(Format::Columns), "number:seed\ns1:0102\n", &settings);
    assert_eq!(read.sound()[0].place, Place::Line(2));
    let read = with_columns("serial,secret:hex", "number,seed\ns1,0102\ns2,seed\n");
    assert!(read.problems[0].detail.ends_with("add --header"));
    assert!(!read.problems[1].detail.contains("--header"));
}

#[test]
fn columns_that_are_unclear_are_refused() {
    for columns in ["serial", "secret", "secret:hex,secret:hex", "serial,serial,secret:hex", "x"] {
        assert_eq!(with_columns(columns, "a,b\n").codes(), [(None, ProblemCode::Format)]);
    }
    let read = read_with(Some(Format::Columns), "a,b\n", &settings());
    assert_eq!(read.codes(), [(None, ProblemCode::Format)]);
    let read = with_columns("secret:base64", "a*\n");
    assert_eq!(read.codes(), [(line(1), ProblemCode::SecretMalformed)]);
}

#[test]
fn lines_that_are_no_text_are_named() {
    let latin =
        [HEADER.as_bytes(), b",1,GEZDGNBVGY3TQOJQ,30,J\xfcrgen,\n,2,GEZDGNBVGY3TQOJQ,30,,\n"];
    let read = recognised(latin.concat());
    assert_eq!(read.codes(), [(line(2), ProblemCode::Syntax)]);
    assert_eq!(read.tokens.len(), 1);
    let read = recognised(format!("{HEADER},1,GEZD\0,30\n,2,GEZDGNBVGY3TQOJQ,30,,\n"));
    assert_eq!((read.codes(), read.tokens.len()), (vec![(line(2), ProblemCode::Hostile)], 0));
    let read = recognised(format!("{HEADER},1,{}", "A".repeat(1 << 20)));
    assert_eq!(read.codes(), [(line(2), ProblemCode::TooLarge)]);
    let read = recognised(format!("{HEADER}\r,1,GEZDGNBVGY3TQOJQ,30,,\r,2,GEZDGNBVGY3TQOJQ,30,,"));
    assert_eq!(read.codes(), [(line(2), ProblemCode::Syntax)]);
}
