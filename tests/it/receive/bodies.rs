use proptest::prelude::*;
use xmrt::receive::{DEPTH_MAX, Rejection, check_object};

fn nested(depth: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
}

#[test]
fn one_json_object_is_taken_and_anything_else_is_refused_by_its_name() {
    for good in [
        "{}",
        " {\"a\": [1, 2.5e3, null, true, \"\\u00e9\\n\"]} ",
        "{\"ü\":\"😀\"}",
        &nested(DEPTH_MAX),
    ] {
        assert_eq!(check_object(good.as_bytes()), Ok(()), "{good}");
    }
    let cases: [(&[u8], &str); 16] = [
        (b"", "not-json"),
        (b"null", "not-an-object"),
        (b"[]", "not-an-object"),
        (b"\"{}\"", "not-an-object"),
        (b"{} {}", "not-json"),
        (b"{}x", "not-json"),
        (b"{\"a\":NaN}", "not-json"),
        (b"{\"a\":Infinity}", "not-json"),
        (b"{\"a\":01}", "not-json"),
        (b"{'a':1}", "not-json"),
        (b"{\"a\":1,}", "not-json"),
        (b"{\"a\":\"\n\"}", "not-json"),
        (b"\xef\xbb\xbf{}", "not-json"),
        (b"{\"a\":\"\xff\"}", "not-utf8"),
        (b"{\"a\":\"\xed\xa0\x80\"}", "not-utf8"),
        (b"{\"a\":\"\xc0\xaf\"}", "not-utf8"),
    ];
    for (body, slug) in cases {
        let refused = check_object(body).unwrap_err();
        assert_eq!(
            (refused.slug(), refused.status().as_u16()),
            (slug, 400),
            "{body:?}"
        );
    }
}

#[test]
fn nesting_is_counted_without_recursion_and_only_outside_strings() {
    for depth in [DEPTH_MAX + 1, 200_000] {
        assert_eq!(check_object(nested(depth).as_bytes()), Err(Rejection::TooDeep));
        assert_eq!(
            check_object("[".repeat(depth).as_bytes()),
            Err(Rejection::TooDeep)
        );
    }
    let quoted = format!(r#"{{"a":"{}\"{{\\"}}"#, "[".repeat(1000));
    assert_eq!(check_object(quoted.as_bytes()), Ok(()));
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_the_check_agrees_with_a_parser(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let parsed = serde_json::from_slice::<serde_json::Value>(&bytes);
        prop_assert_eq!(check_object(&bytes).is_ok(), parsed.is_ok_and(|value| value.is_object()));
    }

    #[test]
    fn whatever_the_json_is_the_check_agrees_with_a_parser(text in r#"[{]("[ab\\]{0,3}":[0-9eE.\-]{1,4},?){0,3}[}]"#) {
        let parsed = serde_json::from_str::<serde_json::Value>(&text);
        prop_assert_eq!(check_object(text.as_bytes()).is_ok(), parsed.is_ok(), "{}", text);
    }
}
