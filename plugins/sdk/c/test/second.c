/* A second file of a plugin: it has the declarations, and shares the state of the first. */

#include "sluicebox.h"

sb_verdict emit_from_another_file(sb_bytes value) { return sb_emit(&(sb_out){.value = sb_set(value)}); }
