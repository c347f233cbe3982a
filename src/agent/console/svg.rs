//! Drawings made on the server, of marks that take their look from the style sheet.

/// Adds a mark to a drawing, which is a text: writing to it does not fail.
macro_rules! mark {
    ($svg:ident, $($mark:tt)+) => {
        $svg.push_str(&format!($($mark)+))
    };
}

pub(crate) use mark;
