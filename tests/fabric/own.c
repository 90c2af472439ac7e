// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The program has a domain and an endpoint of its own. The library registers the mems there, and a peer
 * that only uses libfabric reads and writes them. The provider is the argument.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "fabric_test.h"
#include "raw.h"

#define PAGES (BIG / PAGE)
/* On a loaded machine a transfer may be over too early. A test tries again at most so often. */
#define TURNS_MAX 50

static const char *provider;
static struct raw mine, peer;
static struct coherent_device *dev;
static struct log reports;

#define OPEN(...)                                                                                  \
	coherent_device_open(&dev, device_name(), .domain = mine.domain, .domain_info = mine.info, \
			     .report = log_report, .report_arg = &reports, ##__VA_ARGS__)

static const char *device_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "fabric:%s", provider);
	return name;
}

static void open_with(int mr_mode)
{
	reports = (struct log)LOG_EMPTY;
	raw_open(&mine, provider, mr_mode);
	raw_open(&peer, provider, 0);
	assert_ok(OPEN());
}

static int set_up(void **state)
{
	(void)state;
	open_with(0);
	return 0;
}

/* The domain closes only if the library has left nothing in it. */
static int tear_down(void **state)
{
	(void)state;
	coherent_device_close(dev);
	dev = NULL;
	raw_close(&peer);
	raw_close(&mine);
	assert_false(log_has(&reports, "not freed"));
	return 0;
}

static void begin(const union any_mem *mem, bool is_write, void *local, size_t bytes)
{
	struct coherent_remote remote;

	assert_ok(coherent_remote(mem, &remote));
	assert_int_equal(le64toh(remote.bytes), (coherent_count(mem) + PAGE - 1) & -PAGE);
	raw_begin(&peer, &mine, is_write, local, bytes, le64toh(remote.address),
		  le64toh(remote.key));
}

static int transfer(const union any_mem *mem, bool is_write, void *local, size_t bytes)
{
	begin(mem, is_write, local, bytes);
	return raw_end(&peer, &mine);
}

static uint8_t *place_of(const union any_mem *mem)
{
	return (uint8_t *)(uintptr_t)mem->base.va;
}

/* --- What a peer reaches --- */

static void peer_reads_and_writes_by_key(void **state)
{
	ANY_MEM_AUTO(mem);
	uint8_t bytes[PAGE], byte;

	(void)state;
	assert_int_equal(coherent_device_level(dev), COHERENT_PEER);
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	memset(bytes, 0x22, PAGE);
	assert_ok(transfer(&mem, true, bytes, 100));
	assert_ok(transfer(&mem, false, bytes, PAGE));
	assert_true(is_all(bytes, 0x22, 100) && is_all(bytes + 100, 0, PAGE - 100));
	assert_ok(coherent_read(&mem, 99, &byte));
	assert_int_equal(byte, 0x22);
}

static void peer_does_not_reach_what_was_reclaimed(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;
	uint8_t byte = 0x77;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_ok(coherent_reclaim(&mem, &box));
	raw_begin(&peer, &mine, false, &byte, 1, le64toh(remote.address), le64toh(remote.key));
	assert_int_not_equal(raw_end(&peer, &mine), 0);
	assert_int_equal(byte, 0x77);
}

static void peer_does_not_write_what_is_read_only(void **state)
{
	ANY_MEM_AUTO(mem);
	uint8_t byte = 0x77;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE, .permission = COHERENT_READ_ONLY));
	assert_ok(transfer(&mem, false, &byte, 1));
	assert_int_equal(byte, 0);
	byte = 0x77;
	/* A provider may say that a refused write succeeded, so the memory tells. */
	(void)!transfer(&mem, true, &byte, 1);
	for (unsigned int i = 0; i < 1000; i++)
		raw_progress(&mine);
	assert_int_equal(place_of(&mem)[0], 0);
}

/* The program chose modes with which the provider counts addresses and keys in another way. */
static void other_modes_of_registrations_work(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_remote remote;
	uint8_t byte;

	(void)state;
	open_with(FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY);
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	place_of(&mem)[PAGE - 1] = 0x33;
	assert_ok(coherent_remote(&mem, &remote));
	assert_int_equal(le64toh(remote.address), (uintptr_t)place_of(&mem));
	/* The layer ofi_rxm does not pass modes on that were not asked for. */
	if (strcmp(provider, "tcp")) {
		raw_begin(&peer, &mine, false, &byte, 1, le64toh(remote.address) + PAGE - 1,
			  le64toh(remote.key));
		assert_ok(raw_end(&peer, &mine));
		assert_int_equal(byte, 0x33);
	}
	coherent_free(&mem);
	assert_ok(tear_down(NULL));
}

/* --- In flight --- */

/* Repeats a try until it returns that the transfer was still in flight. */
static void until_in_flight(bool (*try)(uint8_t *local), uint8_t fill)
{
	uint8_t *local = malloc(BIG);
	bool was_in_flight = false;

	assert_non_null(local);
	for (unsigned int turn = 0; turn < TURNS_MAX && !was_in_flight; turn++) {
		memset(local, fill, BIG);
		assert_ok(set_up(NULL));
		was_in_flight = try(local);
		assert_ok(tear_down(NULL));
	}
	free(local);
	assert_true(was_in_flight);
}

static void until_arrived(const volatile uint8_t *at, uint8_t byte)
{
	while (at[PAGE - 1] != byte) {
		raw_progress(&peer);
		raw_progress(&mine);
	}
}

/* A write is over for the peer when it was sent, so all that was sent has to arrive, too. */
static void end_write(const volatile uint8_t *at, uint8_t byte)
{
	(void)!raw_end(&peer, &mine);
	for (unsigned int i = 0; i < 100000 && at[BIG - 1] != byte; i++)
		raw_progress(&mine);
}

static size_t pages_of(const uint8_t *at, uint8_t byte)
{
	size_t count = 0;

	for (size_t i = 0; i < PAGES; i++)
		count += at[i * PAGE + PAGE - 1] == byte;
	return count;
}

static bool write_during_reclaim(uint8_t *local)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);
	uint8_t *old;
	size_t then;

	assert_ok(coherent_zeroed(&mem, dev, BIG));
	old = place_of(&mem);
	begin(&mem, true, local, BIG);
	until_arrived(old, 0xaa);
	assert_ok(coherent_reclaim(&mem, &box));
	then = pages_of(coherent_box_ptr(&box), 0xaa);
	end_write(old, 0xaa);
	printf("# reclaim: %zu of %zu pages had arrived, and then %zu\n", then, PAGES,
	       pages_of(coherent_box_ptr(&box), 0xaa));
	assert_int_equal(pages_of(coherent_box_ptr(&box), 0xaa), then);
	/* The write went on where the mem was. */
	return then < PAGES && old[BIG - 1] == 0xaa;
}

static void write_does_not_reach_the_box(void **state)
{
	(void)state;
	until_in_flight(write_during_reclaim, 0xaa);
}

static bool read_during_reclaim(uint8_t *local)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	ANY_MEM_AUTO(mem);

	assert_ok(coherent_zeroed(&mem, dev, BIG));
	memset(place_of(&mem), 0x11, BIG);
	begin(&mem, false, local, BIG);
	until_arrived(local, 0x11);
	assert_ok(coherent_reclaim(&mem, &box));
	memset(coherent_box_ptr(&box), 0xee, BIG);
	(void)!raw_end(&peer, &mine);
	assert_int_equal(pages_of(local, 0xee), 0);
	return pages_of(local, 0x11) < PAGES;
}

static void read_does_not_get_later_contents(void **state)
{
	(void)state;
	until_in_flight(read_during_reclaim, 0x77);
}

static bool is_mapped(void *at)
{
	unsigned char resident;

	return !mincore(at, PAGE, &resident);
}

/* The endpoint is not the library's, so the write goes on after the close of the device. */
static bool write_during_close(uint8_t *local)
{
	union any_mem mem = COHERENT_EMPTY;
	uint8_t *old;

	assert_ok(coherent_zeroed(&mem, dev, BIG));
	old = place_of(&mem);
	begin(&mem, true, local, BIG);
	until_arrived(old, 0xaa);
	coherent_free(&mem);
	coherent_device_close(dev);
	dev = NULL;
	assert_true(log_has(&reports, "addresses of its memory stay in use"));
	assert_true(is_mapped(old) && is_mapped(old + BIG - PAGE));
	end_write(old, 0xaa);
	return old[BIG - 1] == 0xaa;
}

static void write_at_the_close_reaches_nothing_else(void **state)
{
	(void)state;
	until_in_flight(write_during_close, 0xaa);
}

/* Its endpoint is closed, so the program can say that nothing is in flight. */
static void fence_gives_the_addresses_back(void **state)
{
	union any_mem mem = COHERENT_EMPTY;
	struct coherent_stats stats;
	uint8_t byte, *old;

	(void)state;
	/* The open warns of some providers. */
	log_clear(&reports);
	assert_ok(coherent_zeroed(&mem, dev, BIG));
	old = place_of(&mem);
	assert_ok(transfer(&mem, false, &byte, 1));
	coherent_free(&mem);
	raw_close_endpoint(&mine);
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.waiting, 1);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_device_stats(dev, &stats));
	assert_int_equal(stats.waiting, 0);
	coherent_device_close(dev);
	dev = NULL;
	assert_string_equal(reports.text, "");
	assert_false(is_mapped(old));
}

/* A mem that still exists at the fence may be used by the next transfer. */
static void fence_before_the_free_is_too_early(void **state)
{
	union any_mem mem = COHERENT_EMPTY;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_device_fence(dev));
	coherent_free(&mem);
	coherent_device_close(dev);
	dev = NULL;
	assert_true(log_has(&reports, "addresses of its memory stay in use"));
}

/* --- The close --- */

static void close_leaves_the_domain_usable(void **state)
{
	union any_mem mem = COHERENT_EMPTY, later = COHERENT_EMPTY;
	struct coherent_remote remote;
	struct fid_mr *mr;
	uint8_t source[16] = "of the program", bytes[16] = "", byte = 0x77;

	(void)state;
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	coherent_device_close(dev);
	assert_err(coherent_remote(&mem, &remote), -ENODEV);
	assert_ok(
		fi_mr_reg(mine.domain, source, sizeof(source), FI_REMOTE_READ, 0, 5, 0, &mr, NULL));
	raw_begin(&peer, &mine, false, bytes, sizeof(bytes), 0, 5);
	assert_ok(raw_end(&peer, &mine));
	assert_memory_equal(bytes, source, sizeof(source));
	assert_ok(fi_close(&mr->fid));
	/* Another device can use it, while a mem of the first one still exists. */
	assert_ok(OPEN());
	assert_ok(coherent_zeroed(&later, dev, PAGE));
	assert_ok(transfer(&later, false, &byte, 1));
	assert_int_equal(byte, 0);
	coherent_free(&later);
	raw_begin(&peer, &mine, false, bytes, 1, le64toh(remote.address), le64toh(remote.key));
	assert_int_not_equal(raw_end(&peer, &mine), 0);
	coherent_free(&mem);
	reports = (struct log)LOG_EMPTY;
}

/* Two devices may share a domain: each has keys of its own. */
static void devices_can_share_a_domain(void **state)
{
	COHERENT_DEVICE_AUTO(other);
	ANY_MEM_AUTO(a);
	ANY_MEM_AUTO(b);
	uint8_t byte;

	(void)state;
	assert_ok(coherent_device_open(&other, device_name(), .domain = mine.domain,
				       .domain_info = mine.info));
	assert_ok(coherent_zeroed(&a, dev, PAGE));
	assert_ok(coherent_zeroed(&b, other, PAGE));
	place_of(&a)[0] = 0x0a;
	place_of(&b)[0] = 0x0b;
	assert_ok(transfer(&a, false, &byte, 1));
	assert_int_equal(byte, 0x0a);
	assert_ok(transfer(&b, false, &byte, 1));
	assert_int_equal(byte, 0x0b);
	coherent_free(&a);
	assert_ok(transfer(&b, false, &byte, 1));
	coherent_free(&b);
}

/* --- Calls of the library on such a device --- */

static void calls_for_an_own_endpoint_are_refused(void **state)
{
	struct coherent_fabric_name name = { .bytes = 0 };
	struct coherent_fabric_peer *none;

	(void)state;
	assert_err(coherent_fabric_connect(&none, dev, &name), -EOPNOTSUPP);
	assert_null(none);
	assert_true(log_has(&reports, "fi_read() and fi_write()"));
	assert_err(coherent_fabric_progress(dev, 0), -EOPNOTSUPP);
	assert_true(log_has(&reports, "completion queue"));
	assert_err(coherent_fabric_get_name(dev, &name), -EOPNOTSUPP);
	assert_true(log_has(&reports, "without .endpoint"));
	assert_err(coherent_device_reset(dev), -EIO);
	assert_true(log_has(&reports, "endpoints are the caller's"));
}

static atomic_bool is_served;

static void *serve(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_served))
		raw_progress(&mine);
	return NULL;
}

/* A peer that has the library needs a name. The endpoint of the program has one. */
static void peer_with_the_library_connects_by_name(void **state)
{
	ANY_MEM_AUTO(mem);
	ANY_MEM_AUTO(local);
	COHERENT_DEVICE_AUTO(theirs);
	struct coherent_fabric_name name;
	struct coherent_fabric_peer *target;
	struct coherent_remote remote;
	char text[96];
	pthread_t thread;
	int err;

	(void)state;
	coherent_device_close(dev);
	assert_ok(OPEN(.endpoint = mine.endpoint));
	assert_ok(coherent_fabric_get_name(dev, &name));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	place_of(&mem)[0] = 0x44;
	assert_ok(coherent_remote(&mem, &remote));
	snprintf(text, sizeof(text), "%s,node=127.0.0.1", device_name());
	assert_ok(coherent_device_open(&theirs, text));
	assert_ok(coherent_zeroed(&local, theirs, PAGE));
	assert_ok(coherent_fabric_connect(&target, theirs, &name));
	atomic_store(&is_served, false);
	assert_ok(pthread_create(&thread, NULL, serve, NULL));
	err = coherent_fabric_read(target, &remote, &local, LONG);
	atomic_store(&is_served, true);
	assert_ok(pthread_join(thread, NULL));
	assert_ok(err);
	assert_int_equal(place_of(&local)[0], 0x44);
	coherent_fabric_disconnect(target);
	coherent_free(&local);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peer_reads_and_writes_by_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(peer_does_not_reach_what_was_reclaimed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(peer_does_not_write_what_is_read_only, set_up,
						tear_down),
		cmocka_unit_test(other_modes_of_registrations_work),
		cmocka_unit_test(write_does_not_reach_the_box),
		cmocka_unit_test(read_does_not_get_later_contents),
		cmocka_unit_test(write_at_the_close_reaches_nothing_else),
		cmocka_unit_test_setup_teardown(fence_gives_the_addresses_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fence_before_the_free_is_too_early, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(close_leaves_the_domain_usable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(devices_can_share_a_domain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_for_an_own_endpoint_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(peer_with_the_library_connects_by_name, set_up,
						tear_down),
	};

	provider = provider_of(argc, argv);
	return provider ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
