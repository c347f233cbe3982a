//! Enums of names that may grow: a name from a newer agent, or from an older store, stays
//! readable.

/// Declares an enum whose variants are known by names, and `Other` for any other name.
macro_rules! open_names {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $text:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(
            Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize,
            serde::Deserialize,
        )]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])* $variant,)*
            /// A name that this version does not know.
            Other(String),
        }

        impl $name {
            /// All that this version knows.
            pub const KNOWN: &[$name] = &[$($name::$variant),*];

            /// The name on the wire.
            pub fn name(&self) -> &str {
                match self {
                    $($name::$variant => $text,)*
                    $name::Other(name) => name,
                }
            }

            /// The meaning, for documents.
            pub fn meaning(&self) -> &str {
                match self {
                    $($name::$variant => concat!($($doc),*).trim_start(),)*
                    $name::Other(_) => "unknown to this version",
                }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> $name {
                match name {
                    $($text => $name::$variant,)*
                    other => $name::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> $name {
                $name::from(name.as_str())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.name().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(super) use open_names;
