/* SPDX-License-Identifier: MIT */
/* Plans: sizes and forms through a chain, what is refused, what is left to the last step. */
#include "augment/plan.h"
#include "pixels/convert.h"
#include "support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int plan_of(struct augment_plan **plan, const char *text, uint32_t channels, uint32_t height,
                   uint32_t width, struct err *e)
{
    struct augment_chain *chain;
    ck_assert_msg(augment_parse(&chain, text, e) == 0, "%s: %s", text, e->text);
    struct augment_shape in = {channels, height, width, AUGMENT_PICTURE};
    return augment_plan_new(plan, chain, &in, e);
}

static struct augment_plan *must_plan(const char *text, uint32_t channels, uint32_t height,
                                      uint32_t width)
{
    struct augment_plan *plan = NULL;
    struct err e = {""};
    int rc = plan_of(&plan, text, channels, height, width, &e);
    ck_assert_msg(rc == 0, "%s: %s", text, e.text);
    return plan;
}

static const struct {
    const char *text;
    uint32_t channels, height, width; /* in */
    uint32_t out[4];                  /* channels, height, width, form of the head's end */
    uint32_t head;
    bool floats;
} fine[] = {
    {"random-horizontal-flip", 1, 28, 28, {1, 28, 28, AUGMENT_PICTURE}, 1, false},
    {"random-crop(28,padding=4) to-tensor", 1, 28, 28, {1, 28, 28, AUGMENT_PICTURE}, 1, true},
    {"random-crop((30,20),pad-if-needed=true)", 1, 28, 28, {1, 30, 20, AUGMENT_PICTURE}, 1, false},
    {"random-crop((51,28),padding=(0,20,0,0),pad-if-needed=true,padding-mode=reflect)",
     1,
     28,
     28,
     {1, 51, 28, AUGMENT_PICTURE},
     1,
     false},
    {"pad(70,padding-mode=symmetric)", 1, 28, 28, {1, 168, 168, AUGMENT_PICTURE}, 1, false},
    {"pad((1,2,3,4)) to-tensor normalize(0.5,0.5)", 3, 8, 9, {3, 14, 13, AUGMENT_PICTURE}, 1, true},
    {"center-crop(40)", 1, 28, 28, {1, 40, 40, AUGMENT_PICTURE}, 1, false},
    {"resize((5,7))", 1, 28, 28, {1, 5, 7, AUGMENT_PICTURE}, 1, false},
    {"resize(14)", 1, 28, 56, {1, 14, 28, AUGMENT_PICTURE}, 1, false},
    {"random-rotation(45,expand=true) resize((28,28))",
     1,
     28,
     28,
     {1, 28, 28, AUGMENT_PICTURE},
     2,
     false},
    {"random-rotation((90,90),expand=true)", 1, 20, 10, {1, 10, 20, AUGMENT_PICTURE}, 1, false},
    {"random-apply([random-crop(20)],p=0.5) random-crop(20)",
     1,
     28,
     28,
     {1, 20, 20, AUGMENT_PICTURE},
     3,
     false},
    {"grayscale(3) to-tensor", 1, 28, 28, {3, 28, 28, AUGMENT_PICTURE}, 1, true},
    {"to-image", 1, 28, 28, {1, 28, 28, AUGMENT_LEVELS}, 1, false},
    {"to-image resize((20,30))", 1, 28, 28, {1, 20, 30, AUGMENT_LEVELS}, 2, false},
    {"pad(1,fill=-7,padding-mode=edge)", 1, 28, 28, {1, 30, 30, AUGMENT_PICTURE}, 1, false},
    {"to-image to-dtype normalize(0.1,0.2)", 1, 28, 28, {1, 28, 28, AUGMENT_LEVELS}, 1, true},
    /* pixels that are only moved: the conversion waits */
    {"to-tensor random-horizontal-flip random-crop(28,padding=2) normalize(0.1,0.2)",
     1,
     28,
     28,
     {1, 28, 28, AUGMENT_PICTURE},
     2,
     true},
    /* what is done on floats is done in the head */
    {"to-tensor random-erasing", 1, 28, 28, {1, 28, 28, AUGMENT_FLOATS}, 2, true},
    {"to-tensor normalize(0.1,0.2) random-horizontal-flip",
     1,
     28,
     28,
     {1, 28, 28, AUGMENT_FLOATS},
     3,
     true},
    {"to-tensor random-crop(28,padding=2,fill=0.5)",
     1,
     28,
     28,
     {1, 28, 28, AUGMENT_FLOATS},
     2,
     true},
    {"to-tensor to-dtype normalize(0.1,0.2)", 1, 28, 28, {1, 28, 28, AUGMENT_FLOATS}, 3, true},
};

START_TEST(plan__chains__shape_of_the_heads_end)
{
    struct augment_plan *p =
        must_plan(fine[_i].text, fine[_i].channels, fine[_i].height, fine[_i].width);
    const uint32_t got[] = {p->out.channels, p->out.height, p->out.width, p->out.form};
    for (int k = 0; k < 4; k++)
        ck_assert_msg(got[k] == fine[_i].out[k], "%s: out[%d] is %u, want %u", fine[_i].text, k,
                      got[k], fine[_i].out[k]);
    ck_assert_uint_eq(p->tail.head_count, fine[_i].head);
    ck_assert_int_eq(p->tail.floats, fine[_i].floats);
    ck_assert_uint_eq(augment_sample_bytes(p),
                      (size_t)got[0] * got[1] * got[2] * (got[3] == AUGMENT_FLOATS ? 4 : 1));
    augment_plan_free(p);
}
END_TEST

START_TEST(plan__last_conversion__what_convert_is_to_do)
{
    struct augment_plan *p = must_plan("to-tensor normalize((0.1,0.2,0.3),0.5)", 3, 8, 8);
    ck_assert_uint_eq(p->tail.scale, CONVERT_DIVIDE);
    ck_assert_uint_eq(p->tail.mean_count, 3);
    ck_assert_uint_eq(p->tail.std_count, 1);
    ck_assert(p->tail.mean[2] == 0.3f && p->tail.std[0] == 0.5f);
    augment_plan_free(p);
    p = must_plan("to-image to-dtype", 1, 8, 8);
    ck_assert_uint_eq(p->tail.scale, CONVERT_MULTIPLY);
    augment_plan_free(p);
    p = must_plan("to-image to-dtype(api=1)", 1, 8, 8);
    ck_assert_uint_eq(p->tail.scale, CONVERT_DIVIDE);
    augment_plan_free(p);
}
END_TEST

static const struct {
    const char *text;
    uint32_t channels;
    const char *why;
} wrong[] = {
    {"random-crop(30)", 1, "augment[0], random-crop: size 30 x 30 is larger"},
    {"to-image random-crop(28,padding=30,padding-mode=reflect)", 1,
     "augment[1], random-crop: padding 30"},
    {"to-image random-crop((60,28),padding=(0,0,0,27),pad-if-needed=true,padding-mode=reflect)", 1,
     "augment[1], random-crop: padding 5 and 32 at a side of 28"},
    {"random-rotation(10,expand=true)", 1, "augment ends in pictures of"},
    {"random-apply([center-crop(20)],p=0.5)", 1, "augment ends in pictures of"},
    {"random-apply([to-tensor],p=0.5)", 1, "random-apply"},
    {"normalize(0.5,0.5)", 1, "augment[0], normalize: wants a tensor of floats, it gets a picture"},
    {"random-erasing", 1, "augment[0], random-erasing: wants a tensor"},
    {"to-tensor color-jitter(0.5)", 1, "augment[1], color-jitter: wants a picture"},
    {"to-tensor random-rotation(10,interpolation=bicubic)", 1, "with this interpolation"},
    {"to-image resize((9,9),interpolation=nearest)", 1, "with this interpolation"},
    {"to-image resize((9,9),api=1)", 1, "augment[1], resize: wants a picture, it gets"},
    {"to-tensor resize((9,9))", 1, "augment[1], resize: wants a picture or levels"},
    {"to-tensor to-tensor", 1, "augment[1], to-tensor"},
    {"to-dtype", 1, "augment[0], to-dtype"},
    {"to-tensor normalize((0.1,0.2,0.3),(1,1,1))", 1, "mean has 3 numbers"},
    {"pad(2,fill=(1,2,3))", 1, "fill has 3 numbers"},
    {"pad(2,fill=256)", 1, "augment[0], pad: fill 256 in a picture: want a level, 0 to 255"},
    {"to-image random-erasing(value=-1)", 1, "value -1 in a tensor of levels"},
    {"color-jitter(0.5)", 4, "wants 1 or 3 channels"},
    {"pad(3000) pad(3000)", 1, "augment[1], pad: a picture may be"},
};

START_TEST(plan__what_cannot_be_done__refused_by_name_and_place)
{
    struct augment_plan *plan = NULL;
    struct err e = {""};
    ck_assert_int_eq(plan_of(&plan, wrong[_i].text, wrong[_i].channels, 28, 28, &e), -EINVAL);
    ck_assert_msg(strstr(e.text, wrong[_i].why), "%s: \"%s\", want \"%s\"", wrong[_i].text, e.text,
                  wrong[_i].why);
    ck_assert_ptr_null(plan);
}
END_TEST

/* Windows number a picture's places in 16 bits; a daemon that lies may say any shape. */
START_TEST(plan__pictures_beyond_the_largest_side__refused)
{
    static const uint32_t sides[][2] = {{8193, 1}, {1, 8193}, {40000, 1}, {1, UINT32_MAX}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct augment_plan *plan = NULL;
        struct err e = {""};
        int rc = plan_of(&plan, "random-horizontal-flip", 1, sides[i][0], sides[i][1], &e);
        ck_assert_int_eq(rc, -EINVAL);
        ck_assert_msg(strstr(e.text, "want at most 8192 a side"), "%s", e.text);
        ck_assert_ptr_null(plan);
    }
    augment_plan_free(must_plan("random-horizontal-flip", 1, 8192, 1));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/plan");
    TCase *tc = tcase_create("plan");
    suite_add_tcase(s, tc);
    tcase_add_loop_test(tc, plan__chains__shape_of_the_heads_end, 0, sizeof fine / sizeof *fine);
    tcase_add_test(tc, plan__last_conversion__what_convert_is_to_do);
    tcase_add_loop_test(tc, plan__what_cannot_be_done__refused_by_name_and_place, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(tc, plan__pictures_beyond_the_largest_side__refused);
    return support_run(s);
}
