//! Files that are recognised and never imported: no program but their maker's reads them, or they
//! hold no secret.

use crate::import::head::Head;
use crate::import::{Problem, ProblemCode};

/// The problem of such a file.
pub(super) fn recognised(head: &Head<'_>) -> Option<Problem> {
    let kind = KINDS.iter().find(|kind| kind.marks.iter().any(|mark| head.0.contains(mark)))?;
    Some(Problem::of_file(ProblemCode::FormatRefused, kind.detail))
}

struct Kind {
    /// Texts that the beginning of no other file has.
    marks: &'static [&'static str],
    detail: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        marks: &["<TKNBatch", "<TKNHeader", "<TKNBasic", "<RSASecurID"],
        detail: "this is a token file of RSA SecurID: its tokens compute codes of their own kind, \
                 and none of OATH; ask the vendor for tokens of OATH with a file in PSKC",
    },
    Kind {
        marks: &["DIGIPASS", "VASCO", "OneSpan"],
        detail: "this is a file of VASCO or OneSpan (DPX), which only their own program decrypts; \
                 ask the vendor for the same tokens as a file in PSKC",
    },
    Kind {
        marks: &["com.authy.storage", "\"authenticator_tokens\""],
        detail: "this is data of Authy, which exports no secrets: enrol each of its devices anew",
    },
    Kind {
        marks: &["SQLite format 3", "PhoneFactor"],
        detail: "this is a database of an app, as Microsoft Authenticator has one, which exports \
                 no secrets: enrol each of its devices anew",
    },
];
