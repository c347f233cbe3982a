//! Messages of a simulated key: cut into reports, and read out of CBOR.

use ciborium::Value;

use crate::device::{Channel, Report};

/// The reports of a message, as many as it takes.
pub fn reports(channel: Channel, command: u8, data: &[u8], length: usize) -> Vec<Report> {
    let claimed = u16::try_from(data.len()).unwrap();
    let first = data.len().min(length - 7);
    let mut all =
        vec![[&channel[..], &[command | 0x80], &claimed.to_be_bytes(), &data[..first]].concat()];
    for (sequence, chunk) in data[first..].chunks(length - 5).enumerate() {
        all.push([&channel[..], &[u8::try_from(sequence).unwrap()], chunk].concat());
    }
    all.iter_mut().for_each(|report| report.resize(length, 0));
    all
}

pub fn ok(value: &Value) -> Vec<u8> {
    let mut bytes = vec![0];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub fn get(map: &Value, key: i64) -> Option<&Value> {
    map.as_map()?
        .iter()
        .find(|(have, _)| *have == Value::from(key))
        .map(|(_, value)| value)
}

pub fn int(map: &Value, key: i64) -> Option<i64> {
    get(map, key)?.as_integer()?.try_into().ok()
}

pub fn bytes(map: &Value, key: i64) -> Option<Vec<u8>> {
    get(map, key)?.as_bytes().cloned()
}

pub fn text_at(map: &Value, key: i64) -> Option<String> {
    get(map, key)?.as_text().map(String::from)
}

fn named<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    map.as_map()?
        .iter()
        .find(|(have, _)| have.as_text() == Some(key))
        .map(|(_, value)| value)
}

pub fn text(map: &Value, key: &str) -> Option<String> {
    named(map, key)?.as_text().map(String::from)
}

pub fn bool_of(map: &Value, key: &str) -> Option<bool> {
    named(map, key)?.as_bool()
}

pub fn ids(map: &Value, key: i64) -> Vec<Vec<u8>> {
    let list = get(map, key).and_then(Value::as_array).cloned().unwrap_or_default();
    list.iter()
        .filter_map(|entry| named(entry, "id")?.as_bytes().cloned())
        .collect()
}
