/* SPDX-License-Identifier: MIT */
/* Messages: the same after a round trip, refused when cut or too long, never read beyond. */
#include "base/bytes.h"
#include "support/support.h"
#include "wire/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* `size` bytes that end where an unmapped page begins: a read beyond them is a SIGSEGV. */
static uint8_t *before_a_hole(const void *bytes, size_t size, void **map)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size / page + 1) * page;
    char *m = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(m, MAP_FAILED);
    ck_assert_int_eq(mprotect(m + room, page, PROT_NONE), 0);
    *map = m;
    if (size)
        memcpy(m + room - size, bytes, size);
    return (uint8_t *)m + room - size;
}

static void free_hole(void *map, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(map, (size / page + 2) * page);
}

/* ---- heads --------------------------------------------------------------------------------- */

START_TEST(wire_head__round_trip__the_same_and_its_bytes)
{
    uint8_t bytes[WIRE_HEAD_SIZE];
    wire_put_head(bytes, WIRE_BATCH, 0xfffff000);
    ck_assert_mem_eq(bytes, "\x00\xf0\xff\xff\x69\x00\x00\x00", 8);
    struct wire_head h;
    ck_assert_int_eq(wire_get_head(&h, bytes, NULL), 0);
    ck_assert_uint_eq(h.type, WIRE_BATCH);
    ck_assert_uint_eq(h.body_bytes, 0xfffff000);
}
END_TEST

START_TEST(wire_get_head__any_reserved_bit__eproto)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        uint8_t bytes[WIRE_HEAD_SIZE];
        wire_put_head(bytes, WIRE_OPEN, WIRE_OPEN_SIZE);
        bytes[6 + bit / 8] = (uint8_t)(1u << bit % 8);
        struct wire_head h;
        struct err e = {""};
        ck_assert_int_eq(wire_get_head(&h, bytes, &e), -EPROTO);
        ck_assert_ptr_nonnull(strstr(e.text, "want 0"));
    }
}
END_TEST

/* ---- open and opened ----------------------------------------------------------------------- */

static struct wire_open make_open(bool at_token)
{
    struct wire_open m = {.at_token = at_token};
    spec_init(&m.spec);
    m.spec.seed = 99;
    if (at_token) {
        m.token.epoch = UINT64_C(0x123456789a);
        m.token.step = UINT64_C(0xba9876543210);
        memset(m.token.identity, 0x5a, sizeof m.token.identity);
    }
    return m;
}

START_TEST(wire_open__round_trip__the_same)
{
    for (int at_token = 0; at_token < 2; at_token++) {
        struct wire_open m = make_open(at_token), back;
        uint8_t bytes[WIRE_OPEN_MAX];
        memset(bytes, 0xff, sizeof bytes);
        memset(&back, 0xff, sizeof back);
        memset(m.spec.select, 's', at_token ? SPEC_SELECT_SIZE - 1 : 0);
        size_t size = wire_put_open(bytes, &m);
        ck_assert_uint_eq(size, at_token ? WIRE_OPEN_MAX : WIRE_OPEN_SIZE);
        struct err e;
        ck_assert_msg(wire_get_open(&back, bytes, size, &e) == 0, "%s", e.text);
        ck_assert_str_eq(back.spec.select, m.spec.select);
        ck_assert_int_eq(back.at_token, at_token);
        ck_assert_uint_eq(back.spec.seed, 99);
        ck_assert_mem_eq(&back.token, &m.token, sizeof m.token);
        uint8_t again[WIRE_OPEN_MAX];
        ck_assert_uint_eq(wire_put_open(again, &back), size);
        ck_assert_mem_eq(again, bytes, size);
    }
}
END_TEST

/* A body is read only when it has the right length, so a short one is never read at all. */
START_TEST(wire_get_open__every_other_length__eproto_unread)
{
    struct wire_open m = make_open(true);
    uint8_t bytes[WIRE_OPEN_MAX + 64] = {0};
    wire_put_open(bytes, &m);
    memset(bytes + WIRE_OPEN_SIZE, 's', sizeof bytes - WIRE_OPEN_SIZE);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        void *map;
        uint8_t *body = before_a_hole(bytes, size, &map);
        struct wire_open back;
        int rc = wire_get_open(&back, body, size, NULL);
        ck_assert_int_eq(rc, size >= WIRE_OPEN_SIZE && size <= WIRE_OPEN_MAX ? 0 : -EPROTO);
        if (!rc)
            ck_assert_uint_eq(strlen(back.spec.select), size - WIRE_OPEN_SIZE);
        free_hole(map, size);
    }
}
END_TEST

START_TEST(wire_get_open__other_words_behind_the_spec__eproto)
{
    struct wire_open m = make_open(false), back;
    for (int i = 0; i < 64; i++) {
        uint8_t bytes[WIRE_OPEN_MAX];
        size_t size = wire_put_open(bytes, &m);
        bytes[SPEC_BYTES + i / 8] ^= (uint8_t)(1 << i % 8);
        ck_assert_int_eq(wire_get_open(&back, bytes, size, NULL), i ? -EPROTO : 0);
    }
}
END_TEST

/* A selection is told of in one line: no control character, no end within it. */
START_TEST(wire_get_open__any_byte_of_a_selection__printable_or_refused)
{
    struct wire_open m = make_open(false), back;
    strcpy(m.spec.select, "classes(3)");
    for (int byte = 0; byte < 256; byte++) {
        uint8_t bytes[WIRE_OPEN_MAX];
        size_t size = wire_put_open(bytes, &m);
        bytes[WIRE_OPEN_SIZE + 4] = (uint8_t)byte;
        int rc = wire_get_open(&back, bytes, size, NULL);
        ck_assert_int_eq(rc, byte >= 0x20 && byte < 0x7f ? 0 : -EINVAL);
    }
}
END_TEST

static struct wire_opened make_opened(void)
{
    struct wire_opened m = {
        .sample_count = UINT64_C(0x100000001),
        .steps = UINT64_C(0x200000002),
        .epoch = UINT64_C(0x300000003),
        .step = UINT64_C(0x400000004),
        .sample_bytes = UINT64_C(0x500000005),
        .batch_size = 6,
        .channels = 7,
        .height = 8,
        .width = 9,
        .in_channels = 10,
        .in_height = 11,
        .in_width = 12,
        .views = 13,
        .float_samples = 14,
        .slot_count = 15,
    };
    memset(m.digest, 16, sizeof m.digest);
    memset(m.identity, 17, sizeof m.identity);
    m.label_count = 18;
    return m;
}

START_TEST(wire_opened__round_trip__the_same_at_its_offsets)
{
    struct wire_opened m = make_opened(), back;
    uint8_t bytes[WIRE_OPENED_SIZE];
    memset(bytes, 0xff, sizeof bytes);
    memset(&back, 0xff, sizeof back);
    wire_put_opened(bytes, &m);
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_uint_eq(get_le64(bytes + 8 * i), (i + 1) * UINT64_C(0x100000001));
    for (uint32_t i = 0; i < 10; i++)
        ck_assert_uint_eq(get_le32(bytes + 40 + 4 * i), i + 6);
    ck_assert_uint_eq(bytes[95], 16);
    ck_assert_uint_eq(bytes[111], 17);
    ck_assert_uint_eq(get_le32(bytes + 112), 18);
    ck_assert_uint_eq(get_le32(bytes + 116), 0);
    ck_assert_int_eq(wire_get_opened(&back, bytes, sizeof bytes, NULL), 0);
    uint8_t again[WIRE_OPENED_SIZE];
    wire_put_opened(again, &back);
    ck_assert_mem_eq(again, bytes, sizeof bytes);
    bytes[119] = 1;
    ck_assert_int_eq(wire_get_opened(&back, bytes, sizeof bytes, NULL), -EPROTO);
}
END_TEST

START_TEST(wire_get_opened__every_other_length__eproto_unread)
{
    struct wire_opened m = make_opened(), back;
    uint8_t bytes[WIRE_OPENED_SIZE + 16] = {0};
    wire_put_opened(bytes, &m);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        void *map;
        uint8_t *body = before_a_hole(bytes, size, &map);
        int rc = wire_get_opened(&back, body, size, NULL);
        ck_assert_int_eq(rc, size == WIRE_OPENED_SIZE ? 0 : -EPROTO);
        free_hole(map, size);
    }
}
END_TEST

/* ---- growing and bounded ------------------------------------------------------------------- */

static const char *const classes[] = {"cat", "", "a dog"};

static void add_all(struct wire_buffer *b)
{
    struct wire_dataset d = {
        .name = "mine",
        .split = "train",
        .count = UINT64_C(0x700000007),
        .height = 28,
        .width = 27,
        .channels = 3,
        .label_count = 5,
        .class_count = 3,
        .class_names = (char *const *)classes,
    };
    memset(d.digest, 0x77, sizeof d.digest);
    wire_add_dataset(b, &d);
    wire_add_u64(b, UINT64_MAX);
}

/* Reads what add_all wrote. Returns whether all of it was there, and checks it then. */
static bool take_all(struct wire_cursor *c)
{
    char *name = wire_take_text(c, 64), *split = wire_take_text(c, 64);
    uint64_t count = wire_take_u64(c);
    uint32_t height = wire_take_u32(c), width = wire_take_u32(c), channels = wire_take_u32(c);
    uint32_t label_count = wire_take_u32(c);
    const uint8_t *digest = wire_take(c, 16);
    uint32_t class_count = wire_take_u32(c);
    char *names[3];
    for (int i = 0; i < 3; i++)
        names[i] = wire_take_text(c, 64);
    uint64_t last = wire_take_u64(c);
    bool all = !c->failed;
    if (all) {
        ck_assert_str_eq(name, "mine");
        ck_assert_str_eq(split, "train");
        ck_assert_uint_eq(count, UINT64_C(0x700000007));
        ck_assert_uint_eq(height, 28);
        ck_assert_uint_eq(width, 27);
        ck_assert_uint_eq(channels, 3);
        ck_assert_uint_eq(label_count, 5);
        ck_assert_uint_eq(digest[15], 0x77);
        ck_assert_uint_eq(class_count, 3);
        for (int i = 0; i < 3; i++)
            ck_assert_str_eq(names[i], classes[i]);
        ck_assert_uint_eq(last, UINT64_MAX);
    } else {
        ck_assert_uint_eq(last, 0); /* a failed cursor stays failed */
    }
    free(name);
    free(split);
    for (int i = 0; i < 3; i++)
        free(names[i]);
    return all;
}

/* A reply that is cut anywhere is noticed, and not a byte behind it is read. */
START_TEST(wire_take__every_truncation__failed_and_nothing_beyond)
{
    struct wire_buffer b = {0};
    add_all(&b);
    ck_assert(!b.failed);
    for (size_t size = 0; size <= b.size; size++) {
        void *map;
        struct wire_cursor c = {.at = before_a_hole(b.bytes, size, &map), .left = size};
        ck_assert_int_eq(take_all(&c), size == b.size);
        if (size == b.size)
            ck_assert_uint_eq(c.left, 0);
        free_hole(map, size);
    }
    wire_buffer_free(&b);
    ck_assert_ptr_null(b.bytes);
}
END_TEST

/* A text's length comes from the peer: no length makes a large allocation or a read beyond. */
START_TEST(wire_take_text__length_beyond__null)
{
    static const uint32_t lengths[] = {5, 0x7fffffff, 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t bytes[8] = {0, 0, 0, 0, 'a', 'b', 'c', 'd'};
        put_le32(bytes, lengths[i]);
        struct wire_cursor c = {.at = bytes, .left = sizeof bytes};
        ck_assert_ptr_null(wire_take_text(&c, UINT32_MAX));
        ck_assert(c.failed);
    }
    uint8_t bytes[8] = {4, 0, 0, 0, 'a', 'b', 'c', 'd'};
    struct wire_cursor c = {.at = bytes, .left = sizeof bytes};
    ck_assert_ptr_null(wire_take_text(&c, 3));
    ck_assert(c.failed);
    ck_assert_uint_eq(wire_take_u32(&c), 0);
}
END_TEST

/* A reply has an upper bound; beyond it the buffer says so once and for all. */
START_TEST(wire_add__more_than_a_reply__failed)
{
    struct wire_buffer b = {0};
    char *large = calloc(1, WIRE_REPLY_MAX);
    wire_add(&b, large, WIRE_REPLY_MAX);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.size, WIRE_REPLY_MAX);
    wire_add(&b, large, 0);
    ck_assert(!b.failed);
    wire_add(&b, large, 1);
    ck_assert(b.failed);
    ck_assert_uint_eq(b.size, WIRE_REPLY_MAX);
    wire_buffer_free(&b);
    ck_assert(!b.failed);
    wire_add_u32(&b, 1);
    wire_add(&b, large, WIRE_REPLY_MAX);
    ck_assert(b.failed);
    ck_assert_uint_eq(b.size, 4);
    wire_buffer_free(&b);
    free(large);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/message");
    TCase *tc = tcase_create("message");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, wire_head__round_trip__the_same_and_its_bytes);
    tcase_add_test(tc, wire_get_head__any_reserved_bit__eproto);
    tcase_add_test(tc, wire_open__round_trip__the_same);
    tcase_add_test(tc, wire_get_open__every_other_length__eproto_unread);
    tcase_add_test(tc, wire_get_open__other_words_behind_the_spec__eproto);
    tcase_add_test(tc, wire_get_open__any_byte_of_a_selection__printable_or_refused);
    tcase_add_test(tc, wire_opened__round_trip__the_same_at_its_offsets);
    tcase_add_test(tc, wire_get_opened__every_other_length__eproto_unread);
    tcase_add_test(tc, wire_take__every_truncation__failed_and_nothing_beyond);
    tcase_add_test(tc, wire_take_text__length_beyond__null);
    tcase_add_test(tc, wire_add__more_than_a_reply__failed);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
