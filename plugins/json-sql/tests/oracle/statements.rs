//! Statements of the kind that people write, and the table that they run on in PostgreSQL.

/// The table, whose columns are the fields of [`RECORDS`].
pub const TABLE: &str = "
CREATE TABLE input (order_id text, status text, quantity bigint, price numeric, customer jsonb, lines jsonb,
                    created_at text, note text, discount numeric, sensor jsonb);
";

/// Records, as JSON objects.
pub const RECORDS: [&str; 4] = [
    r#"{"order_id": "o-1", "status": "shipped", "quantity": 3, "price": 4.99, "customer": {"name": "Ada Lovelace", "email": "ada@example.org", "vip": true}, "lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}], "created_at": "2026-11-29T20:48:13Z", "note": "  fragile, heavy ", "discount": null, "sensor": {"t": 21.55, "unit": "C"}}"#,
    r#"{"order_id": "o-2", "status": "cancelled", "quantity": 0, "price": 120.00, "customer": {"name": "Grace Hopper", "email": null}, "lines": [], "created_at": "2024-02-29T23:59:59.5+01:00", "note": null, "discount": 0.15, "sensor": {"t": -40.0, "unit": "F"}}"#,
    r#"{"order_id": "o-3", "status": null, "quantity": 12, "price": 0.05, "customer": null, "lines": null, "created_at": "2021-01-03T00:00:00Z", "note": "tel. +49 30 1234567", "discount": 0.0, "sensor": null}"#,
    r#"{"order_id": "o-4", "status": "new", "quantity": 100, "price": 19.90, "customer": {"name": "Édgar", "email": "edgar+spam@mail.example.com", "vip": false}, "lines": [{"sku": "c", "n": 7}], "created_at": "1999-12-31T12:30:00Z", "note": "", "discount": 0.333, "sensor": {"t": 0, "unit": "K"}}"#,
];

/// The statements. `FROM input` means the same in both.
pub const STATEMENTS: [&str; 14] = [
    "SELECT order_id, upper(status) AS status, quantity * price AS total FROM input WHERE status IN ('shipped', 'new')",
    "SELECT order_id, CASE WHEN quantity >= 100 THEN 'bulk' WHEN quantity > 0 THEN 'retail' ELSE 'empty' END AS kind FROM input",
    "SELECT order_id, round(price * quantity * (1 - coalesce(discount, 0)), 2) AS net FROM input WHERE quantity <> 0",
    "SELECT order_id, customer ->> 'name' AS name, split_part(customer ->> 'email', '@', 2) AS domain FROM input WHERE customer ->> 'email' IS NOT NULL",
    "SELECT order_id, initcap(lower(customer ->> 'name')) AS name, length(customer ->> 'name') AS letters FROM input",
    "SELECT order_id, to_char(created_at::timestamptz, 'YYYY-MM-DD') AS day, extract(hour FROM created_at::timestamptz) AS hour, extract(week FROM created_at::timestamptz) AS week FROM input",
    "SELECT order_id, trim(note) AS note, regexp_replace(note, '[^0-9]', '', 'g') AS digits FROM input WHERE note <> ''",
    "SELECT order_id, quantity / 7 AS sevens, quantity % 7 AS rest, price / 3 AS third FROM input",
    "SELECT order_id, md5(order_id || '/' || quantity) AS fingerprint, left(order_id, 1) || lpad(quantity::text, 5, '0') AS code FROM input",
    "SELECT order_id, coalesce(status, 'unknown') AS status, status IS DISTINCT FROM 'new' AS old, nullif(quantity, 0) AS quantity FROM input",
    "SELECT order_id, jsonb_array_length(lines) AS n, lines -> 0 ->> 'sku' AS first FROM input WHERE jsonb_typeof(lines) = 'array'",
    "SELECT order_id, jsonb_build_object('total', price * quantity, 'vip', customer -> 'vip') AS summary FROM input",
    "SELECT order_id, CASE sensor ->> 'unit' WHEN 'F' THEN ((sensor ->> 't')::numeric - 32) * 5 / 9 WHEN 'C' THEN (sensor ->> 't')::numeric END AS celsius FROM input",
    "SELECT order_id, date_trunc('month', created_at::timestamptz)::date + 14 AS due, (created_at::timestamptz)::date - DATE '2020-01-01' AS days, greatest(price, 10, discount) AS floor FROM input WHERE order_id ~ '^o-[0-9]+$' AND order_id NOT LIKE '%9' AND price BETWEEN 0.01 AND 1000",
];
