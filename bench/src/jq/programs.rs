//! The programs that are measured, of every kind that people write.

/// What is done, and the programs that do it.
pub const PROGRAMS: [(&str, &[&str]); 8] = [
    (
        "ordinary",
        &[
            ".",
            ".currency |= ascii_downcase",
            ".amount_cents = .amount * 100 | del(.note)",
            ".x = (.amount | floor)",
            ".amount_cents = (.amount * 100 | round) | del(.note)",
            r#".domain = (.email | split("@")[1])"#,
            r#"select(.email | test("example"))"#,
            "with_entries(select(.value != null))",
        ],
    ),
    (
        "paths and assignment",
        &[
            "{order_id, status, total: (.amount * .quantity)}",
            ".customer.email = .email | del(.email)",
            ".tags[0] as $first | .first = $first",
            ".quantity += 1 | .amount *= 1.19",
            "del(.note, .tags, .email)",
        ],
    ),
    (
        "strings",
        &[
            r#".key = .order_id + "/" + .status"#,
            r#""\(.order_id): \(.status) x\(.quantity)""#,
            r#".name = (.email | split("@")[0] | ascii_upcase)"#,
            r#".short = (.order_id | ltrimstr("o-") | .[0:4])"#,
            r#"select(.email | endswith(".org") and startswith("a") | not)"#,
        ],
    ),
    (
        "regular expressions",
        &[
            r#".email |= sub("@.*"; "@hidden")"#,
            r#".user = (.email | capture("^(?<user>[a-z]+)(?<n>[0-9a-f]+)@").user)"#,
            r#".note |= if . then gsub("\\s+"; "-") else . end"#,
            r#".numbers = [.order_id | scan("[0-9]+")]"#,
            r#".year = (.updated_at | match("^[0-9]{4}").string | tonumber)"#,
        ],
    ),
    (
        "entries and objects",
        &[
            r#"to_entries | map("\(.key)=\(.value)") | join("&")"#,
            "with_entries(.key |= ascii_upcase)",
            r#"to_entries | map(select(.value | type == "string")) | from_entries"#,
            r#"map_values(if type == "string" then ascii_downcase else . end)"#,
            r#". + {source: "shop", keys: keys} | has("status")"#,
        ],
    ),
    (
        "arrays, sort and group",
        &[
            ".tags |= sort",
            ".tags |= (map(ascii_upcase) | unique)",
            ".groups = (.tags | group_by(length) | map({n: (.[0] | length), tags: .}))",
            ".longest = (.tags | max_by(length))",
            r#"[.tags[] | {tag: ., id: 1}] | sort_by(.tag) | map(.tag) | join(",")"#,
        ],
    ),
    (
        "reduce and foreach",
        &[
            ".total = reduce range(.quantity) as $i (0; . + $i)",
            ".lengths = (reduce .tags[] as $t ({}; .[$t] = ($t | length)))",
            "[foreach .tags[] as $t (0; . + ($t | length); {tag: $t, sum: .})]",
            r#".text = (reduce .tags[] as $t (""; . + $t + ";"))"#,
            "[limit(2; .tags[])] as $two | .tags = $two",
        ],
    ),
    (
        "dates and formats",
        &[
            ".at = (.updated_at | fromdate)",
            r#".day = (.updated_at | fromdate | strftime("%A, %d %B %Y"))"#,
            r#".date = (.updated_at | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime | todate)"#,
            "[.order_id, .status, .amount, .quantity] | @csv",
            r#".digest = ([.order_id, .email] | join("|") | @base64)"#,
        ],
    ),
];
