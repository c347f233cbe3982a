//! Formats are recognised by the beginning of a file.

use twostep::import::{Format, ProblemCode};

use super::recognised;

#[test]
fn files_of_formats_that_are_never_imported_are_refused_by_name() {
    for (file, asked) in [
        ("<?xml version=\"1.0\"?>\n<TKNBatch><TKNHeader/></TKNBatch>", "RSA SecurID"),
        ("DIGIPASS GO 6\n0123456789\n", "OneSpan"),
        ("<map><string name=\"com.authy.storage.tokens\">[]</string></map>", "Authy"),
        ("{\"authenticator_tokens\": []}", "Authy"),
        ("SQLite format 3\0....", "Microsoft Authenticator"),
    ] {
        let read = recognised(file);
        assert_eq!(read.codes(), [(None, ProblemCode::FormatRefused)], "{file}");
        assert!(read.problems[0].detail.contains(asked), "{file}");
        assert_eq!(read.format, None);
    }
}

#[test]
fn each_format_is_recognised_alone() {
    let hex = "0102030405060708090a0b0c0d0e0f1011121314";
    let key = "aB3/".repeat(16);
    for (format, file) in [
        (Format::Entra, "serial number,secret key,time interval\n".to_owned()),
        (Format::Entra, "\u{feff}\"UPN\";\"Serial Number\";\"Secret Key\"\r\n".to_owned()),
        (Format::OathCsv, format!("t1,{hex}\n")),
        (Format::OathCsv, format!("t1;{hex};hotp;6\n")),
        (Format::MultiOtpCsv, format!("t1;maker;TOTP;{hex};6;30\n")),
        (Format::PrivacyIdeaCsv, format!("n/a, t1, {hex}, totp, 6, 30\n")),
        (Format::YubicoCsv, format!("OATH-HOTP,01.02.26 10:42,1,,,{hex},,,0,0,0,8\n")),
        (Format::YubicoCsv, format!("700123,,0,{hex},,2026-02-01T10:42:00,\n")),
        (Format::GoogleAuthenticator, "GEZDGNBVGY3TQOJQGEZDGNBVGY\n\" TOTP_AUTH\n".to_owned()),
        (Format::UsersOath, format!("\n# pam\nHOTP/T30\tann\t-\t{hex}\n")),
        (Format::FreeIpaLdif, "dn: ipatokenuniqueid=a,cn=otp\nobjectClass: ipatoken\n".to_owned()),
        (Format::SafeWordDat, "dn: sccAuthenticatorId=A\nsccAuthenticatorId: A\n".to_owned()),
        (Format::U2fKeys, format!("ann:{key},{key},es256,+presence\n")),
        (Format::Otpauth, "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ\n".to_owned()),
        (Format::Pskc, "<?xml version=\"1.0\"?>\n<a:KeyContainer xmlns:a=\"b\"/>".to_owned()),
        (Format::SafenetXml, "<Tokens></Tokens>".to_owned()),
    ] {
        assert_eq!(recognised(&file).format, Some(format), "{file}");
    }
}

#[test]
fn a_table_may_name_a_maker_of_refused_files() {
    let file = "upn,serial number,secret key,time interval,manufacturer,model\n\
                ,70001,GEZDGNBVGY3TQOJQ,30,OneSpan,DIGIPASS GO 6\n";
    assert_eq!(recognised(file).sound().len(), 1);
}

#[test]
fn a_file_of_unknown_form_asks_for_its_format() {
    for file in ["", "\n", "hello\n", "a,b,c\n", "700123\n"] {
        assert_eq!(recognised(file).codes(), [(None, ProblemCode::Format)], "{file:?}");
    }
}

#[test]
fn a_file_that_may_be_two_things_names_both() {
    let file = "dn: ipatokenuniqueid=a\nobjectClass: ipatoken\n\nsccAuthenticatorId: A\n";
    let read = recognised(file);
    assert_eq!(read.codes(), [(None, ProblemCode::Format)]);
    let detail = &read.problems[0].detail;
    assert!(detail.contains("freeipa-ldif or safeword-dat"), "{detail}");
}
