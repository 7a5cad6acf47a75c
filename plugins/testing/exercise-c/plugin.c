/* Does what a record's value tells it to: for the tests that every language's SDK has to pass.
 *
 * The value is `COMMAND[ ARGUMENT]`, where the argument is all behind the first space. A null value and any other command: keep. */

#define SLUICEBOX_IMPLEMENTATION
#include "../../sdk/c/sluicebox.h"

/* The stage's `config:`. */
static struct {
    bool keep;         /* every record is kept, whatever it says */
    sb_bytes greeting; /* what `greet` says */
} config = {.greeting = {"hello", 5}};

static const sb_config_field fields[] = {
    {.key = "greeting", .string = &config.greeting, .optional = true},
    {.key = "keep", .boolean = &config.keep, .optional = true},
};

static const sb_stage *started;
static sb_buffer text;
static sb_header_list headers;

static const char *init(const sb_stage *stage) {
    started = stage;
    return sb_config(stage, fields);
}

/* What lies before the first space; `rest`: what lies behind it. */
static sb_bytes first_word(sb_bytes words, sb_bytes *rest) {
    size_t space = 0;
    while (space < words.len && words.at[space] != ' ') space++;
    *rest = sb_behind(words, space + 1);
    return (sb_bytes){words.at, space};
}

static bool read_number(sb_bytes digits, int64_t *number) { return sb_json_integer(sb_json_read(digits), number); }

static sb_verdict emit_value(sb_bytes value) { return sb_emit(&(sb_out){.value = sb_set(value)}); }

static sb_verdict emit_with_more_headers(const sb_record *record) {
    sb_clear_headers(&headers);
    sb_add_headers_of(&headers, record);
    sb_add_header(&headers, sb_text("added"), sb_text("1"));
    sb_add_header(&headers, sb_text("none"), (sb_bytes){NULL, 0});
    return sb_emit(&(sb_out){.headers = &headers});
}

static sb_verdict emit_without_headers(void) {
    sb_clear_headers(&headers);
    return sb_emit(&(sb_out){.headers = &headers});
}

static sb_verdict emit_timestamp(sb_bytes argument) {
    int64_t timestamp;
    if (!read_number(argument, &timestamp)) return sb_reject("timestamp: %.*s is not a number", SB_ARG(argument));
    return sb_emit(&(sb_out){.timestamp = sb_at(timestamp)});
}

static sb_verdict emit_two(void) {
    emit_value(sb_text("one"));
    return sb_emit(&(sb_out){.output = sb_text("audit"), .value = sb_set(sb_text("two"))});
}

__attribute__((noinline)) static sb_verdict throw_deeper(sb_bytes argument) { sb_panic("%.*s", SB_ARG(argument)); }

__attribute__((noinline)) static sb_verdict throw(sb_bytes argument) { return throw_deeper(argument); }

static sb_verdict write_log(sb_bytes argument) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    sb_bytes message, name = first_word(argument, &message);
    for (int level = SB_ERROR; level <= SB_DEBUG; level++) {
        if (!sb_is(name, names[level])) continue;
        sb_log((sb_level)level, "%.*s", SB_ARG(message));
        return SB_KEEP;
    }
    return sb_reject("log: there is no level %.*s", SB_ARG(name));
}

static sb_verdict count(sb_bytes argument) {
    sb_bytes digits, name = first_word(argument, &digits);
    int64_t delta;
    if (!read_number(digits, &delta) || delta < 0) return sb_reject("count: %.*s is not a number", SB_ARG(digits));
    sb_clear(&text);
    sb_append_format(&text, "%.*s%c", SB_ARG(name), '\0');
    sb_count(text.at, (uint64_t)delta);
    return SB_KEEP;
}

static sb_verdict emit_outputs(void) {
    sb_clear(&text);
    for (size_t n = 0; n < started->output_count; n++) {
        if (n > 0) sb_append_text(&text, ",");
        sb_append(&text, started->outputs[n]);
    }
    return emit_value(sb_held(&text));
}

static sb_bytes or_null(sb_bytes bytes) { return sb_is_null(bytes) ? sb_text("null") : bytes; }

/* Every field as text, `null` for what is null or absent. */
static sb_verdict emit_echo(const sb_record *record) {
    sb_headers incoming = sb_headers_of(record);
    sb_bytes name, value;
    sb_source source;
    sb_clear(&text);
    sb_append_format(&text, "key=%.*s;headers=", SB_ARG(or_null(sb_key(record))));
    for (bool first = true; sb_next_header(&incoming, &name, &value); first = false) {
        sb_append_format(&text, "%s%.*s:%.*s", first ? "" : ",", SB_ARG(name), SB_ARG(or_null(value)));
    }
    sb_append_text(&text, ";timestamp=");
    if (sb_timestamp(record) == SB_NO_TIMESTAMP) sb_append_text(&text, "null");
    else sb_append_integer(&text, sb_timestamp(record));
    if (sb_source_of(record, &source)) {
        sb_append_format(&text, ";topic=%.*s;partition=%d;offset=%lld", SB_ARG(source.topic), (int)source.partition,
                         (long long)source.offset);
    } else {
        sb_append_text(&text, ";topic=null;partition=null;offset=null");
    }
    return emit_value(sb_held(&text));
}

static sb_verdict process(const sb_record *record) {
    if (config.keep) return SB_KEEP;
    sb_bytes value = sb_value(record), argument;
    if (sb_is_null(value)) return SB_KEEP;
    sb_bytes command = first_word(value, &argument);
    if (sb_is(command, "drop")) return SB_DROP;
    if (sb_is(command, "set")) return emit_value(argument);
    if (sb_is(command, "null")) return sb_emit(&(sb_out){.value = SB_NULL});
    if (sb_is(command, "empty")) return emit_value(sb_text(""));
    if (sb_is(command, "key")) return sb_emit(&(sb_out){.key = sb_set(argument)});
    if (sb_is(command, "null-key")) return sb_emit(&(sb_out){.key = SB_NULL});
    if (sb_is(command, "headers")) return emit_with_more_headers(record);
    if (sb_is(command, "no-headers")) return emit_without_headers();
    if (sb_is(command, "timestamp")) return emit_timestamp(argument);
    if (sb_is(command, "to")) return sb_emit(&(sb_out){.output = argument});
    if (sb_is(command, "two")) return emit_two();
    if (sb_is(command, "nothing")) return SB_EMIT;
    if (sb_is(command, "reject")) return sb_reject("%.*s", SB_ARG(argument));
    if (sb_is(command, "retry")) return sb_retry("%.*s", SB_ARG(argument));
    if (sb_is(command, "fail-retry")) return sb_fail_retry("%.*s", SB_ARG(argument));
    if (sb_is(command, "fail-fatal")) return sb_fail_fatal("%.*s", SB_ARG(argument));
    if (sb_is(command, "throw")) return throw(argument);
    if (sb_is(command, "log")) return write_log(argument);
    if (sb_is(command, "count")) return count(argument);
    if (sb_is(command, "greet")) return emit_value(config.greeting);
    if (sb_is(command, "stage")) return emit_value(started->name);
    if (sb_is(command, "outputs")) return emit_outputs();
    if (sb_is(command, "echo")) return emit_echo(record);
    return SB_KEEP;
}

SLUICEBOX_PLUGIN("exercise-c", "0.1.0", SB_ALL, init, process);
