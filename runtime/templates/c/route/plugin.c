/* Sends the records whose value contains a text to an output of the pipeline; the others go on. */

#define SLUICEBOX_IMPLEMENTATION
#include "sluicebox.h"

/* The stage's `config:`. */
static struct {
    sb_bytes contains; /* what the value has to contain */
    sb_bytes output;   /* the output that such records go to */
} config;

static const sb_config_field fields[] = {
    {.key = "contains", .string = &config.contains},
    {.key = "output", .string = &config.output},
};

static const char *init(const sb_stage *stage) {
    const char *error = sb_config(stage, fields);
    if (error != NULL) return error;
    error = sb_check_output(stage, config.output);
    return error == NULL ? NULL : sb_error("config.output: %s", error);
}

static sb_verdict process(const sb_record *record) {
    sb_bytes value = sb_value(record);
    if (sb_is_null(value) || !sb_contains(value, config.contains)) return SB_KEEP;
    return sb_emit(&(sb_out){.output = config.output});
}

SLUICEBOX_PLUGIN("{{name}}", "0.1.0", SB_VALUE, init, process);
