//! In: bytes and JSON. Out: the bytes that are kept, compressed where that helps; and back. Never: where.

use lz4_flex::block;
use serde::Deserialize;
use serde_json::Value;

/// Bytes shorter than this are kept as they are: they would hardly shrink.
const PACK_BYTES_MIN: usize = 256;

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
/// How, and how many bytes there will be.
const HEAD_BYTES: usize = 5;

/// Bytes as they are kept: a byte that says how, then the bytes, compressed where that helps: then their count comes first.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() >= PACK_BYTES_MIN
        && let Some(packed) = compressed(bytes)
    {
        return packed;
    }
    let mut plain = Vec::with_capacity(1 + bytes.len());
    plain.push(PLAIN);
    plain.extend(bytes);
    plain
}

/// Where that makes them fewer.
fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let count = u32::try_from(bytes.len()).ok()?;
    let mut packed = vec![0; HEAD_BYTES + block::get_maximum_output_size(bytes.len())];
    packed[0] = LZ4;
    packed[1..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
    let filled = block::compress_into(bytes, &mut packed[HEAD_BYTES..]).ok()?;
    packed.truncate(HEAD_BYTES + filled);
    (packed.len() <= bytes.len()).then(|| {
        // Most of the room is not needed, and this is kept until it is written.
        packed.shrink_to_fit();
        packed
    })
}

pub(super) fn pack_json(value: &Value) -> Vec<u8> {
    pack(value.to_string().as_bytes())
}

/// What was packed, or why it cannot be read.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    match packed.split_first() {
        Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
        Some((&LZ4, bytes)) => block::decompress_size_prepended(bytes).map_err(|error| error.to_string()),
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
