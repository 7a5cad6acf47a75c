/* Keeps the orders that have one of some statuses, hides the customer's e-mail, adds `total_cents` and removes
 * `internal_note`. All other fields keep their values, digit by digit.
 *
 * No tree of the JSON is built: values are passed on as they are written. */

#define SLUICEBOX_IMPLEMENTATION
#include "../../sdk/c/sluicebox.h"

/* The stage's `config:`. */
static struct {
    sb_strings statuses; /* orders with any other are dropped */
} config;

static const sb_config_field fields[] = {
    {.key = "statuses", .strings = &config.statuses},
};

/* The fields of an order that matter here. */
typedef struct {
    sb_json status, quantity, price_cents;
} order;

/* The largest whole number that every reader of JSON holds exactly: 2^53 - 1. */
static const int64_t MOST = 9007199254740991;

static sb_buffer changed; /* the new value; its memory stays for the next record */
static sb_buffer text;    /* a string without its escapes */
static sb_buffer masked;

static const char *init(const sb_stage *stage) {
    const char *error = sb_config(stage, fields);
    if (error != NULL) return error;
    return config.statuses.count == 0 ? "config.statuses: must name at least one status" : NULL;
}

/* The address with its first character and its domain alone; nothing of what is no address. */
static sb_bytes mask(sb_bytes email) {
    size_t first = 1, domain = email.len;
    while (domain > 0 && email.at[domain - 1] != '@') domain--;
    if (domain == 0 || email.at[0] == '@') return sb_text("***");
    while ((email.at[first] & 0xc0) == 0x80) first++; /* to the end of a code point; the `@` is behind it */
    sb_clear(&masked);
    sb_append(&masked, (sb_bytes){email.at, first});
    sb_append_text(&masked, "***@");
    sb_append(&masked, sb_behind(email, domain));
    return sb_held(&masked);
}

/* Begins a field of the object that is being written. */
static void append_key(sb_bytes key) {
    if (changed.at[changed.len - 1] != '{') sb_append_text(&changed, ",");
    sb_append(&changed, key);
    sb_append_text(&changed, ":");
}

/* Appends a customer, whose e-mail is masked where there is one. */
static void append_customer(sb_json customer) {
    sb_json_members members = sb_json_members_of(customer);
    sb_json key, value;
    sb_append_text(&changed, "{");
    while (sb_json_next(&members, &key, &value)) {
        append_key(key.text);
        if (value.kind == SB_JSON_STRING && sb_json_is(key, "email")) {
            sb_json_append_string(&changed, mask(sb_json_string(value, &text)));
        } else {
            sb_append(&changed, value.text);
        }
    }
    sb_append_text(&changed, "}");
}

/* Reads an order, and begins the new value with the fields that stay. */
static order read_order(sb_json json) {
    order found = {0};
    sb_json_members members = sb_json_members_of(json);
    sb_json key, value;
    sb_clear(&changed);
    sb_append_text(&changed, "{");
    while (sb_json_next(&members, &key, &value)) {
        if (sb_json_is(key, "total_cents") || sb_json_is(key, "internal_note")) continue;
        if (sb_json_is(key, "status")) found.status = value;
        if (sb_json_is(key, "quantity")) found.quantity = value;
        if (sb_json_is(key, "price_cents")) found.price_cents = value;
        append_key(key.text);
        if (value.kind == SB_JSON_MAP && sb_json_is(key, "customer")) append_customer(value);
        else sb_append(&changed, value.text);
    }
    return found;
}

static bool is_wanted(sb_bytes status) {
    for (size_t n = 0; n < config.statuses.count; n++) {
        if (sb_equal(config.statuses.at[n], status)) return true;
    }
    return false;
}

static bool is_safe(int64_t number) { return number >= -MOST && number <= MOST; }

static bool read_whole(sb_json json, int64_t *number) { return sb_json_integer(json, number) && is_safe(*number); }

/* The product of two safe numbers, where it is one itself. */
static bool multiply(int64_t left, int64_t right, int64_t *product) {
    int64_t size = left < 0 ? -left : left;
    if (size != 0 && (right > MOST / size || right < -MOST / size)) return false;
    *product = left * right;
    return true;
}

static sb_verdict process(const sb_record *record) {
    sb_bytes value = sb_value(record);
    if (sb_is_null(value)) return SB_KEEP;
    sb_json json = sb_json_read(value);
    if (json.kind != SB_JSON_MAP) return sb_reject("the value is not a JSON object");
    order order = read_order(json);
    int64_t quantity, price, total;
    if (order.status.kind != SB_JSON_STRING) return sb_reject("status is not a string");
    if (!is_wanted(sb_json_string(order.status, &text))) return SB_DROP;
    if (!read_whole(order.quantity, &quantity)) return sb_reject("quantity is not a whole number");
    if (!read_whole(order.price_cents, &price)) return sb_reject("price_cents is not a whole number");
    if (!multiply(quantity, price, &total)) return sb_reject("total_cents is too large");
    append_key(sb_text("\"total_cents\""));
    sb_append_integer(&changed, total);
    sb_append_text(&changed, "}");
    return sb_emit(&(sb_out){.value = sb_set(sb_held(&changed))});
}

SLUICEBOX_PLUGIN("order-enrich-c", "0.1.0", SB_VALUE, init, process);
