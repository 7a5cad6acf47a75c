/* Puts a text before every value. */

#define SLUICEBOX_IMPLEMENTATION
#include "sluicebox.h"

/* The stage's `config:`. */
static struct {
    sb_bytes prefix; /* what goes before the value */
} config;

static const sb_config_field fields[] = {
    {.key = "prefix", .string = &config.prefix},
};

static sb_buffer changed; /* the new value; its memory stays for the next record */

static const char *init(const sb_stage *stage) { return sb_config(stage, fields); }

static sb_verdict process(const sb_record *record) {
    sb_bytes value = sb_value(record);
    if (sb_is_null(value)) return SB_KEEP;
    if (value.len == 0) return sb_reject("the value is empty");
    sb_clear(&changed);
    sb_append(&changed, config.prefix);
    sb_append(&changed, value);
    return sb_emit(&(sb_out){.value = sb_set(sb_held(&changed))});
}

SLUICEBOX_PLUGIN("{{name}}", "0.1.0", SB_VALUE, init, process);
