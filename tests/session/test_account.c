/* What is charged to whom, and that it goes back. */
#include "session/account.h"

#include "fmnist.h"
#include "support/support.h"

enum { INDICES = 1000, LIST_BYTES = INDICES * 4, ORDER_BYTES = 2 * INDICES * 4 };

static struct accounts all;

static void setup(void)
{
    support_setup();
    all = (struct accounts){0};
}

static void teardown(void)
{
    ck_assert_msg(!all.first, "an account outlived its clients");
    support_teardown();
}

/* Streams that only look as if: nothing renders them. */
static const struct index_list lists[2];

static struct render_plan plan_of(int list, uint32_t order)
{
    return (struct render_plan){.list = list < 0 ? NULL : &lists[list],
                                .spec = {.order = order, .list_count = list < 0 ? 0 : INDICES}};
}

START_TEST(account_open__same_user__one_account)
{
    struct account *a = account_open(&all, 7), *b = account_open(&all, 8);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(account_open(&all, 7), a);
    ck_assert_uint_eq(accounts_clients(&all, 7), 2);
    ck_assert_uint_eq(accounts_clients(&all, 8), 1);
    ck_assert_uint_eq(accounts_clients(&all, 9), 0);
    account_close(a);
    ck_assert_uint_eq(accounts_clients(&all, 7), 1);
    account_close(a);
    ck_assert_uint_eq(accounts_clients(&all, 7), 0);
    account_close(b);
    account_close(NULL);
}
END_TEST

/* One list, however many streams and consumers read it; permutations once for each stream. */
START_TEST(account_charge__lists__each_once)
{
    struct render_plan x = plan_of(0, FMNIST_ORDER_TORCH), y = plan_of(0, FMNIST_ORDER_TORCH),
                       z = plan_of(1, FMNIST_ORDER_SHUFFLE);
    struct stream one = {.plan = &x}, two = {.plan = &y}, three = {.plan = &z};
    const struct stream *at[] = {&one, &one, &two, &three};
    static const uint64_t want[] = {LIST_BYTES + ORDER_BYTES, LIST_BYTES + ORDER_BYTES,
                                    LIST_BYTES + 2 * ORDER_BYTES, 2 * LIST_BYTES + 2 * ORDER_BYTES};
    struct account_seat seats[4] = {{0}};
    struct account *a = account_open(&all, 7);
    for (int i = 0; i < 4; i++) {
        account_charge(a, &seats[i], at[i]);
        ck_assert_uint_eq(account_list_bytes(a), want[i]);
    }
    account_discharge(a, &seats[0]); /* another consumer is at its stream */
    ck_assert_uint_eq(account_list_bytes(a), want[3]);
    account_discharge(a, &seats[1]);
    ck_assert_uint_eq(account_list_bytes(a), want[3] - ORDER_BYTES);
    account_discharge(a, &seats[2]);
    account_discharge(a, &seats[2]); /* is not charged any more */
    ck_assert_uint_eq(account_list_bytes(a), LIST_BYTES);
    account_discharge(a, &seats[3]);
    ck_assert_uint_eq(account_list_bytes(a), 0);
    account_close(a);
}
END_TEST

/* A split's permutations are bounded by the split, and are nobody's. */
START_TEST(account_charge__whole_split__no_list)
{
    struct render_plan whole = plan_of(-1, FMNIST_ORDER_TORCH);
    struct stream s = {.plan = &whole};
    struct account_seat seat = {0};
    struct account *a = account_open(&all, 7);
    account_charge(a, &seat, &s);
    ck_assert_uint_eq(account_list_bytes(a), 0);
    account_discharge(a, &seat);
    account_close(a);
}
END_TEST

START_TEST(account_charge_upload__beside_what_is_read__both)
{
    struct render_plan x = plan_of(0, FMNIST_ORDER_SHUFFLE);
    struct stream s = {.plan = &x};
    struct account_seat seat = {0};
    struct account *a = account_open(&all, 7);
    account_charge_upload(a, 100);
    account_charge(a, &seat, &s);
    ck_assert_uint_eq(account_list_bytes(a), 100 + LIST_BYTES);
    account_discharge_upload(a, 100);
    ck_assert_uint_eq(account_list_bytes(a), LIST_BYTES);
    account_discharge(a, &seat);
    account_close(a);
}
END_TEST

static void ignore(void *data)
{
}

/* A ring is shared by those that sit at it, whosever they are. */
START_TEST(account_ring_bytes__shared_ring__by_consumer)
{
    struct render_plan x = plan_of(-1, FMNIST_ORDER_SHUFFLE);
    struct stream s = {.plan = &x, .consumer_count = 3, .ring = {.map_bytes = 3000}},
                  other = {.plan = &x, .consumer_count = 1, .ring = {.map_bytes = 500}};
    struct account_seat seats[4] = {{0}};
    struct account *a = account_open(&all, 7), *b = account_open(&all, 8);
    struct pool *pool;
    struct err e;
    ck_assert_int_eq(pool_start(&pool, 1, ignore, NULL, &e), 0);
    account_charge(a, &seats[0], &s);
    account_charge(a, &seats[1], &s);
    account_charge(a, &seats[2], &other);
    account_charge(b, &seats[3], &s);
    ck_assert_uint_eq(account_ring_bytes(a, pool), 2500);
    ck_assert_uint_eq(account_ring_bytes(b, pool), 1000);
    account_discharge(b, &seats[3]);
    s.consumer_count = 2; /* b's left */
    ck_assert_uint_eq(account_ring_bytes(a, pool), 3500);
    ck_assert_uint_eq(account_ring_bytes(b, pool), 0);
    for (int i = 0; i < 3; i++)
        account_discharge(a, &seats[i]);
    account_close(a);
    account_close(b);
    pool_stop(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/account");
    TCase *tc = tcase_create("account");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, account_open__same_user__one_account);
    tcase_add_test(tc, account_charge__lists__each_once);
    tcase_add_test(tc, account_charge__whole_split__no_list);
    tcase_add_test(tc, account_charge_upload__beside_what_is_read__both);
    tcase_add_test(tc, account_ring_bytes__shared_ring__by_consumer);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
