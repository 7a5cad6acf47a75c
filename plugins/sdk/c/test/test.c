/* Tests of sluicebox.h: a plugin that is called as the host calls one, and the JSON reader by itself. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLUICEBOX_IMPLEMENTATION
#include "sluicebox.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), exit(1);                     \
    } while (0)

/* ---- The host, as far as it goes --------------------------------------------------------------------------------- */

static char logged[2000];
static char counted[200];

void sluicebox_log_write(uint32_t level, const char *message, size_t len) {
    snprintf(logged, sizeof logged, "%u %.*s", level, (int)len, message);
}

void sluicebox_metrics_count(const char *name, size_t len, uint64_t delta) {
    snprintf(counted, sizeof counted, "%.*s %llu", (int)len, name, (unsigned long long)delta);
}

/* ---- A plugin that does what the value of a record says ---------------------------------------------------------- */

sb_verdict emit_from_another_file(sb_bytes value);

static struct {
    sb_bytes contains;
    sb_strings statuses;
    bool keep;
    int64_t limit;
    double ratio;
    sb_json rest;
} config;

static const sb_config_field fields[] = {
    {.key = "contains", .string = &config.contains},
    {.key = "statuses", .strings = &config.statuses, .optional = true},
    {.key = "keep", .boolean = &config.keep, .optional = true},
    {.key = "limit", .integer = &config.limit, .optional = true},
    {.key = "ratio", .number = &config.ratio, .optional = true},
    {.key = "rest", .any = &config.rest, .optional = true},
};

static const char *init(const sb_stage *stage) { return sb_config(stage, fields); }

static void answer_all(const sb_record *record, sb_buffer *text) {
    sb_source source = {{NULL, 0}, 0, 0};
    bool has_source = sb_source_of(record, &source);
    sb_bytes name, value, key = sb_key(record);
    sb_append_format(text, "%.*s|%lld|", key.at == NULL ? 4 : (int)key.len, key.at == NULL ? "null" : key.at,
                     (long long)sb_timestamp(record));
    sb_headers headers = sb_headers_of(record);
    while (sb_next_header(&headers, &name, &value)) sb_append_format(text, "%.*s=%.*s,", SB_ARG(name), SB_ARG(value));
    if (has_source) sb_append_format(text, "|%.*s/%d/%lld", SB_ARG(source.topic), source.partition, (long long)source.offset);
}

static sb_verdict process(const sb_record *record) {
    static sb_buffer text;
    static sb_header_list list;
    sb_bytes value = sb_value(record);
    if (sb_is_null(value) || sb_is(value, "keep")) return SB_KEEP;
    if (sb_is(value, "drop")) return SB_DROP;
    if (sb_is(value, "change my mind")) return sb_emit(&(sb_out){.value = SB_NULL}), SB_KEEP;
    if (sb_is(value, "emit, then reject")) return sb_emit(&(sb_out){.value = SB_NULL}), sb_reject("no %d", 1);
    if (sb_is(value, "reject, bare")) return SB_REJECT;
    if (sb_is(value, "reject")) return sb_reject("bad \xff text: %s", "\xc3\xa4\xc3");
    if (sb_is(value, "retry")) return sb_retry("%.*s", SB_ARG(sb_behind(value, 2)));
    if (sb_is(value, "fail")) return sb_fail_fatal("the end");
    if (sb_is(value, "fail, retry")) return sb_fail_retry("later");
    if (sb_is(value, "nothing")) return SB_EMIT;
    if (sb_is(value, "second")) return emit_from_another_file(sb_text("from there"));
    if (sb_is(value, "empty")) return sb_emit(&(sb_out){.value = sb_set(sb_text(""))});
    if (sb_is(value, "header")) return sb_emit(&(sb_out){.value = sb_set(sb_header(record, "h"))});
    sb_clear(&text);
    sb_clear_headers(&list);
    if (sb_is(value, "two")) {
        sb_add_headers_of(&list, record);
        sb_add_header(&list, sb_text("none"), (sb_bytes){NULL, 0});
        sb_emit(&(sb_out){.output = sb_text("audit"), .headers = &list});
        sb_clear_headers(&list);
        return sb_emit(&(sb_out){.key = SB_NULL, .headers = &list, .timestamp = sb_at(-5)});
    }
    answer_all(record, &text);
    return sb_emit(&(sb_out){.value = sb_set(sb_held(&text))});
}

SLUICEBOX_PLUGIN("test", "1.2.3", config.keep ? SB_ALL : SB_VALUE, init, process);

/* ---- Calling it -------------------------------------------------------------------------------------------------- */

static sb_bytes passed(const char *text, size_t len) {
    char *at = sluicebox_realloc(NULL, 0, 1, len);
    memcpy(at, text, len);
    return (sb_bytes){at, len};
}

static const size_t *start(const char *json) {
    memset(&config, 0, sizeof config);
    sb__.started = false;
    sb_bytes stage = passed("stage", 5), text = passed(json, strlen(json));
    sb_bytes *outputs = sluicebox_realloc(NULL, 0, 8, 2 * sizeof(sb_bytes));
    outputs[0] = passed("default", 7);
    outputs[1] = passed("audit", 5);
    return sluicebox_init(stage.at, stage.len, text.at, text.len, outputs, 2)->words;
}

static sb_bytes bytes_at(const size_t *words, int at) { return (sb_bytes){(const char *)words[at], words[at + 1]}; }

/* Whether the configuration is refused with this text. */
static bool refused(const char *json, const char *text) {
    const size_t *words = start(json);
    if (words[0] != 1 || !sb_is(bytes_at(words, 1), text)) {
        fprintf(stderr, "%s: %zu %.*s\n", json, words[0], words[0] == 0 ? 0 : (int)words[2], (const char *)words[1]);
        return false;
    }
    return true;
}

/* A batch of records whose only difference is the value. */
static const size_t *run(const char *const *values, size_t count) {
    char index[10 * SB__INPUT_ENTRY], data[2000];
    static const char fixed[] = "key!topic\1\0\0\0\1\0\0\0h1\1\0\0\0\377\377\377\377i\1\0\0\0\2\0\0\0h22";
    size_t end = sizeof fixed - 1;
    memcpy(data, fixed, end);
    for (size_t n = 0; n < count; n++) {
        uint32_t len = values[n] == NULL ? UINT32_MAX : (uint32_t)strlen(values[n]);
        uint32_t words[14] = {0, 4, (uint32_t)end, len, 9, 3, 77, 0, 1u << 31, 1, 6, 4, 5, 0};
        memcpy(index + n * sizeof words, words, sizeof words);
        if (values[n] != NULL) memcpy(data + end, values[n], len), end += len;
    }
    sb_bytes entries = passed(index, count * SB__INPUT_ENTRY), bytes = passed(data, end);
    return sluicebox_process(entries.at, entries.len, bytes.at, bytes.len)->words;
}

static void records_are_read_and_judged(void) {
    start("{\"contains\":\"x\"}");
    const char *values[] = {"keep", NULL, "drop", "change my mind", "emit, then reject", "reject", "retry", "nothing", "two", "all"};
    const size_t *words = run(values, 10);
    CHECK(words[0] == 0 && words[2] == 10);
    CHECK(memcmp((const char *)words[1], "\0\0\1\0\3\3\4\2\2\2", 10) == 0);
    CHECK(words[4] == 6 * sizeof(sb__entry));
    sb__entry entries[6];
    memcpy(entries, (const void *)words[3], sizeof entries);
    const char *data = (const char *)words[5];
    CHECK(entries[0].record == 4 && sb_is((sb_bytes){data + entries[0].value.offset, entries[0].value.len}, "no 1"));
    CHECK(sb_is((sb_bytes){data + entries[1].value.offset, entries[1].value.len}, "bad \xef\xbf\xbd text: \xc3\xa4\xef\xbf\xbd"));
    CHECK(entries[2].record == 6 && sb_is((sb_bytes){data + entries[2].value.offset, entries[2].value.len}, "try"));
    CHECK(entries[3].record == 8 && entries[4].record == 8);
    CHECK(sb_is((sb_bytes){data + entries[3].output.offset, entries[3].output.len}, "audit"));
    CHECK(entries[3].key.len == SB__INHERITED && entries[3].headers.len == 4 && entries[3].timestamp == SB_NO_TIMESTAMP);
    CHECK(memcmp(data + entries[3].headers.offset, "\1\0\0\0\1\0\0\0h1\1\0\0\0\377\377\377\377i\1\0\0\0\2\0\0\0h22\4\0\0\0\377\377\377\377none", 42) == 0);
    CHECK(entries[4].key.len == SB__LEN_NULL && entries[4].headers.len == 0 && entries[4].timestamp == -5);
    CHECK(entries[4].output.len == SB__LEN_NULL && entries[4].value.len == SB__INHERITED);
    CHECK(entries[5].record == 9);
    CHECK(sb_is((sb_bytes){data + entries[5].value.offset, entries[5].value.len}, "key!|77|h=1,i=,h=22,|topic/6/6442450944"));

    const void *verdicts = (const void *)words[1];
    const char *more[] = {"second", "empty", "header", "reject, bare"};
    words = run(more, 4);
    CHECK(words[0] == 0 && words[2] == 4 && (const void *)words[1] == verdicts);
    memcpy(entries, (const void *)words[3], 4 * sizeof *entries);
    data = (const char *)words[5];
    CHECK(sb_is((sb_bytes){data + entries[0].value.offset, entries[0].value.len}, "from there"));
    CHECK(entries[1].value.len == 0);
    CHECK(sb_is((sb_bytes){data + entries[2].value.offset, entries[2].value.len}, "22"));
    CHECK(entries[3].record == 3 && entries[3].value.len == 0);
    CHECK(run(NULL, 0)[2] == 0);
}

static void failures_fail_the_batch(void) {
    const char *fatal[] = {"two", "fail"}, *retry[] = {"fail, retry"};
    const size_t *words = run(fatal, 2);
    CHECK(words[0] == 1 && words[1] == 1 && sb_is(bytes_at(words, 2), "the end"));
    words = run(retry, 1);
    CHECK(words[0] == 1 && words[1] == 0 && sb_is(bytes_at(words, 2), "later"));
    sb__.started = false;
    words = run(retry, 1);
    CHECK(words[0] == 1 && words[1] == 1 && sb_is(bytes_at(words, 2), "process was called before init"));
}

static void memory_for_arguments_is_kept_and_grows(void) {
    start("{\"contains\":\"x\"}");
    char *first = sluicebox_realloc(NULL, 0, 1, 100), *second = sluicebox_realloc(NULL, 0, 4, 1000);
    CHECK(first != second);
    sb__.arguments_used = 0;
    CHECK(sluicebox_realloc(NULL, 0, 1, 90) == first && sluicebox_realloc(NULL, 0, 1, 900) == second);
    memcpy(first, "hello", 5);
    first = sluicebox_realloc(first, 5, 1, 10000);
    CHECK(memcmp(first, "hello", 5) == 0);
    CHECK(sluicebox_realloc(NULL, 0, 1, 0) != NULL);
    sb__.arguments_used = 0;
}

/* ---- Configuration ----------------------------------------------------------------------------------------------- */

static void a_configuration_is_read(void) {
    const size_t *words = start(" {\"contains\":\"a\\u00e4\\n\",\"statuses\":[\"x\", \"\\\"\" ],\"keep\":true,"
                                "\"limit\":-3.0,\"ratio\":2.5e-1,\"rest\":{\"a\":[1]}} ");
    CHECK(words[0] == 0 && sb_is(bytes_at(words, 1), "test") && sb_is(bytes_at(words, 3), "1.2.3") && words[5] == SB_ALL);
    CHECK(sb_is(config.contains, "a\xc3\xa4\n") && config.keep && config.limit == -3 && config.ratio == 0.25);
    CHECK(config.statuses.count == 2 && sb_is(config.statuses.at[0], "x") && sb_is(config.statuses.at[1], "\""));
    CHECK(sb_is(config.rest.text, "{\"a\":[1]}"));
    words = start("{\"contains\":\"\"}");
    CHECK(words[0] == 0 && words[5] == SB_VALUE && config.contains.len == 0 && !sb_is_null(config.contains));
}

static void a_wrong_configuration_is_refused_in_the_users_words(void) {
    CHECK(refused("{\"contains\":5}", "config.contains: expected a string, found the number 5"));
    CHECK(refused("{\"contains\":5.50}", "config.contains: expected a string, found the number 5.50"));
    CHECK(refused("{\"contains\":true}", "config.contains: expected a string, found true"));
    CHECK(refused("{\"contains\":null}", "config.contains: expected a string, found null"));
    CHECK(refused("{\"contains\":[1]}", "config.contains: expected a string, found a list"));
    CHECK(refused("{\"contains\":{}}", "config.contains: expected a string, found a map"));
    CHECK(refused("{\"keep\":\"yes\"}", "config.keep: expected a boolean, found the text \"yes\""));
    CHECK(refused("{\"limit\":1.5}", "config.limit: expected a whole number, found the number 1.5"));
    CHECK(refused("{\"ratio\":\"1\"}", "config.ratio: expected a number, found the text \"1\""));
    CHECK(refused("{\"statuses\":\"x\"}", "config.statuses: expected a list, found the text \"x\""));
    CHECK(refused("{\"statuses\":[\"x\",7]}", "config.statuses[1]: expected a string, found the number 7"));
    CHECK(refused("{}", "config.contains: missing"));
    CHECK(refused("null", "config.contains: missing"));
    CHECK(refused("[]", "config: expected a map, found a list"));
    CHECK(refused("\"x\"", "config: expected a map, found the text \"x\""));
    CHECK(refused("{\"contans\":\"x\"}", "config.contans: unknown key, expected contains, statuses, keep, limit, ratio or rest"));
    sb_stage stage = {sb_text("s"), sb_text("{\"contans\":1}"), NULL, 0};
    CHECK(strcmp(sb_read_config(&stage, fields, 1), "config.contans: unknown key, expected contains") == 0);
    CHECK(strcmp(sb_read_config(&stage, fields, 2), "config.contans: unknown key, expected contains or statuses") == 0);
    CHECK(strcmp(sb_read_config(&stage, fields, 0), "config.contans: unknown key, expected no keys") == 0);
}

static void outputs_are_checked(void) {
    sb_bytes outputs[] = {sb_text("default"), sb_text("audit")};
    sb_stage stage = {sb_text("s"), sb_text("null"), outputs, 2};
    CHECK(sb_check_output(&stage, sb_text("audit")) == NULL);
    CHECK(strcmp(sb_check_output(&stage, sb_text("audti")),
                 "the pipeline has no output `audti`; did you mean `audit`? its outputs are: default, audit") == 0);
    CHECK(strcmp(sb_check_output(&stage, sb_text("eu")), "the pipeline has no output `eu`; its outputs are: default, audit") == 0);
    CHECK(sb__distance(sb_text("default"), sb_text("defualts")) == 2);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

/* A copy with nothing behind it, so that the sanitizer sees a read past the end. */
static sb_json read_copy(const char *text, size_t len) {
    char *copy = malloc(len + (len == 0));
    memcpy(copy, text, len);
    return sb_json_read((sb_bytes){copy, len});
}

static sb_json read_text(const char *text) { return read_copy(text, strlen(text)); }

static void json_is_accepted_and_refused_as_the_standard_says(void) {
    static const char *const good[] = {
        "0", "-0", " -1.5e+10\r\n\t", "1E5", "0.0", "true", "false", "null", "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uD83d\\uDE00\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", "[]", "[ ]", "{}", "{ }", "[1,2]", "[[],{}]", "[[1],[2 , {\"a\" : 3 , \"b\":[]}]]",
        "{\"a\":{\"b\":{}}}", "{\"\":0}", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "\"\xf4\x8f\xbf\xbf\"", "\"\xed\x9f\xbf\"",
    };
    static const char *const bad[] = {
        "", " ", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "truee", "nul", "'a'", "\"", "\"a", "\"\\",
        "\"\\x\"", "\"\\u12g4\"", "\"\\u123\"", "\"\n\"", "\"\x01\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xe0\x80\x80\"", "\"\xf0\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}",
        "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{,}", "{\"a\":1]", "1 2", "{} x",
        "\xef\xbb\xbf{}", "[1,,2]", "{\"a\":1,,\"b\":2}", "[\"a\":1]", "{\"a\"}", "{\"a\":1 \"b\":2}", "// x\n1", "[]]", "-a", "--1", "1\f",
    };
    for (size_t n = 0; n < sizeof good / sizeof *good; n++) {
        if (read_text(good[n]).kind == SB_JSON_NONE) fprintf(stderr, "refused: %s\n", good[n]), exit(1);
    }
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        if (read_text(bad[n]).kind != SB_JSON_NONE) fprintf(stderr, "accepted: %s\n", bad[n]), exit(1);
    }
    CHECK(read_copy("\"a\0b\"", 5).kind == SB_JSON_NONE);
}

static void json_is_nested_to_a_bound(void) {
    char text[2 * (SB_JSON_DEPTH + 1)];
    for (int depth = SB_JSON_DEPTH; depth <= SB_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        CHECK((read_copy(text, 2 * (size_t)depth).kind == SB_JSON_LIST) == (depth == SB_JSON_DEPTH));
    }
}

static void members_are_found_and_walked(void) {
    sb_json map = read_text(" { \"a\" : 1 , \"b\\u0062\":[true,\"x\" ,{}], \"a\":\"last\", \"d\":null }"), key, value;
    CHECK(sb_is(sb_json_get(map, "a").text, "\"last\"") && sb_json_get(map, "bb").kind == SB_JSON_LIST);
    CHECK(sb_json_get(map, "d").kind == SB_JSON_NULL && sb_json_get(map, "e").kind == SB_JSON_NONE);
    sb_json_members members = sb_json_members_of(sb_json_get(map, "bb"));
    CHECK(sb_json_next(&members, &key, &value) && sb_json_is_true(value) && key.kind == SB_JSON_NONE);
    CHECK(sb_json_next(&members, &key, &value) && sb_json_is(value, "x"));
    CHECK(sb_json_next(&members, &key, &value) && value.kind == SB_JSON_MAP && sb_is(value.text, "{}"));
    CHECK(!sb_json_next(&members, &key, &value) && !sb_json_next(&members, &key, &value));
    CHECK(sb_json_get(read_text("[1]"), "a").kind == SB_JSON_NONE && sb_json_get(read_text("1"), "a").kind == SB_JSON_NONE);
}

static void strings_are_unescaped_and_escaped(void) {
    sb_buffer text = {0}, json = {0};
    sb_json string = read_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e4\\u20AC\\ud83d\\ude00\\ud800x\\udc00\\ud800\\u0041\"");
    static const char expected[] = "\"\\/\b\f\n\r\t\0\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd" "A";
    CHECK(sb_equal(sb_json_string(string, &text), (sb_bytes){expected, sizeof expected - 1}));
    sb_json plain = read_text("\"plain\"");
    CHECK(sb_json_string(plain, &text).at == plain.text.at + 1);
    sb_json_append_string(&json, (sb_bytes){"a\"\\\n\x1f\0\xff\xc3\xa4", 9});
    CHECK(sb_is(sb_held(&json), "\"a\\\"\\\\\\u000a\\u001f\\u0000\xef\xbf\xbd\xc3\xa4\""));
    CHECK(read_copy(json.at, json.len).kind == SB_JSON_STRING);
}

static uint64_t seed = 88172645463325252u;

static uint64_t any(uint64_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static void same_number(const char *text) {
    double expected = strtod(text, NULL), found = sb_json_number(sb_json_read(sb_text(text)));
    if (memcmp(&expected, &found, sizeof found) != 0) fprintf(stderr, "%.60s: %.17g, not %.17g\n", text, found, expected), exit(1);
}

static void numbers_are_the_nearest_doubles(void) {
    static const char *const nasty[] = {
        "0", "-0", "0.1", "-0.0e5", "9007199254740993", "9007199254740991.5", "1e308", "1.7976931348623157e308", "1.7976931348623158e308",
        "1.7976931348623159e308", "1e309", "1e400", "1e99999999999999999999", "1e-99999999999999999999", "5e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "2.2250738585072014e-308", "2.2250738585072011e-308", "1e-400", "123456789012345678901234567890",
        "0.000000000000000000000000000000000000000000000000000001", "8.5e-322", "100000000000000000000e-20", "0e999", "1e22", "1e23",
    };
    for (size_t n = 0; n < sizeof nasty / sizeof *nasty; n++) same_number(nasty[n]);
    char text[2000];
    for (int n = 0; n < 30000; n++) { /* halves between two doubles, exactly, and a little to either side */
        uint64_t bits = any(UINT64_MAX) % 0x7fe0000000000000u;
        double value;
        memcpy(&value, &bits, sizeof value);
        snprintf(text, sizeof text, "%.17e", value);
        same_number(text);
        if (n % 100 != 0) continue;
        double next = nextafter(value, INFINITY);
        long double half = ((long double)value + (long double)next) / 2;
        snprintf(text, sizeof text, "%.1100Le", half);
        same_number(text);
        char *exponent = strchr(text, 'e'), tail[16];
        snprintf(tail, sizeof tail, "1%s", exponent);
        memcpy(exponent, tail, strlen(tail) + 1);
        same_number(text);
    }
    for (int n = 0; n < 30000; n++) {
        int digits = 1 + (int)any(40), at = 0;
        for (int digit = 0; digit < digits; digit++) text[at++] = (char)('1' + any(9));
        if (any(2) != 0) text[at++] = '.', text[at++] = (char)('0' + any(10));
        snprintf(text + at, 20, "e%d", (int)any(700) - 350);
        same_number(text);
    }
}

static void whole_numbers_are_told_from_others(void) {
    int64_t number = 0;
#define WHOLE(text, expected) CHECK(sb_json_integer(read_text(text), &number) && number == (expected))
    WHOLE("3", 3);
    WHOLE("3.0", 3);
    WHOLE("3e0", 3);
    WHOLE("-0", 0);
    WHOLE("-0.0", 0);
    WHOLE("1.5e1", 15);
    WHOLE("9223372036854775807", INT64_MAX);
    WHOLE("-9223372036854775808", INT64_MIN);
    static const char *const others[] = {"9223372036854775808", "-9223372036854775809", "1.5", "1e19", "1e400", "-1e400", "15e-1", "99999999999999999999",
                                         "\"3\"", "null"};
    for (size_t n = 0; n < sizeof others / sizeof *others; n++) CHECK(!sb_json_integer(read_text(others[n]), &number));
}

/* Whatever the bytes are, nothing is read out of bounds, and what is accepted can be walked. */
static void damaged_json_does_no_harm(void) {
    static const char whole[] = "{\"a\":[1,-2.5e3,true,null,\"\\u00e4\\ud83d\\ude00\xc3\xa4\"],\"b\":{\"c\":{},\"d\":[]} , \"e\" : \"\\n\"}";
    static const char letters[] = "{}[]:,\"\\ue0-.\x80\xc3\xf0 ";
    sb_buffer text = {0};
    for (int n = 0; n < 100000; n++) {
        char damaged[sizeof whole];
        size_t len = sizeof whole - 1 - any(3) * any(20);
        memcpy(damaged, whole, sizeof whole);
        for (uint64_t m = any(4); m-- > 0;) damaged[any(len)] = letters[any(sizeof letters - 1)];
        char *copy = malloc(len);
        memcpy(copy, damaged, len);
        sb_json map = sb_json_read((sb_bytes){copy, len}), key, value;
        sb_json_members members = sb_json_members_of(map);
        while (sb_json_next(&members, &key, &value)) {
            sb_json_string(key, &text);
            sb_json_string(value, &text);
            sb_json_number(value);
            sb_json_get(value, "c");
        }
        members = (sb_json_members){{copy, len}, n % 2 == 0}; /* of a text that nobody has checked */
        while (sb_json_next(&members, &key, &value)) sb_json_string(value, &text);
        free(copy);
    }
}

/* ---- The rest ---------------------------------------------------------------------------------------------------- */

static void formats_do_what_they_say(void) {
    sb_buffer text = {0};
    sb_append_format(&text, "%s %.*s %c %d %lld %u %zu %x %llx %% %ld", "s", 2, "abc", 'c', -5, (long long)INT64_MIN, 7u, (size_t)8, 0xffu,
                     0xabcdef0123ULL, -9L);
    CHECK(sb_is(sb_held(&text), "s ab c -5 -9223372036854775808 7 8 ff abcdef0123 % -9"));
    sb_log(SB_WARN, "%s\xff", "careful");
    CHECK(strcmp(logged, "1 careful\xef\xbf\xbd") == 0);
    sb_assert(text.len > 0);
    sb_count("seen", 3);
    CHECK(strcmp(counted, "seen 3") == 0);
}

static void bytes_are_compared(void) {
    sb_bytes null = {NULL, 0}, empty = sb_text(""), text = sb_text("hello");
    CHECK(sb_equal(null, null) && !sb_equal(null, empty) && sb_is(empty, "") && !sb_is(null, ""));
    CHECK(sb_contains(text, sb_text("llo")) && sb_contains(text, empty) && sb_contains(text, text));
    CHECK(!sb_contains(text, sb_text("lo!")) && !sb_contains(empty, text) && !sb_contains(null, empty) && !sb_contains(text, null));
    CHECK(sb_is(sb_behind(text, 3), "lo") && sb_behind(text, 9).len == 0 && sb_is_null(sb_behind(null, 3)));
    CHECK(sb_is_utf8(sb_text("\xc3\xa4")) && !sb_is_utf8(sb_text("\xc3")) && sb_is_utf8(empty));
}

int main(void) {
    bytes_are_compared();
    formats_do_what_they_say();
    records_are_read_and_judged();
    failures_fail_the_batch();
    memory_for_arguments_is_kept_and_grows();
    a_configuration_is_read();
    a_wrong_configuration_is_refused_in_the_users_words();
    outputs_are_checked();
    json_is_accepted_and_refused_as_the_standard_says();
    json_is_nested_to_a_bound();
    members_are_found_and_walked();
    strings_are_unescaped_and_escaped();
    numbers_are_the_nearest_doubles();
    whole_numbers_are_told_from_others();
    damaged_json_does_no_harm();
    puts("ok");
    return 0;
}
