/* Sluicebox plugins in C: an `init` and one function from a record to a verdict. README.md shows how.
 *
 * Include it wherever it is used; one file, the one with SLUICEBOX_PLUGIN, says before the include
 *
 *     #define SLUICEBOX_IMPLEMENTATION
 *
 * C11 for clang (or zig cc, or gcc in native tests). It needs no libc, and gets on with one. */

#ifndef SLUICEBOX_H
#define SLUICEBOX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __FILE_NAME__
#define SB__FILE __FILE_NAME__ /* without the folder, which is none of a log's business */
#else
#define SB__FILE __FILE__
#endif

#define SB__PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* Bytes or text that lie somewhere else. Not ended by a NUL. A null `at` is null, which is not the same as empty. */
typedef struct {
    const char *at;
    size_t len;
} sb_bytes;

/* For `%.*s`: sb_log(SB_INFO, "got %.*s", SB_ARG(value)). */
#define SB_ARG(bytes) (int)(bytes).len, (bytes).at

/* A C string's bytes. */
static inline sb_bytes sb_text(const char *text) {
    size_t len = 0;
    while (text[len] != '\0') len++;
    return (sb_bytes){text, len};
}

static inline bool sb_is_null(sb_bytes bytes) { return bytes.at == NULL; }

/* What lies behind the first `from` bytes; empty where there is nothing. */
static inline sb_bytes sb_behind(sb_bytes bytes, size_t from) {
    if (from > bytes.len) from = bytes.len;
    return from == 0 ? bytes : (sb_bytes){bytes.at + from, bytes.len - from};
}

bool sb_equal(sb_bytes left, sb_bytes right);      /* null equals null alone */
bool sb_is(sb_bytes bytes, const char *text);      /* the same with a C string */
bool sb_contains(sb_bytes bytes, sb_bytes wanted); /* empty is in everything; nothing is in null */
bool sb_is_utf8(sb_bytes bytes);

/* Bytes that grow. Starts as all zeroes. Keep one in a static variable and clear it for each record: then nothing is
 * allocated once it has grown. */
typedef struct {
    char *at;
    size_t len, room;
} sb_buffer;

void sb_clear(sb_buffer *buffer);
void sb_append(sb_buffer *buffer, sb_bytes bytes);
void sb_append_text(sb_buffer *buffer, const char *text);
void sb_append_integer(sb_buffer *buffer, int64_t number);

/* As printf does, for: %s %.*s %c %d %u %x (with l, ll, z) %%. No widths and no floating point. */
void sb_append_format(sb_buffer *buffer, const char *format, ...) SB__PRINTF(2, 3);

/* What it holds: never null, and good until it is next changed. */
static inline sb_bytes sb_held(const sb_buffer *buffer) {
    return (sb_bytes){buffer->at == NULL ? "" : buffer->at, buffer->len};
}

/* Memory that stays for the life of the plugin, for what `init` builds. Zeroed, aligned to 16 bytes. */
void *sb_allocate(size_t size);

/* ---- The host ---------------------------------------------------------------------------------------------------- */

typedef enum { SB_ERROR, SB_WARN, SB_INFO, SB_DEBUG } sb_level;

/* Writes to the host's log. Formats: see sb_append_format. */
void sb_log(sb_level level, const char *format, ...) SB__PRINTF(2, 3);

/* Adds to a counter, which the host adds up under the pipeline, the stage and the name. A call leaves the sandbox:
 * count in the plugin and report now and then where that matters. */
void sb_count(const char *name, uint64_t delta);

/* For what must not happen: logs the message as an error, with its place, and traps. The record is dead-lettered and
 * the plugin starts again. */
#define sb_panic(...) sb__panic(SB__FILE, __LINE__, __VA_ARGS__)
_Noreturn void sb__panic(const char *file, int line, const char *format, ...) SB__PRINTF(3, 4);

/* The same where a condition does not hold. */
#define sb_assert(condition) ((condition) ? (void)0 : sb_panic("this does not hold: %s", #condition))

/* ---- Records ----------------------------------------------------------------------------------------------------- */

/* The fields of a record, to be added up for what a plugin needs. What is not asked for arrives as null or empty. */
enum { SB_NONE = 0, SB_KEY = 1, SB_VALUE = 2, SB_HEADERS = 4, SB_TIMESTAMP = 8, SB_SOURCE = 16, SB_ALL = 31 };

/* One record of a batch, read where it lies. What its functions return is good until `process` returns. */
typedef struct {
    const char *entry;
    sb_bytes data;
} sb_record;

/* Where a record came from. */
typedef struct {
    sb_bytes topic;
    int32_t partition;
    int64_t offset;
} sb_source;

/* The headers of a record that are still to be read. */
typedef struct {
    sb_bytes left;
    uint32_t count;
} sb_headers;

/* The timestamp of a record that has none. */
#define SB_NO_TIMESTAMP INT64_MIN

static inline sb_bytes sb__field(const sb_record *record, size_t at);
static inline int64_t sb__long(const char *at);

/* The key; null where it is null. */
static inline sb_bytes sb_key(const sb_record *record) { return sb__field(record, 0); }

/* The value; null where it is null (a tombstone). */
static inline sb_bytes sb_value(const sb_record *record) { return sb__field(record, 8); }

/* Milliseconds since the epoch, or SB_NO_TIMESTAMP. */
static inline int64_t sb_timestamp(const sb_record *record) { return sb__long(record->entry + 24); }

/* Where the record came from; false where that was not asked for. */
bool sb_source_of(const sb_record *record, sb_source *source);

/* The headers in their order, to be read with sb_next_header. Names may repeat, a value may be null. */
sb_headers sb_headers_of(const sb_record *record);
bool sb_next_header(sb_headers *headers, sb_bytes *name, sb_bytes *value);

/* The value of the last header with this name; null where there is none. */
sb_bytes sb_header(const sb_record *record, const char *name);

/* ---- Verdicts ---------------------------------------------------------------------------------------------------- */

/* What becomes of a record. KEEP, DROP and EMIT may be returned as they are; the others come from the functions. */
typedef enum { SB_KEEP, SB_DROP, SB_EMIT, SB_REJECT, SB_RETRY, SB_FAIL_RETRY, SB_FAIL_FATAL } sb_verdict;

/* What becomes of a key or value: all zeroes is inherited, else sb_set(bytes) or SB_NULL. */
typedef struct {
    bool set;
    sb_bytes bytes;
} sb_change;

#define SB_NULL ((sb_change){.set = true})
static inline sb_change sb_set(sb_bytes bytes) { return (sb_change){true, bytes}; }

/* A list of headers to emit. Starts as all zeroes; keep it static, as a buffer. Names must be UTF-8. */
typedef struct {
    sb_buffer packed;
    uint32_t count;
} sb_header_list;

void sb_clear_headers(sb_header_list *list);
void sb_add_header(sb_header_list *list, sb_bytes name, sb_bytes value);
void sb_add_headers_of(sb_header_list *list, const sb_record *record);

typedef struct {
    bool set;
    int64_t milliseconds;
} sb_time;

static inline sb_time sb_at(int64_t milliseconds) { return (sb_time){true, milliseconds}; }

/* A record to emit. What is left out is inherited from the record that came in. */
typedef struct {
    sb_bytes output; /* where it goes, at once, past the rest of the chain; null: on to the next stage */
    sb_change key, value;
    const sb_header_list *headers; /* the whole list, which may be empty; NULL: inherited */
    sb_time timestamp;
} sb_out;

/* Emits a record in the place of the one that came in; the bytes are copied. May be called several times for one
 * record: return the last, or SB_EMIT. */
sb_verdict sb_emit(const sb_out *out);

sb_verdict sb_reject(const char *reason, ...) SB__PRINTF(1, 2); /* refuses the record: a dead letter */
sb_verdict sb_retry(const char *reason, ...) SB__PRINTF(1, 2);  /* the host calls again with this record, later */

/* Fail the whole batch, whatever was said of the records before. */
sb_verdict sb_fail_retry(const char *reason, ...) SB__PRINTF(1, 2); /* the host calls again, later, with a bound */
sb_verdict sb_fail_fatal(const char *reason, ...) SB__PRINTF(1, 2); /* the pipeline stops and commits nothing of it */

/* ---- Start and configuration ------------------------------------------------------------------------------------- */

/* What a plugin is started with. Its texts stay for the life of the plugin. */
typedef struct {
    sb_bytes name;           /* of the stage, in the pipeline file */
    sb_bytes config;         /* the stage's `config:` as JSON; `null` where there is none */
    const sb_bytes *outputs; /* the names of the pipeline's outputs, `default` included */
    size_t output_count;
} sb_stage;

/* The text of an error for `init` to return. Formats: see sb_append_format. */
const char *sb_error(const char *format, ...) SB__PRINTF(1, 2);

/* An error where the pipeline has no output with this name, else NULL. Ask at start for each name that you are given. */
const char *sb_check_output(const sb_stage *stage, sb_bytes name);

typedef struct {
    const sb_bytes *at;
    size_t count;
} sb_strings;

typedef struct sb_json sb_json;

/* A key of the configuration: exactly one of the pointers says what it must be, and where it goes. */
typedef struct {
    const char *key;
    bool optional; /* may be missing; then what is in its place stays */
    sb_bytes *string;
    sb_strings *strings;
    bool *boolean;
    int64_t *integer;
    double *number;
    sb_json *any; /* to be taken apart with sb_json_next */
} sb_config_field;

/* Reads the stage's configuration: no other keys, none missing that is not optional. Returns an error, or NULL. */
#define sb_config(stage, fields) sb_read_config((stage), (fields), sizeof(fields) / sizeof((fields)[0]))
const char *sb_read_config(const sb_stage *stage, const sb_config_field *fields, size_t count);

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

typedef enum {
    SB_JSON_NONE, /* there is no such value, or it is no JSON */
    SB_JSON_NULL,
    SB_JSON_BOOLEAN,
    SB_JSON_NUMBER,
    SB_JSON_STRING,
    SB_JSON_LIST,
    SB_JSON_MAP,
} sb_json_kind;

/* How deep lists and maps may be nested. */
#define SB_JSON_DEPTH 128

/* A value within a JSON text: nothing is copied and no tree is built. */
struct sb_json {
    sb_json_kind kind;
    sb_bytes text; /* the value as it is written, without the space around it */
};

/* The members of a map, or the elements of a list, that are still to be read. */
typedef struct {
    sb_bytes left;
    bool is_map;
} sb_json_members;

/* Reads a text that is one JSON value (RFC 8259, UTF-8) and nothing else: all of it is checked. */
sb_json sb_json_read(sb_bytes text);

/* The members of a map or the elements of a list (whose key is of kind NONE), in order. Of other values: nothing. */
sb_json_members sb_json_members_of(sb_json value);
bool sb_json_next(sb_json_members *members, sb_json *key, sb_json *value);

/* The value of a key in a map: the last, if there are several; of kind NONE where there is none. Each call reads the
 * map from its start: for several keys of a large map use sb_json_next. */
sb_json sb_json_get(sb_json map, const char *key);

bool sb_json_is(sb_json value, const char *text); /* whether it is the string `text`, escaped or not */
bool sb_json_is_true(sb_json value);

/* The text of a string: in place where it has no escapes, else unescaped into `buffer`, which is cleared first. */
sb_bytes sb_json_string(sb_json string, sb_buffer *buffer);

/* A number, rounded to the nearest double; too large: infinite. 0 for what is no number. */
double sb_json_number(sb_json number);

/* Whether it is a number whose value is whole (3.0 and 3e0 are) and fits. */
bool sb_json_integer(sb_json number, int64_t *integer);

/* Appends text as a JSON string. What is not UTF-8 in it becomes U+FFFD. */
void sb_json_append_string(sb_buffer *buffer, sb_bytes text);

/* ---- What the inline functions are made of ----------------------------------------------------------------------- */

/* WebAssembly is little endian, and so is all that is packed. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed data is little endian");

enum { SB__INPUT_ENTRY = 56, SB__RESULT_ENTRY = 48 };
#define SB__LEN_NULL UINT32_MAX
#define SB__INHERITED (UINT32_MAX - 1)

static inline uint32_t sb__word(const char *at) {
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static inline int64_t sb__long(const char *at) {
    int64_t number;
    __builtin_memcpy(&number, at, sizeof number);
    return number;
}

/* The bytes whose offset and length are at `at` of the record's entry. */
static inline sb_bytes sb__field(const sb_record *record, size_t at) {
    uint32_t offset = sb__word(record->entry + at), len = sb__word(record->entry + at + 4);
    if (len == SB__LEN_NULL) return (sb_bytes){NULL, 0};
    if (len == 0) return (sb_bytes){"", 0};
    if (offset > record->data.len || len > record->data.len - offset) sb_panic("the host's batch is out of bounds");
    return (sb_bytes){record->data.at + offset, len};
}

#endif /* SLUICEBOX_H */

/* ================================================================================================================== */

#if defined(SLUICEBOX_IMPLEMENTATION) && !defined(SLUICEBOX_IMPLEMENTED)
#define SLUICEBOX_IMPLEMENTED

/* ---- The ends of the interface ----------------------------------------------------------------------------------- */

#ifdef __wasm__
#define SB__EXPORT(name) __attribute__((export_name(name)))
#define SB__IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#else
#define SB__EXPORT(name)
#define SB__IMPORT(module, name)
#endif

SB__IMPORT("sluicebox:plugin/log@0.1.0", "write")
void sluicebox_log_write(uint32_t level, const char *message, size_t len);
SB__IMPORT("sluicebox:plugin/metrics@0.1.0", "count")
void sluicebox_metrics_count(const char *name, size_t len, uint64_t delta);

/* A result as the canonical ABI lays it out: a discriminant, then pointers and lengths. */
typedef struct {
    size_t words[7];
} sb__answer;

/* The most buffers that a call's arguments take; two, in fact. */
enum { SB__ARGUMENTS = 4 };

/* All state of a plugin. */
static struct {
    bool started;
    sb_stage stage;
    sb_buffer arguments[SB__ARGUMENTS]; /* of calls of process, in the order in which the host asks for them */
    size_t arguments_used;
    sb_buffer verdicts, index, data; /* the result, kept until the next call */
    uint32_t record;                 /* the number of the record that is being judged */
    size_t record_start;             /* the length of the index before it */
    sb_buffer error;                 /* the text of the last error or failure, until the next call */
    sb_buffer message;               /* what is being logged */
    sb_buffer scratch;               /* for a string that is compared */
    sb__answer answer;
} sb__;

/* Exports the plugin: its name and version for people, the fields that `process` reads (any expression; it may use
 * what `init` has read), and the two functions
 *
 *     const char *init(const sb_stage *stage);        an error, or NULL
 *     sb_verdict process(const sb_record *record);                                                                    */
#define SLUICEBOX_PLUGIN(plugin_name, plugin_version, needs, init_function, process_function)                          \
    SB__EXPORT("sluicebox:plugin/lifecycle@0.1.0#init")                                                                \
    const sb__answer *sluicebox_init(const char *stage, size_t stage_len, const char *json, size_t json_len,           \
                                     const sb_bytes *outputs, size_t output_count) {                                   \
        sb__.stage = (sb_stage){{stage, stage_len}, {json, json_len}, outputs, output_count};                          \
        const char *error = init_function(&sb__.stage);                                                                \
        if (error != NULL) return sb__refused(error);                                                                  \
        return sb__started(sb_text(plugin_name), sb_text(plugin_version), (uint32_t)(needs));                          \
    }                                                                                                                  \
    SB__EXPORT("sluicebox:plugin/packed@0.1.0#process")                                                                \
    const sb__answer *sluicebox_process(const char *index, size_t index_len, const char *data, size_t data_len) {      \
        return sb__process((sb_bytes){index, index_len}, (sb_bytes){data, data_len}, process_function);                \
    }                                                                                                                  \
    SB__EXPORT("cabi_export_realloc")                                                                                  \
    void *sluicebox_realloc(void *old, size_t old_size, size_t align, size_t size) {                                   \
        (void)align; /* everything is aligned to 16 bytes */                                                           \
        return sb__realloc(old, old_size, size);                                                                       \
    }                                                                                                                  \
    _Static_assert(true, "takes the semicolon")

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static void sb__copy(char *to, const char *from, size_t len) {
    if (len != 0) __builtin_memcpy(to, from, len);
}

#ifdef __wasm__

/* Blocks of 256 bytes and its doubles. A block is carved from fresh memory, and a list for each size keeps what was
 * given back. Memory comes from memory.grow, which goes well together with any malloc. */
enum { SB__SMALLEST = 8, SB__PAGE = 65536 };

static struct {
    char *next, *end; /* fresh memory */
    char *given_back[32];
} sb__memory;

/* Fresh memory; `size` is a multiple of 16. */
static char *sb__fresh(size_t size) {
    if ((size_t)(sb__memory.end - sb__memory.next) < size) {
        size_t pages = (size + SB__PAGE - 1) / SB__PAGE;
        size_t page = __builtin_wasm_memory_grow(0, pages);
        if (page == SIZE_MAX) sb_panic("out of memory: no room for %zu bytes", size);
        char *grown = (char *)(page * SB__PAGE);
        if (grown != sb__memory.end) sb__memory.next = grown;
        sb__memory.end = grown + pages * SB__PAGE;
    }
    char *at = sb__memory.next;
    sb__memory.next += size;
    return at;
}

/* A block of at least `*size` bytes; its size is written back. */
static char *sb__take(size_t *size) {
    unsigned log = SB__SMALLEST;
    while (((size_t)1 << log) < *size) log++;
    *size = (size_t)1 << log;
    char *block = sb__memory.given_back[log];
    if (block == NULL) return sb__fresh(*size);
    __builtin_memcpy(&sb__memory.given_back[log], block, sizeof(char *)); /* its first bytes link to the next */
    return block;
}

static void sb__give_back(char *block, size_t size) {
    unsigned log = (unsigned)__builtin_ctzl(size);
    __builtin_memcpy(block, &sb__memory.given_back[log], sizeof(char *));
    sb__memory.given_back[log] = block;
}

#else

/* In native tests each block is as large as was asked for, so that a sanitizer sees what goes past its end. */
#include <stdlib.h>

static char *sb__fresh(size_t size) {
    char *at = malloc(size);
    if (at == NULL) abort();
    return at;
}

static char *sb__take(size_t *size) { return sb__fresh(*size); }

static void sb__give_back(char *block, size_t size) {
    (void)size;
    free(block);
}

#endif

void *sb_allocate(size_t size) {
    if (size > PTRDIFF_MAX / 2) sb_panic("out of memory: no room for %zu bytes", size);
    size = (size + 15) & ~(size_t)15;
    char *at = sb__fresh(size == 0 ? 16 : size);
    __builtin_memset(at, 0, size);
    return at;
}

/* Makes room for `more` bytes behind what a buffer holds, and returns their place. */
static char *sb__room(sb_buffer *buffer, size_t more) {
    if (buffer->room - buffer->len < more || buffer->at == NULL) {
        if (more > PTRDIFF_MAX / 2 - buffer->len) sb_panic("out of memory: no room for %zu bytes more", more);
        size_t room = buffer->len + more;
        if (room < 16) room = 16;
        char *at = sb__take(&room);
        sb__copy(at, buffer->at, buffer->len);
        if (buffer->at != NULL) sb__give_back(buffer->at, buffer->room);
        buffer->at = at;
        buffer->room = room;
    }
    return buffer->at + buffer->len;
}

/* The memory for an argument of the next call. What init gets stays; of a call of process the n-th argument gets the
 * n-th buffer of the call before, so that nothing is allocated once they have grown. */
static void *sb__realloc(void *old, size_t old_size, size_t size) {
    if (!sb__.started) {
        char *at = sb_allocate(size);
        sb__copy(at, old, old_size < size ? old_size : size);
        return at;
    }
    sb_buffer *buffer;
    if (old_size == 0) {
        if (sb__.arguments_used == SB__ARGUMENTS) sb_panic("the host passes more arguments than there are");
        buffer = &sb__.arguments[sb__.arguments_used++];
        buffer->len = 0;
    } else {
        for (buffer = sb__.arguments; buffer->at != old; buffer++) {
            if (buffer == sb__.arguments + SB__ARGUMENTS - 1) sb_panic("the host grows what it was not given");
        }
        buffer->len = old_size < size ? old_size : size;
    }
    sb__room(buffer, size - buffer->len);
    return buffer->at;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

bool sb_equal(sb_bytes left, sb_bytes right) {
    if (left.len != right.len || sb_is_null(left) != sb_is_null(right)) return false;
    for (size_t n = 0; n < left.len; n++) {
        if (left.at[n] != right.at[n]) return false;
    }
    return true;
}

bool sb_is(sb_bytes bytes, const char *text) { return sb_equal(bytes, sb_text(text)); }

bool sb_contains(sb_bytes bytes, sb_bytes wanted) {
    if (sb_is_null(bytes) || sb_is_null(wanted)) return false;
    if (wanted.len == 0) return true;
    if (wanted.len > bytes.len) return false;
    const char *last = bytes.at + (bytes.len - wanted.len);
    for (const char *at = bytes.at; at <= last; at++) {
        if (*at == *wanted.at && sb_equal((sb_bytes){at, wanted.len}, wanted)) return true;
    }
    return false;
}

/* The length of the UTF-8 sequence at the start of `len` bytes; 0 where there is none. */
static size_t sb__sequence(const char *at, size_t len) {
    const unsigned char *byte = (const unsigned char *)at;
    if (len == 0) return 0;
    if (byte[0] < 0x80) return 1;
    size_t size = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || len < size) return 0;
    for (size_t n = 1; n < size; n++) {
        if ((byte[n] & 0xc0) != 0x80) return 0;
    }
    if (byte[0] == 0xe0 && byte[1] < 0xa0) return 0; /* longer than need be */
    if (byte[0] == 0xed && byte[1] > 0x9f) return 0; /* a surrogate */
    if (byte[0] == 0xf0 && byte[1] < 0x90) return 0; /* longer than need be */
    if (byte[0] == 0xf4 && byte[1] > 0x8f) return 0; /* past the last code point */
    return size;
}

bool sb_is_utf8(sb_bytes bytes) {
    while (bytes.len != 0) {
        size_t size = sb__sequence(bytes.at, bytes.len);
        if (size == 0) return false;
        bytes = sb_behind(bytes, size);
    }
    return true;
}

void sb_clear(sb_buffer *buffer) { buffer->len = 0; }

void sb_append(sb_buffer *buffer, sb_bytes bytes) {
    sb__copy(sb__room(buffer, bytes.len), bytes.at, bytes.len);
    buffer->len += bytes.len;
}

void sb_append_text(sb_buffer *buffer, const char *text) { sb_append(buffer, sb_text(text)); }

static void sb__append_byte(sb_buffer *buffer, char byte) {
    *sb__room(buffer, 1) = byte;
    buffer->len++;
}

static void sb__append_word(sb_buffer *buffer, uint32_t word) {
    __builtin_memcpy(sb__room(buffer, sizeof word), &word, sizeof word);
    buffer->len += sizeof word;
}

static void sb__append_digits(sb_buffer *buffer, uint64_t number, unsigned base) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    sb_append(buffer, (sb_bytes){digits + at, sizeof digits - at});
}

void sb_append_integer(sb_buffer *buffer, int64_t number) {
    if (number < 0) sb__append_byte(buffer, '-');
    sb__append_digits(buffer, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10);
}

/* Appends text. What is not UTF-8 in it becomes U+FFFD, as the host takes no other text. */
static void sb__append_utf8(sb_buffer *buffer, sb_bytes text) {
    while (text.len != 0) {
        size_t valid = 0, size = 1;
        while (size != 0) valid += size = sb__sequence(text.at + valid, text.len - valid);
        sb_append(buffer, (sb_bytes){text.at, valid});
        if (valid < text.len) sb_append_text(buffer, "\xef\xbf\xbd");
        text = sb_behind(text, valid + 1);
    }
}

/* The arguments of a format, in a struct so that functions can share them. */
typedef struct {
    va_list list;
} sb__arguments;

static int64_t sb__signed(sb__arguments *arguments, char size) {
    if (size == 'L') return va_arg(arguments->list, long long);
    if (size == 'l') return va_arg(arguments->list, long);
    return size == 'z' ? va_arg(arguments->list, ptrdiff_t) : va_arg(arguments->list, int);
}

static uint64_t sb__unsigned(sb__arguments *arguments, char size) {
    if (size == 'L') return va_arg(arguments->list, unsigned long long);
    if (size == 'l') return va_arg(arguments->list, unsigned long);
    return size == 'z' ? va_arg(arguments->list, size_t) : va_arg(arguments->list, unsigned);
}

/* Appends what a conversion (behind its `%`) says, and returns what lies behind it. */
static const char *sb__convert(sb_buffer *buffer, const char *format, sb__arguments *arguments) {
    int precision = -1;
    char size = '\0';
    if (format[0] == '.' && format[1] == '*') {
        precision = va_arg(arguments->list, int);
        format += 2;
    }
    for (; *format == 'l' || *format == 'z'; format++) size = size == 'l' ? 'L' : *format;
    switch (*format) {
    case 's': {
        const char *text = va_arg(arguments->list, const char *);
        if (text == NULL) text = "", precision = 0;
        sb__append_utf8(buffer, precision < 0 ? sb_text(text) : (sb_bytes){text, (size_t)precision});
        break;
    }
    case 'c': sb__append_byte(buffer, (char)va_arg(arguments->list, int)); break;
    case 'd': sb_append_integer(buffer, sb__signed(arguments, size)); break;
    case 'u': sb__append_digits(buffer, sb__unsigned(arguments, size), 10); break;
    case 'x': sb__append_digits(buffer, sb__unsigned(arguments, size), 16); break;
    case '%': sb__append_byte(buffer, '%'); break;
    default: sb_panic("a format has a conversion other than %%s %%.*s %%c %%d %%u %%x");
    }
    return format + 1;
}

static void sb__format(sb_buffer *buffer, const char *format, sb__arguments *arguments) {
    while (*format != '\0') {
        size_t plain = 0;
        while (format[plain] != '\0' && format[plain] != '%') plain++;
        sb__append_utf8(buffer, (sb_bytes){format, plain});
        format += plain;
        if (*format == '%') format = sb__convert(buffer, format + 1, arguments);
    }
}

/* Formats the caller's variable arguments into `buffer`. */
#define SB__FORMAT(buffer, format)                                                                                     \
    do {                                                                                                               \
        sb__arguments arguments;                                                                                       \
        va_start(arguments.list, format);                                                                              \
        sb__format((buffer), (format), &arguments);                                                                    \
        va_end(arguments.list);                                                                                        \
    } while (0)

void sb_append_format(sb_buffer *buffer, const char *format, ...) { SB__FORMAT(buffer, format); }

/* ---- The host ---------------------------------------------------------------------------------------------------- */

void sb_log(sb_level level, const char *format, ...) {
    sb_clear(&sb__.message);
    SB__FORMAT(&sb__.message, format);
    sluicebox_log_write(level, sb_held(&sb__.message).at, sb__.message.len);
}

void sb_count(const char *name, uint64_t delta) { sluicebox_metrics_count(name, sb_text(name).len, delta); }

_Noreturn void sb__panic(const char *file, int line, const char *format, ...) {
    static bool again;
    if (again) __builtin_trap(); /* there was no room for the message */
    again = true;
    sb_buffer message = {0};
    SB__FORMAT(&message, format);
    sb_append_format(&message, " (%s:%d)", file, line);
    sluicebox_log_write(SB_ERROR, message.at, message.len);
    __builtin_trap();
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

bool sb_source_of(const sb_record *record, sb_source *source) {
    *source = (sb_source){sb__field(record, 44), (int32_t)sb__word(record->entry + 40), sb__long(record->entry + 32)};
    return !sb_is_null(source->topic);
}

sb_headers sb_headers_of(const sb_record *record) {
    return (sb_headers){sb_behind(record->data, sb__word(record->entry + 16)), sb__word(record->entry + 20)};
}

/* The next `len` bytes of headers. */
static sb_bytes sb__take_bytes(sb_headers *headers, size_t len) {
    if (len > headers->left.len) sb_panic("the host's headers are out of bounds");
    sb_bytes taken = {headers->left.at, len};
    headers->left = sb_behind(headers->left, len);
    return taken;
}

bool sb_next_header(sb_headers *headers, sb_bytes *name, sb_bytes *value) {
    if (headers->count == 0) return false;
    headers->count--;
    const char *lengths = sb__take_bytes(headers, 8).at;
    uint32_t value_len = sb__word(lengths + 4);
    *name = sb__take_bytes(headers, sb__word(lengths));
    *value = value_len == SB__LEN_NULL ? (sb_bytes){NULL, 0} : sb__take_bytes(headers, value_len);
    return true;
}

sb_bytes sb_header(const sb_record *record, const char *wanted) {
    sb_headers headers = sb_headers_of(record);
    sb_bytes name, value, last = {NULL, 0};
    while (sb_next_header(&headers, &name, &value)) {
        if (sb_is(name, wanted)) last = value;
    }
    return last;
}

/* ---- Verdicts ---------------------------------------------------------------------------------------------------- */

void sb_clear_headers(sb_header_list *list) {
    sb_clear(&list->packed);
    list->count = 0;
}

void sb_add_header(sb_header_list *list, sb_bytes name, sb_bytes value) {
    sb__append_word(&list->packed, (uint32_t)name.len);
    sb__append_word(&list->packed, sb_is_null(value) ? SB__LEN_NULL : (uint32_t)value.len);
    sb_append(&list->packed, name);
    sb_append(&list->packed, value);
    list->count++;
}

void sb_add_headers_of(sb_header_list *list, const sb_record *record) {
    sb_headers headers = sb_headers_of(record);
    sb_bytes name, value;
    while (sb_next_header(&headers, &name, &value)) sb_add_header(list, name, value);
}

/* An offset in the result's data and a length, as an entry has them. */
typedef struct {
    uint32_t offset, len;
} sb__span;

/* An entry of a result, as it lies in the index. */
typedef struct {
    uint32_t record;
    sb__span output, key, value, headers;
    uint32_t reserved;
    int64_t timestamp;
} sb__entry;

_Static_assert(sizeof(sb__entry) == SB__RESULT_ENTRY, "an entry has no gaps");

static sb__span sb__add_data(sb_bytes bytes) {
    sb__span span = {(uint32_t)sb__.data.len, (uint32_t)bytes.len};
    sb_append(&sb__.data, bytes);
    return span;
}

static sb__span sb__add_change(sb_change change) {
    if (!change.set) return (sb__span){0, SB__INHERITED};
    return sb_is_null(change.bytes) ? (sb__span){0, SB__LEN_NULL} : sb__add_data(change.bytes);
}

static void sb__add_entry(const sb__entry *entry) {
    sb_append(&sb__.index, (sb_bytes){(const char *)entry, sizeof *entry});
}

sb_verdict sb_emit(const sb_out *out) {
    sb__entry entry = {.record = sb__.record, .timestamp = SB_NO_TIMESTAMP};
    entry.output = sb_is_null(out->output) ? (sb__span){0, SB__LEN_NULL} : sb__add_data(out->output);
    entry.key = sb__add_change(out->key);
    entry.value = sb__add_change(out->value);
    entry.headers = (sb__span){0, SB__INHERITED};
    if (out->headers != NULL) {
        entry.headers = sb__add_data(sb_held(&out->headers->packed));
        entry.headers.len = out->headers->count;
    }
    if (out->timestamp.set) entry.timestamp = out->timestamp.milliseconds;
    sb__add_entry(&entry);
    return SB_EMIT;
}

/* Adds a reason, in the place of what the record has emitted; it lies in the data from `start`. */
static void sb__add_reason(size_t start) {
    sb__.index.len = sb__.record_start;
    sb__span none = {0, SB__INHERITED}, reason = {(uint32_t)start, (uint32_t)(sb__.data.len - start)};
    sb__entry entry = {sb__.record, {0, SB__LEN_NULL}, none, reason, none, 0, SB_NO_TIMESTAMP};
    sb__add_entry(&entry);
}

sb_verdict sb_reject(const char *reason, ...) {
    size_t start = sb__.data.len;
    SB__FORMAT(&sb__.data, reason);
    sb__add_reason(start);
    return SB_REJECT;
}

sb_verdict sb_retry(const char *reason, ...) {
    size_t start = sb__.data.len;
    SB__FORMAT(&sb__.data, reason);
    sb__add_reason(start);
    return SB_RETRY;
}

sb_verdict sb_fail_retry(const char *reason, ...) {
    sb_clear(&sb__.error);
    SB__FORMAT(&sb__.error, reason);
    return SB_FAIL_RETRY;
}

sb_verdict sb_fail_fatal(const char *reason, ...) {
    sb_clear(&sb__.error);
    SB__FORMAT(&sb__.error, reason);
    return SB_FAIL_FATAL;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static const sb__answer *sb__answer_with(size_t first, size_t second, sb_bytes text) {
    sb__.answer = (sb__answer){{first, second, (size_t)text.at, text.len, 0, 0, 0}};
    return &sb__.answer;
}

/* init has failed. */
static const sb__answer *sb__refused(const char *error) {
    sb_bytes text = sb_text(error);
    sb_buffer checked = {0};
    sb__append_utf8(&checked, text);
    text = sb_held(&checked);
    sb__.answer = (sb__answer){{1, (size_t)text.at, text.len, 0, 0, 0, 0}};
    return &sb__.answer;
}

/* init has succeeded. */
static const sb__answer *sb__started(sb_bytes name, sb_bytes version, uint32_t needs) {
    sb__.started = true;
    sb__.answer = (sb__answer){{0, (size_t)name.at, name.len, (size_t)version.at, version.len, needs, 0}};
    return &sb__.answer;
}

/* Follows a verdict other than keep. False: the whole batch has failed. */
static bool sb__settle(sb_verdict verdict) {
    switch (verdict) {
    case SB_KEEP:
    case SB_DROP: sb__.index.len = sb__.record_start; return true;
    case SB_EMIT: return true;
    case SB_REJECT:
    case SB_RETRY:
        if (sb__.index.len == sb__.record_start) sb__add_reason(sb__.data.len); /* the constant, not the function */
        return true;
    case SB_FAIL_RETRY:
    case SB_FAIL_FATAL: return false;
    }
    sb_panic("process returned the verdict %d, which is none", (int)verdict);
}

/* Judges a batch. Inline, so that the plugin's function can be, too. */
__attribute__((always_inline)) static inline const sb__answer *
sb__process(sb_bytes index, sb_bytes data, sb_verdict (*process)(const sb_record *)) {
    if (!sb__.started) return sb__answer_with(1, 1, sb_text("process was called before init"));
    if (index.len % SB__INPUT_ENTRY != 0) sb_panic("the host's index does not hold whole entries");
    size_t count = index.len / SB__INPUT_ENTRY;
    sb__.arguments_used = 0; /* the next call's arguments come when this one is done */
    sb_clear(&sb__.index);
    sb_clear(&sb__.data);
    sb_clear(&sb__.verdicts);
    char *verdicts = sb__room(&sb__.verdicts, count);
    sb_record record = {index.at, data};
    for (size_t n = 0; n < count; n++, record.entry += SB__INPUT_ENTRY) {
        sb__.record = (uint32_t)n;
        sb__.record_start = sb__.index.len;
        sb_verdict verdict = process(&record);
        if ((verdict != SB_KEEP || sb__.index.len != sb__.record_start) && !sb__settle(verdict)) {
            return sb__answer_with(1, verdict == SB_FAIL_FATAL, sb_held(&sb__.error));
        }
        verdicts[n] = (char)verdict;
    }
    sb_bytes entries = sb_held(&sb__.index), written = sb_held(&sb__.data);
    sb__.answer = (sb__answer){{0, (size_t)verdicts, count, (size_t)entries.at, entries.len, (size_t)written.at,
                                written.len}};
    return &sb__.answer;
}

/* ---- JSON: reading ----------------------------------------------------------------------------------------------- */

/* The scanners take the rest of a text and return what lies behind the thing that they are called for; NULL where it
 * is not there, or wrong. */

static const char *sb__space(const char *at, const char *end) {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

/* The digits of four hexadecimal ones; more than 0xffff where they are none. */
static uint32_t sb__hex(const char *at, const char *end) {
    uint32_t number = 0;
    if (end - at < 4) return UINT32_MAX;
    for (int n = 0; n < 4; n++) {
        unsigned digit = (unsigned char)at[n], letter = digit | 0x20;
        if (digit >= '0' && digit <= '9') digit -= '0';
        else if (letter >= 'a' && letter <= 'f') digit = letter - 'a' + 10;
        else return UINT32_MAX;
        number = number << 4 | digit;
    }
    return number;
}

/* What lies behind an escape; `at` is behind its backslash. */
static const char *sb__scan_escape(const char *at, const char *end) {
    if (at == end) return NULL;
    switch (*at) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return at + 1;
    case 'u': return sb__hex(at + 1, end) > 0xffff ? NULL : at + 5;
    default: return NULL;
    }
}

/* A letter of ASCII that stands for itself in a string. */
static bool sb__is_plain(char letter) { return letter >= 0x20 && letter != '"' && letter != '\\' && (unsigned char)letter < 0x80; }

static const char *sb__scan_string(const char *at, const char *end) {
    if (at == end || *at != '"') return NULL;
    at++;
    for (;;) {
        while (at != end && sb__is_plain(*at)) at++;
        if (at == end) return NULL;
        if (*at == '"') return at + 1;
        if (*at == '\\') {
            at = sb__scan_escape(at + 1, end);
            if (at == NULL) return NULL;
        } else {
            size_t size = (unsigned char)*at < 0x20 ? 0 : sb__sequence(at, (size_t)(end - at));
            if (size == 0) return NULL;
            at += size;
        }
    }
}

static const char *sb__scan_digits(const char *at, const char *end) {
    const char *start = at;
    while (at != end && *at >= '0' && *at <= '9') at++;
    return at == start ? NULL : at;
}

static const char *sb__scan_number(const char *at, const char *end) {
    if (at != end && *at == '-') at++;
    if (at != end && *at == '0') at++;
    else at = sb__scan_digits(at, end);
    if (at != NULL && at != end && *at == '.') at = sb__scan_digits(at + 1, end);
    if (at != NULL && at != end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at != end && (*at == '+' || *at == '-')) at++;
        at = sb__scan_digits(at, end);
    }
    return at;
}

static const char *sb__scan_word(const char *at, const char *end, const char *word) {
    for (; *word != '\0'; at++, word++) {
        if (at == end || *at != *word) return NULL;
    }
    return at;
}

/* A value that is no list and no map. */
static const char *sb__scan_scalar(const char *at, const char *end) {
    if (at == end) return NULL;
    switch (*at) {
    case '"': return sb__scan_string(at, end);
    case 't': return sb__scan_word(at, end, "true");
    case 'f': return sb__scan_word(at, end, "false");
    case 'n': return sb__scan_word(at, end, "null");
    default: return sb__scan_number(at, end);
    }
}

/* A key, its colon, and the space behind. */
static const char *sb__scan_key(const char *at, const char *end) {
    at = sb__scan_string(at, end);
    if (at == NULL) return NULL;
    at = sb__space(at, end);
    return at == end || *at != ':' ? NULL : sb__space(at + 1, end);
}

/* A value of any kind, that starts at `at`. */
static const char *sb__scan_value(const char *at, const char *end) {
    bool is_map[SB_JSON_DEPTH];
    size_t depth = 0;
    for (;;) {
        if (at != end && (*at == '{' || *at == '[')) {
            if (depth == SB_JSON_DEPTH) return NULL;
            is_map[depth++] = *at == '{';
            at = sb__space(at + 1, end);
            if (at == end || *at != (is_map[depth - 1] ? '}' : ']')) {
                if (is_map[depth - 1]) at = sb__scan_key(at, end);
                if (at == NULL) return NULL;
                continue;
            }
        } else {
            at = sb__scan_scalar(at, end);
            if (at == NULL || depth == 0) return at;
            at = sb__space(at, end);
        }
        /* Closes what ends here; then there is a comma and another value. */
        while (at != end && *at == (is_map[depth - 1] ? '}' : ']')) {
            at++;
            if (--depth == 0) return at;
            at = sb__space(at, end);
        }
        if (at == end || *at != ',') return NULL;
        at = sb__space(at + 1, end);
        if (is_map[depth - 1]) at = sb__scan_key(at, end);
        if (at == NULL) return NULL;
    }
}

static sb_json sb__json_between(const char *start, const char *end) {
    sb_json_kind kind = SB_JSON_NUMBER;
    switch (*start) {
    case '{': kind = SB_JSON_MAP; break;
    case '[': kind = SB_JSON_LIST; break;
    case '"': kind = SB_JSON_STRING; break;
    case 't': case 'f': kind = SB_JSON_BOOLEAN; break;
    case 'n': kind = SB_JSON_NULL; break;
    }
    return (sb_json){kind, {start, (size_t)(end - start)}};
}

static const sb_json sb__nothing = {SB_JSON_NONE, {NULL, 0}};

sb_json sb_json_read(sb_bytes text) {
    if (text.len == 0) return sb__nothing;
    const char *end = text.at + text.len, *start = sb__space(text.at, end), *behind = sb__scan_value(start, end);
    if (behind == NULL || sb__space(behind, end) != end) return sb__nothing;
    return sb__json_between(start, behind);
}

sb_json_members sb_json_members_of(sb_json value) {
    if (value.kind != SB_JSON_MAP && value.kind != SB_JSON_LIST) return (sb_json_members){{NULL, 0}, false};
    return (sb_json_members){sb_behind(value.text, 1), value.kind == SB_JSON_MAP};
}

bool sb_json_next(sb_json_members *members, sb_json *key, sb_json *value) {
    *key = *value = sb__nothing;
    if (members->left.len == 0) return false;
    const char *end = members->left.at + members->left.len, *at = sb__space(members->left.at, end);
    if (at != end && *at == ',') at = sb__space(at + 1, end);
    if (at == end || *at == ']' || *at == '}') return false;
    if (members->is_map) {
        const char *behind = sb__scan_string(at, end);
        if (behind == NULL) return false;
        *key = sb__json_between(at, behind);
        at = sb__scan_key(at, end);
    }
    const char *behind = at == NULL ? NULL : sb__scan_value(at, end);
    if (behind == NULL) return false;
    *value = sb__json_between(at, behind);
    members->left = (sb_bytes){behind, (size_t)(end - behind)};
    return true;
}

sb_json sb_json_get(sb_json map, const char *wanted) {
    sb_json_members members = sb_json_members_of(map);
    sb_json key, value, found = sb__nothing;
    while (sb_json_next(&members, &key, &value)) {
        if (sb_json_is(key, wanted)) found = value;
    }
    return found;
}

bool sb_json_is_true(sb_json value) { return value.kind == SB_JSON_BOOLEAN && value.text.at[0] == 't'; }

/* ---- JSON: strings ----------------------------------------------------------------------------------------------- */

static void sb__append_code_point(sb_buffer *buffer, uint32_t code) {
    if (code < 0x80) {
        sb__append_byte(buffer, (char)code);
        return;
    }
    if (code < 0x800) {
        sb__append_byte(buffer, (char)(0xc0 | code >> 6));
    } else {
        if (code < 0x10000) {
            sb__append_byte(buffer, (char)(0xe0 | code >> 12));
        } else {
            sb__append_byte(buffer, (char)(0xf0 | code >> 18));
            sb__append_byte(buffer, (char)(0x80 | (code >> 12 & 0x3f)));
        }
        sb__append_byte(buffer, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    sb__append_byte(buffer, (char)(0x80 | (code & 0x3f)));
}

/* Appends the code point of a `\u`, whose digits are at `at`, and returns what lies behind: behind both halves of a
 * pair of surrogates. Half a pair becomes U+FFFD. */
static const char *sb__unescape_code(sb_buffer *buffer, const char *at, const char *end) {
    uint32_t code = sb__hex(at, end);
    at += 4;
    if (code >= 0xd800 && code <= 0xdbff && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = sb__hex(at + 2, end);
        if (low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    sb__append_code_point(buffer, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
    return at;
}

/* Appends what the text between a string's quotes says. */
static void sb__unescape(sb_buffer *buffer, sb_bytes inside) {
    const char *at = inside.at, *end = at + inside.len;
    while (at != end) {
        const char *plain = at;
        while (at != end && *at != '\\') at++;
        sb_append(buffer, (sb_bytes){plain, (size_t)(at - plain)});
        if (at == end || sb__scan_escape(at + 1, end) == NULL) return;
        at += 2;
        switch (at[-1]) {
        case 'b': sb__append_byte(buffer, '\b'); break;
        case 'f': sb__append_byte(buffer, '\f'); break;
        case 'n': sb__append_byte(buffer, '\n'); break;
        case 'r': sb__append_byte(buffer, '\r'); break;
        case 't': sb__append_byte(buffer, '\t'); break;
        case 'u': at = sb__unescape_code(buffer, at, end); break;
        default: sb__append_byte(buffer, at[-1]);
        }
    }
}

sb_bytes sb_json_string(sb_json string, sb_buffer *buffer) {
    sb_clear(buffer);
    if (string.kind != SB_JSON_STRING) return sb_held(buffer);
    sb_bytes inside = {string.text.at + 1, string.text.len - 2};
    if (!sb_contains(inside, (sb_bytes){"\\", 1})) return inside;
    sb__unescape(buffer, inside);
    return sb_held(buffer);
}

bool sb_json_is(sb_json value, const char *text) {
    if (value.kind != SB_JSON_STRING) return false;
    const char *at = value.text.at + 1, *end = value.text.at + value.text.len - 1, *wanted = text;
    for (; at != end && *at != '\\'; at++, wanted++) {
        if (*at != *wanted) return false; /* which may be the NUL at its end */
    }
    return at == end ? *wanted == '\0' : sb_is(sb_json_string(value, &sb__.scratch), text);
}

void sb_json_append_string(sb_buffer *buffer, sb_bytes text) {
    sb__append_byte(buffer, '"');
    for (size_t n = 0, plain = 0; n <= text.len; n++) {
        unsigned char byte = n == text.len ? '"' : (unsigned char)text.at[n];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        sb__append_utf8(buffer, (sb_bytes){text.at + plain, n - plain});
        plain = n + 1;
        if (n == text.len) break;
        if (byte >= 0x20) sb_append_format(buffer, "\\%c", byte);
        else sb_append_format(buffer, byte < 0x10 ? "\\u000%x" : "\\u00%x", byte);
    }
    sb__append_byte(buffer, '"');
}

/* ---- JSON: numbers ----------------------------------------------------------------------------------------------- */

/* A decimal number: `digits` and a power of ten. More digits than can matter are left out: `more` says whether any of
 * them was not 0. */
enum { SB__DIGITS = 800 };

typedef struct {
    unsigned char digits[SB__DIGITS];
    int count;
    int64_t exponent;
    bool negative, more;
} sb__decimal;

static void sb__read_decimal(sb__decimal *decimal, sb_bytes text) {
    const char *at = text.at, *end = at + text.len;
    bool fraction = false;
    decimal->count = 0;
    decimal->exponent = 0;
    decimal->more = false;
    decimal->negative = *at == '-';
    if (decimal->negative) at++;
    for (; at != end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        decimal->exponent -= fraction;
        if (decimal->count == SB__DIGITS) {
            decimal->exponent++;
            decimal->more |= *at != '0';
        } else if (decimal->count != 0 || *at != '0') {
            decimal->digits[decimal->count++] = (unsigned char)(*at - '0');
        }
    }
    if (at == end) return;
    at++;
    bool negative = *at == '-';
    int64_t exponent = 0;
    if (negative || *at == '+') at++;
    for (; at != end; at++) {
        if (exponent < 10000000000) exponent = exponent * 10 + (*at - '0'); /* more than any text has digits */
    }
    decimal->exponent += negative ? -exponent : exponent;
}

/* A number of up to 120 words: 84 for 800 digits (10^310 takes fewer), and 36 behind the binary point. */
enum { SB__WORDS = 120, SB__FRACTION = 36 };

typedef struct {
    uint32_t words[SB__WORDS]; /* the lowest first */
    int count;
} sb__big;

static void sb__big_multiply(sb__big *big, uint32_t by, uint32_t plus) {
    uint64_t carry = plus;
    for (int n = 0; n < big->count; n++) {
        carry += (uint64_t)big->words[n] * by;
        big->words[n] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) big->words[big->count++] = (uint32_t)carry;
}

/* Returns the remainder. */
static uint32_t sb__big_divide(sb__big *big, uint32_t by) {
    uint64_t rest = 0;
    for (int n = big->count; n-- > 0;) {
        rest = rest << 32 | big->words[n];
        big->words[n] = (uint32_t)(rest / by);
        rest %= by;
    }
    while (big->count > 0 && big->words[big->count - 1] == 0) big->count--;
    return (uint32_t)rest;
}

/* The bits of the nearest double, of two the even one; `more`: the number is a little larger than `big` says. */
static uint64_t sb__round(const sb__big *big, bool more) {
    int len = big->count * 32 - __builtin_clz(big->words[big->count - 1]);
    int exponent = len - 1 - 32 * SB__FRACTION;
    int kept = exponent >= -1022 ? 53 : 53 - (-1022 - exponent); /* fewer for a subnormal number */
    if (exponent > 1023) return (uint64_t)0x7ff << 52;
    if (kept < 0) return 0;
    uint64_t mantissa = 0;
    bool half = false;
    for (int bit = len - 1; bit >= 0; bit--) {
        bool set = big->words[bit / 32] >> (bit % 32) & 1;
        if (bit >= len - kept) mantissa = mantissa << 1 | set;
        else if (bit == len - kept - 1) half = set;
        else more |= set;
    }
    if (half && (more || (mantissa & 1) != 0)) mantissa++; /* may carry into the exponent, as it should */
    return exponent < -1022 ? mantissa : ((uint64_t)(exponent + 1022) << 52) + mantissa;
}

static uint64_t sb__nearest(const sb__decimal *decimal) {
    int64_t magnitude = decimal->count + decimal->exponent; /* it is less than 10^magnitude */
    if (decimal->count == 0 || magnitude < -326) return 0;
    if (magnitude > 310) return (uint64_t)0x7ff << 52;
    sb__big big = {.count = 0};
    bool more = decimal->more;
    int64_t exponent = decimal->exponent;
    for (int n = 0; n < decimal->count; n++) sb__big_multiply(&big, 10, decimal->digits[n]);
    for (; exponent > 0; exponent--) sb__big_multiply(&big, 10, 0);
    for (int n = big.count; n-- > 0;) big.words[n + SB__FRACTION] = big.words[n];
    for (int n = 0; n < SB__FRACTION; n++) big.words[n] = 0;
    big.count += SB__FRACTION;
    for (; exponent <= -9; exponent += 9) more |= sb__big_divide(&big, 1000000000) != 0;
    for (; exponent < 0; exponent++) more |= sb__big_divide(&big, 10) != 0;
    return sb__round(&big, more);
}

/* A number of few digits is exact, and so is the power of ten: one step rounds to the nearest. */
static bool sb__few_digits(const sb__decimal *decimal, double *result) {
    if (decimal->count > 15 || decimal->exponent < -22 || decimal->exponent > 22) return false;
    int64_t digits = 0;
    double power = 1;
    for (int n = 0; n < decimal->count; n++) digits = digits * 10 + decimal->digits[n];
    for (int64_t n = 0; n < decimal->exponent || n < -decimal->exponent; n++) power *= 10;
    *result = decimal->exponent < 0 ? (double)digits / power : (double)digits * power;
    return true;
}

double sb_json_number(sb_json number) {
    if (number.kind != SB_JSON_NUMBER) return 0;
    sb__decimal decimal;
    sb__read_decimal(&decimal, number.text);
    double result;
    if (!sb__few_digits(&decimal, &result)) {
        uint64_t bits = sb__nearest(&decimal);
        __builtin_memcpy(&result, &bits, sizeof result);
    }
    return decimal.negative ? -result : result;
}

bool sb_json_integer(sb_json number, int64_t *integer) {
    if (number.kind != SB_JSON_NUMBER) return false;
    bool negative = number.text.at[0] == '-';
    uint64_t size = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t n = negative; n < number.text.len; n++) {
        unsigned digit = (unsigned char)number.text.at[n] - (unsigned)'0';
        if (digit > 9) { /* a fraction or an exponent */
            double value = sb_json_number(number);
            if (!(value >= -0x1p63 && value < 0x1p63) || (double)(int64_t)value != value) return false;
            *integer = (int64_t)value;
            return true;
        }
        if (size > (most - digit) / 10) return false;
        size = size * 10 + digit;
    }
    *integer = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* ---- Start and configuration ------------------------------------------------------------------------------------- */

/* Each error has memory of its own, so that one can be made of another. */
const char *sb_error(const char *format, ...) {
    sb_buffer text = {0};
    SB__FORMAT(&text, format);
    sb__append_byte(&text, '\0');
    return text.at;
}

static size_t sb__least(size_t left, size_t right) { return left < right ? left : right; }

/* How many letters have to be left out, put in, changed or swapped to make one name of the other. SIZE_MAX for names
 * that are too long to bother. */
static size_t sb__distance(sb_bytes left, sb_bytes right) {
    enum { LONGEST = 64 };
    size_t rows[3][LONGEST + 1]; /* of this letter, of the one before, and of the one before that */
    if (left.len > LONGEST || right.len > LONGEST) return SIZE_MAX;
    for (size_t n = 0; n <= right.len; n++) rows[0][n] = n;
    for (size_t m = 1; m <= left.len; m++) {
        size_t *row = rows[m % 3], *before = rows[(m + 2) % 3], *swap = rows[(m + 1) % 3];
        row[0] = m;
        for (size_t n = 1; n <= right.len; n++) {
            char a = left.at[m - 1], b = right.at[n - 1];
            row[n] = sb__least(sb__least(row[n - 1], before[n]) + 1, before[n - 1] + (a != b));
            if (m > 1 && n > 1 && a == right.at[n - 2] && b == left.at[m - 2]) row[n] = sb__least(row[n], swap[n - 2] + 1);
        }
    }
    return rows[left.len % 3][right.len];
}

const char *sb_check_output(const sb_stage *stage, sb_bytes name) {
    sb_buffer names = {0}, hint = {0};
    size_t nearest = SIZE_MAX;
    for (size_t n = 0; n < stage->output_count; n++) {
        sb_bytes output = stage->outputs[n];
        if (sb_equal(output, name)) return NULL;
        size_t distance = sb__distance(output, name), longer = output.len > name.len ? output.len : name.len;
        if (distance <= longer / 3 && distance < nearest) {
            nearest = distance;
            sb_clear(&hint);
            sb_append_format(&hint, "did you mean `%.*s`? ", SB_ARG(output));
        }
        sb_append_format(&names, "%s%.*s", n == 0 ? "" : ", ", SB_ARG(output));
    }
    sb_bytes said = sb_held(&hint), all = sb_held(&names);
    return sb_error("the pipeline has no output `%.*s`; %.*sits outputs are: %.*s", SB_ARG(name), SB_ARG(said), SB_ARG(all));
}

/* The text of a string of the configuration, which stays. */
static sb_bytes sb__config_string(sb_json string) {
    sb_buffer text = {0};
    return sb_json_string(string, &text);
}

static const char *sb__unexpected(const char *key, const char *expected, sb_json found) {
    const char *kind = "";
    sb_bytes text = found.text;
    switch (found.kind) {
    case SB_JSON_LIST: text = sb_text("a list"); break;
    case SB_JSON_MAP: text = sb_text("a map"); break;
    case SB_JSON_NUMBER: kind = "the number "; break;
    case SB_JSON_STRING: kind = "the text "; break;
    default: break;
    }
    return sb_error("config%s%s: expected %s, found %s%.*s", *key == '\0' ? "" : ".", key, expected, kind, SB_ARG(text));
}

static const char *sb__read_strings(const char *field, sb_strings *strings, sb_json list) {
    if (list.kind != SB_JSON_LIST) return sb__unexpected(field, "a list", list);
    sb_buffer texts = {0};
    sb_json_members elements = sb_json_members_of(list);
    sb_json key, element;
    for (size_t n = 0; sb_json_next(&elements, &key, &element); n++) {
        if (element.kind != SB_JSON_STRING) return sb__unexpected(sb_error("%s[%zu]", field, n), "a string", element);
        sb_bytes text = sb__config_string(element);
        sb_append(&texts, (sb_bytes){(const char *)&text, sizeof text});
    }
    *strings = (sb_strings){(const sb_bytes *)(const void *)sb_held(&texts).at, texts.len / sizeof(sb_bytes)};
    return NULL;
}

static const char *sb__read_field(const sb_config_field *field, sb_json value) {
    const char *expected = NULL;
    if (field->string != NULL) {
        if (value.kind == SB_JSON_STRING) *field->string = sb__config_string(value);
        else expected = "a string";
    } else if (field->strings != NULL) {
        return sb__read_strings(field->key, field->strings, value);
    } else if (field->boolean != NULL) {
        if (value.kind == SB_JSON_BOOLEAN) *field->boolean = sb_json_is_true(value);
        else expected = "a boolean";
    } else if (field->integer != NULL) {
        if (!sb_json_integer(value, field->integer)) expected = "a whole number";
    } else if (field->number != NULL) {
        if (value.kind == SB_JSON_NUMBER) *field->number = sb_json_number(value);
        else expected = "a number";
    } else if (field->any != NULL) {
        *field->any = value;
    }
    return expected == NULL ? NULL : sb__unexpected(field->key, expected, value);
}

static const char *sb__unknown_key(sb_json key, const sb_config_field *fields, size_t count) {
    sb_buffer known = {0};
    for (size_t n = 0; n < count; n++) {
        sb_append_format(&known, "%s%s", n == 0 ? "" : n + 1 < count ? ", " : " or ", fields[n].key);
    }
    sb_bytes name = sb__config_string(key), keys = count == 0 ? sb_text("no keys") : sb_held(&known);
    return sb_error("config.%.*s: unknown key, expected %.*s", SB_ARG(name), SB_ARG(keys));
}

const char *sb_read_config(const sb_stage *stage, const sb_config_field *fields, size_t count) {
    sb_json config = sb_json_read(stage->config), key, value;
    bool *seen = sb_allocate(count);
    if (config.kind != SB_JSON_MAP && config.kind != SB_JSON_NULL) return sb__unexpected("", "a map", config);
    sb_json_members members = sb_json_members_of(config);
    while (sb_json_next(&members, &key, &value)) {
        size_t n = 0;
        while (n < count && !sb_json_is(key, fields[n].key)) n++;
        if (n == count) return sb__unknown_key(key, fields, count);
        const char *error = sb__read_field(&fields[n], value);
        if (error != NULL) return error;
        seen[n] = true;
    }
    for (size_t n = 0; n < count; n++) {
        if (!seen[n] && !fields[n].optional) return sb_error("config.%s: missing", fields[n].key);
    }
    return NULL;
}

#endif /* SLUICEBOX_IMPLEMENTATION */
