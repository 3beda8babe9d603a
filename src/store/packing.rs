//! In: bytes and JSON. Out: the bytes that are kept, compressed where that helps; and back. Never: where.

use serde::Deserialize;
use serde_json::Value;

/// Bytes shorter than this are kept as they are: they would hardly shrink.
const PACK_BYTES_MIN: usize = 256;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Bytes as they are kept: a byte that says how, then the bytes, compressed where that helps.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![PLAIN];
    if bytes.len() >= PACK_BYTES_MIN {
        let small = lz4_flex::compress_prepend_size(bytes);
        if small.len() < bytes.len() {
            packed[0] = LZ4;
            packed.extend(small);
            return packed;
        }
    }
    packed.extend(bytes);
    packed
}

pub(super) fn pack_json(value: &Value) -> Vec<u8> {
    pack(value.to_string().as_bytes())
}

/// What was packed, or why it cannot be read.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    match packed.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&LZ4, bytes)) => lz4_flex::decompress_size_prepended(bytes).map_err(|error| error.to_string()),
        _ => Err("packed in an unknown way".into()),
    }
}

pub(super) fn unpack_json(packed: &[u8]) -> Result<Value, String> {
    let bytes = unpack(packed)?;
    // What is deeply nested here was so when it was kept; a limit now would only make it unreadable.
    let mut text = serde_json::Deserializer::from_slice(&bytes);
    text.disable_recursion_limit();
    Value::deserialize(&mut text).map_err(|error| error.to_string())
}
