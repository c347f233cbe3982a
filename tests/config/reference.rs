//! The reference of the configuration has the keys of the types, no more and no fewer.

use std::collections::BTreeSet;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use twostep::agent::Config;
use twostep::agent::config::reference::{Value, is_configuration, tables};
use twostep::agent::config::{
    AccountsConfig, AwsConfig, ConsoleConfig, ConsoleService, EventsConfig, ForwardConfig,
    LimitsConfig, LocalConfig, LogConfig, MetadataConfig, PeerRule, PresenceConfig,
    SecurityKeysConfig, SessionsConfig, SocketConfig, StoreConfig, TlsConfig, VerifySocketConfig,
};

/// A deserializer that asks a struct for the names of its fields.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(Self::Error::custom("only the names are of interest"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("this is no struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
    let mut fields: &[&str] = &[];
    assert!(T::deserialize(Fields(&mut fields)).is_err() && !fields.is_empty());
    fields.iter().copied().collect()
}

#[test]
fn every_table_has_the_keys_of_its_type() {
    let tables = tables();
    let of_tables: BTreeSet<&str> = tables
        .iter()
        .filter_map(|table| table.name().split('.').next())
        .filter(|name| !name.is_empty())
        .collect();
    for (name, expected) in [
        ("", &fields::<Config>() - &of_tables),
        ("socket", fields::<SocketConfig>()),
        ("verify_socket", fields::<VerifySocketConfig>()),
        ("local", fields::<LocalConfig>()),
        ("presence", fields::<PresenceConfig>()),
        ("store", fields::<StoreConfig>()),
        ("tls", fields::<TlsConfig>()),
        ("sessions", fields::<SessionsConfig>()),
        ("security_keys", &fields::<SecurityKeysConfig>() - &BTreeSet::from(["metadata"])),
        ("security_keys.metadata", fields::<MetadataConfig>()),
        ("events", fields::<EventsConfig>()),
        ("forward", fields::<ForwardConfig>()),
        ("console", &fields::<ConsoleConfig>() - &BTreeSet::from(["service"])),
        ("aws", fields::<AwsConfig>()),
        ("accounts", fields::<AccountsConfig>()),
        ("limits", fields::<LimitsConfig>()),
        ("log", fields::<LogConfig>()),
    ] {
        let table = tables.iter().find(|table| table.name() == name).expect(name);
        let keys: BTreeSet<&str> = table.keys().map(|key| key.name.as_str()).collect();
        assert_eq!(keys, expected, "[{name}]");
        let named = name.is_empty() || !table.text.is_empty();
        // The text of a table is that of its only group, too.
        let told = table.groups.iter().all(|group| !group.text.is_empty());
        assert!(named && (told || table.groups.len() == 1), "[{name}]: no text: {table:?}");
    }
    let all: BTreeSet<&str> = tables.iter().map(|table| table.name()).collect();
    assert!(of_tables.is_subset(&fields::<Config>()), "{all:?}");
    assert_eq!(all.len(), 20, "a table of which this test knows no type: {all:?}");
    let peer = tables.iter().find(|table| table.heading == "[[peer]]").unwrap();
    let known = fields::<PeerRule>();
    assert!(peer.keys().all(|key| known.contains(key.name.as_str())), "{known:?}");
    let service = tables.iter().find(|table| table.heading == "[[console.service]]").unwrap();
    let keys: BTreeSet<&str> = service.keys().map(|key| key.name.as_str()).collect();
    assert_eq!(keys, fields::<ConsoleService>());
}

#[test]
fn defaults_and_examples_are_told_apart() {
    let tables = tables();
    let value = |table: &str, key: &str| {
        let table = tables.iter().find(|found| found.name() == table).unwrap();
        table.keys().find(|found| found.name == key).unwrap().value.clone()
    };
    assert_eq!(value("", "issuer"), Value::Default("\"twostep\"".to_owned()));
    assert_eq!(value("limits", "burst"), Value::Default("1000".to_owned()));
    assert_eq!(value("forward", "cookie"), Value::Example("\"mfa\"".to_owned()));
    assert_eq!(value("local", "reuse"), Value::Example("{ sudo = 5 }".to_owned()));
}

#[test]
fn a_configuration_is_told_from_a_file_of_policies() {
    let policies = "[policy.a]\npresent = true\n";
    for (before, is) in [
        ("", false),
        ("issuer = \"a\"\n", true),
        ("[log]\nlevel = \"warn\"\n", true),
        ("[[peer]]\nuid = 1\nrole = \"admin\"\n", true),
        ("[polcies.a]\npresent = true\n", false),
        ("pressent = true\n", false),
    ] {
        assert_eq!(is_configuration(&format!("{before}{policies}")), is, "{before}");
    }
}
