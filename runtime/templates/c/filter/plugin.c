/* Keeps the records whose value contains a text, and drops the others. */

#define SLUICEBOX_IMPLEMENTATION
#include "sluicebox.h"

/* The stage's `config:`. */
static struct {
    sb_bytes contains; /* what the value has to contain */
} config;

static const sb_config_field fields[] = {
    {.key = "contains", .string = &config.contains},
};

static const char *init(const sb_stage *stage) { return sb_config(stage, fields); }

static sb_verdict process(const sb_record *record) {
    sb_bytes value = sb_value(record);
    if (sb_is_null(value)) return SB_KEEP;
    return sb_contains(value, config.contains) ? SB_KEEP : SB_DROP;
}

SLUICEBOX_PLUGIN("{{name}}", "0.1.0", SB_VALUE, init, process);
