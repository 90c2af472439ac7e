// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * These tests give memory to a peer of vfio-user as files. The peer maps them, and its transfers need
 * no message. The peers refuse memory without a file.
 */
#include <coherent/share.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../src/device/device.h"
#include "../../src/vfio_user/peer.h"
#include "vfio_user_test.h"

#define BYTES ((size_t)4096)

static void open_with_files(void)
{
	const int err = try_peer_with(",files,timeout=5000");

	if (err)
		print_error("%s\n", reports.text);
	assert_ok(err);
	assert_ok(coherent_bar_open(&bar, dev, 0));
}

static void prepare(const char *more)
{
	peer = peer_new();
	peer->no_dma = true;
	peer->more = more;
	peer_start(peer);
}

static void start(void **state)
{
	(void)state;
	prepare("");
	open_with_files();
}

static unsigned int messages_of_transfers(void)
{
	return peer->id;
}

/* --- What the peer has --- */

static void peer_maps_only_what_is_exposed(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	uint64_t address;
	unsigned int asked;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	coherent_box_ptr(&box)[BYTES - 1] = 1;
	assert_int_equal(peer->maps.count, 0);
	assert_ok(coherent_expose(&box, &mem));
	assert_int_equal(peer->maps.count, 1);
	address = coherent_addr(&mem).raw;
	asked = messages_of_transfers();
	assert_ok(transfer(PEER_READ, address, BYTES));
	assert_int_equal(peer->buffer[BYTES - 1], 1);
	peer->buffer[0] = 2;
	assert_ok(transfer(PEER_WRITE, address, BYTES));
	assert_err(coherent_reclaim(&mem, &box), -EBUSY);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(peer->maps.count, 0);
	assert_int_equal(coherent_box_ptr(&box)[0], 2);
	assert_int_equal(coherent_box_ptr(&box)[BYTES - 1], 1);
	/* Now the peer has to ask, and is refused. */
	assert_int_equal(transfer(PEER_READ, address, 1), EFAULT);
	assert_true(messages_of_transfers() > asked);
}

/* The driver says .idle although a transfer is in flight. */
static void transfer_in_flight_does_not_reach_a_box(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	char *kept;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_ok(coherent_expose(&box, &mem));
	kept = peer_maps_keep(&peer->maps);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	memset(kept, 0x5a, BYTES);
	assert_int_equal(coherent_box_ptr(&box)[0], 0);
	assert_ok(coherent_expose(&box, &mem));
	memset(kept, 0x5a, BYTES);
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
	assert_int_equal(peer->buffer[0], 0);
	munmap(kept, BYTES);
}

static void nothing_leaks(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	unsigned int fds;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, 3 * BYTES));
	fds = open_files(getpid());
	for (unsigned int turn = 0; turn < 300; turn++) {
		coherent_box_ptr(&box)[turn] = (uint8_t)turn;
		assert_ok(coherent_expose(&box, &mem));
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_ptr(&box)[turn], (uint8_t)turn);
	}
	assert_int_equal(open_files(getpid()), fds);
}

/* The memory of an object is in a file while the peer reaches it. */
static void memory_is_not_shared(void **state)
{
	COHERENT_TWIN_AUTO(uint8_t, twin);
	COHERENT_AUTO(uint8_t, mem);
	COHERENT_DEVICE_AUTO(other);

	start(state);
	assert_ok(coherent_device_open(&other, "sim:ring"));
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_err(coherent_share(&mem, other, &twin), -EOPNOTSUPP);
	assert_true(log_has(&reports, "use sim:, vfio-user:, or vfio: or iommufd: with an IOMMU"));
}

/* --- Read-only memory --- */

/* The file is sealed, so even a peer that ignores the flags of DMA_MAP cannot write to it. */
static void read_only_file_cannot_be_written(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	char path[64];
	int fd, again;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_ok(coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY));
	fd = peer->maps.maps[0].fd;
	assert_true(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(errno, EPERM);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	assert_int_equal(pwrite(again, "x", 1, 0), -1);
	close(again);
	assert_true(mprotect(peer->maps.maps[0].va, BYTES, PROT_READ | PROT_WRITE) != 0);
	/* The driver still writes, and the device reads that. */
	assert_ok(coherent_write(&mem, 0, 7));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
	assert_int_equal(peer->buffer[0], 7);
	assert_int_equal(transfer(PEER_WRITE, coherent_addr(&mem).raw, 1), EFAULT);
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_int_equal(coherent_box_ptr(&box)[0], 7);
}

/* --- Messages --- */

static void messages_get_the_usual_answers(void **state)
{
	COHERENT_AUTO(uint8_t, mem);
	struct coherent_fault fault;
	uint64_t address;

	start(state);
	peer->asks = true;
	assert_ok(coherent_zeroed(&mem, dev, 101));
	address = coherent_addr(&mem).raw;
	memset(peer->buffer, 9, 101);
	assert_ok(transfer(PEER_WRITE, address, 101));
	assert_int_equal(transfer(PEER_WRITE, address + 100, 2), EFAULT);
	assert_ok(coherent_device_next_fault(dev, &fault));
	assert_int_equal(fault.address, address + 101);
	assert_non_null(strstr(fault.text, "files.c"));
	/* A message wrote to the file that the peer has mapped. */
	peer->asks = false;
	memset(peer->buffer, 0, 101);
	assert_ok(transfer(PEER_READ, address, 101));
	assert_int_equal(peer->buffer[100], 9);
	/* Freed memory is out of reach of messages at once, although the peer has the file. */
	peer->asks = true;
	coherent_free(&mem);
	assert_int_equal(peer->maps.count, 1);
	assert_int_equal(transfer(PEER_READ, address, 1), EFAULT);
}

/* --- Fence --- */

static void freed_memory_waits_for_a_fence(void **state)
{
	COHERENT_AUTO(uint8_t, freed);
	COHERENT_AUTO(uint8_t, mem);
	uint64_t address;

	start(state);
	assert_ok(coherent_zeroed(&freed, dev, BYTES));
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_ok(coherent_write(&mem, 0, 3));
	address = coherent_addr(&freed).raw;
	coherent_free(&freed);
	assert_int_equal(peer->maps.count, 2);
	assert_ok(transfer(PEER_WRITE, address, BYTES));
	assert_int_equal(peer->seen[VFIO_USER_DMA_UNMAP], 0);
	assert_ok(coherent_device_fence(dev));
	assert_int_equal(peer->seen[VFIO_USER_DEVICE_RESET], 1);
	assert_int_equal(peer->seen[VFIO_USER_DMA_UNMAP], 1);
	assert_int_equal(peer->maps.count, 1);
	assert_int_equal(transfer(PEER_WRITE, address, BYTES), EFAULT);
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
	assert_int_equal(peer->buffer[0], 3);
}

/* A peer that keeps the file of freed memory does not see what the pages hold next. */
static void pages_of_freed_memory_are_private_after_a_fence(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);
	const void *place;
	char *kept;

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	place = coherent_box_ptr(&box);
	assert_ok(coherent_expose(&box, &mem));
	kept = peer_maps_keep(&peer->maps);
	coherent_free(&mem);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_ptr_equal(coherent_box_ptr(&box), place);
	memset(kept, 0x5a, BYTES);
	assert_int_equal(coherent_box_ptr(&box)[0], 0);
	munmap(kept, BYTES);
}

/* --- Peers that take no more --- */

static void regions_run_out_until_a_fence(void **state)
{
	COHERENT(uint8_t) mems[3] = { COHERENT_EMPTY };
	struct coherent_limits limits;

	(void)state;
	prepare(",\"max_dma_maps\": 2");
	open_with_files();
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(limits.mappings, 2);
	assert_false(limits.unmap_is_fence);
	assert_ok(coherent_zeroed(&mems[0], dev, 1));
	assert_ok(coherent_zeroed(&mems[1], dev, 1));
	assert_err(coherent_zeroed(&mems[2], dev, 1), -ENOSPC);
	assert_true(log_has(&reports, "all 2 mappings are in use"));
	coherent_free(&mems[0]);
	assert_err(coherent_zeroed(&mems[2], dev, 1), -ENOSPC);
	assert_ok(coherent_device_fence(dev));
	assert_ok(coherent_zeroed(&mems[2], dev, 1));
	coherent_free(&mems[1]);
	coherent_free(&mems[2]);
}

/* A write above the limit would raise SIGXFSZ, which ends the program. */
static void limit_of_files_is_a_lack_of_memory(void **state)
{
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	struct rlimit before, small;

	start(state);
	assert_ok(getrlimit(RLIMIT_FSIZE, &before));
	small = (struct rlimit){ .rlim_cur = BYTES, .rlim_max = before.rlim_max };
	assert_ok(setrlimit(RLIMIT_FSIZE, &small));
	assert_err(coherent_zeroed(&mem, dev, BYTES + 1), -ENOMEM);
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_ok(setrlimit(RLIMIT_FSIZE, &before));
	coherent_free(&mem);
}

static void peer_must_take_a_region(void **state)
{
	(void)state;
	prepare(",\"max_dma_maps\": 0");
	assert_err(try_peer_with(",files"), -EOPNOTSUPP);
	assert_true(log_has(&reports, "0 regions of memory (max_dma_maps), which is none"));
}

static void refused_region_is_a_lack_of_regions(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	peer->command = VFIO_USER_DMA_MAP;
	peer->misdeed = REFUSAL;
	assert_err(coherent_zeroed(&mem, dev, BYTES, .attrs = COHERENT_ATTR_NO_WARN), -ENOSPC);
	assert_int_equal(reports.count, 0);
	assert_err(coherent_zeroed(&mem, dev, BYTES), -ENOSPC);
	assert_true(log_has(&reports, "the peer refused DMA_MAP: Operation not permitted"));
	assert_false(log_has(&reports, "mappings are in use"));
	peer->misdeed = NOTHING;
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
}

static void refused_removal_ends_the_connection(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_box_zeroed(&box, dev, BYTES));
	assert_ok(coherent_expose(&box, &mem));
	peer->command = VFIO_USER_DMA_UNMAP;
	peer->misdeed = REFUSAL;
	assert_ok(coherent_reclaim(&mem, &box, .idle = true));
	assert_true(log_has(&reports, "the peer refused DMA_UNMAP"));
	assert_int_equal(coherent_bar_read32(bar, PEER_ID), UINT32_MAX);
	peer->misdeed = NOTHING;
	assert_ok(coherent_device_reset(dev));
	assert_ok(coherent_expose(&box, &mem));
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
}

/* --- Lost connections --- */

static void hang_up(void)
{
	peer_hang_up(peer);
	while (coherent_bar_read32(bar, PEER_ID) != UINT32_MAX)
		;
}

static void new_connection_gets_what_is_exposed(void **state)
{
	COHERENT_BOX_AUTO(uint8_t, box);
	COHERENT_AUTO(uint8_t, none);
	COHERENT_AUTO(uint8_t, freed);
	COHERENT_AUTO(uint8_t, first);
	COHERENT_AUTO(uint8_t, second);

	start(state);
	assert_ok(coherent_zeroed(&freed, dev, BYTES));
	assert_ok(coherent_zeroed(&first, dev, BYTES));
	assert_ok(coherent_zeroed(&second, dev, BYTES));
	assert_ok(coherent_box_zeroed(&box, dev, 1));
	coherent_free(&freed);
	hang_up();
	assert_err(coherent_zeroed(&none, dev, 1), -ENODEV);
	/* The driver can use the memory and reclaim it. */
	assert_ok(coherent_write(&first, 0, 4));
	coherent_box_free(&box);
	assert_ok(coherent_reclaim(&second, &box, .idle = true));
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(peer->maps.count, 1);
	assert_ok(transfer(PEER_READ, coherent_addr(&first).raw, BYTES));
	assert_int_equal(peer->buffer[0], 4);
}

/* The next look of the library at the connection is the last moment at which the peer is there. */
static bool hangs_up_after_a_look;

bool __real_vfio_user_peer_is_there_locked(struct vfio_user *user);
bool __wrap_vfio_user_peer_is_there_locked(struct vfio_user *user);
bool __wrap_vfio_user_peer_is_there_locked(struct vfio_user *user)
{
	const bool is_there = __real_vfio_user_peer_is_there_locked(user);

	if (hangs_up_after_a_look)
		peer_hang_up(peer);
	hangs_up_after_a_look = false;
	return is_there;
}

static void peer_may_hang_up_during_a_reset(void **state)
{
	COHERENT_AUTO(uint8_t, freed);
	COHERENT_AUTO(uint8_t, mem);

	start(state);
	assert_ok(coherent_zeroed(&freed, dev, BYTES));
	assert_ok(coherent_zeroed(&mem, dev, BYTES));
	coherent_free(&freed);
	hangs_up_after_a_look = true;
	assert_err(coherent_device_reset(dev), -ENODEV);
	assert_ok(coherent_device_reset(dev));
	assert_int_equal(peer->maps.count, 1);
	assert_int_equal(peer->seen[VFIO_USER_DMA_UNMAP], 0);
	assert_ok(transfer(PEER_READ, coherent_addr(&mem).raw, BYTES));
}

/* A close begins with this, and then waits for a thread that uses the connection. */
static void no_fence_connects_during_a_close(void **state)
{
	start(state);
	vfio_user_peer_wake((struct vfio_user *)dev->backend);
	assert_err(coherent_device_fence(dev), -ENODEV);
	assert_int_equal(peer->seen[VFIO_USER_VERSION], 1);
}

static void new_connection_must_take_all(void **state)
{
	COHERENT_AUTO(uint8_t, first);
	COHERENT_AUTO(uint8_t, second);

	start(state);
	assert_ok(coherent_zeroed(&first, dev, BYTES));
	assert_ok(coherent_zeroed(&second, dev, BYTES));
	hang_up();
	peer->more = ",\"max_dma_maps\":1";
	assert_err(coherent_device_reset(dev), -EOPNOTSUPP);
	assert_true(log_has(&reports, "1 regions of memory (max_dma_maps), which is less than"));
	peer->more = "";
	peer->command = VFIO_USER_DMA_MAP;
	peer->misdeed = REFUSAL;
	assert_err(coherent_device_reset(dev), -EIO);
	peer->misdeed = NOTHING;
	assert_ok(coherent_device_reset(dev));
	assert_ok(transfer(PEER_READ, coherent_addr(&second).raw, BYTES));
}

static void peer_that_does_not_answer_is_lost(void **state)
{
	COHERENT_AUTO(uint8_t, mem);

	(void)state;
	prepare("");
	assert_ok(try_peer_with(",files,timeout=2000"));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	peer->command = VFIO_USER_DMA_MAP;
	peer->misdeed = SILENCE;
	assert_err(coherent_zeroed(&mem, dev, BYTES), -ETIMEDOUT);
	assert_true(log_has(&reports, "did not answer in time (DMA_MAP)"));
	assert_err(coherent_zeroed(&mem, dev, BYTES), -ENODEV);
}

static void pages_cannot_be_chosen(void **state)
{
	char name[128];

	(void)state;
	prepare("");
	reports = (struct log)LOG_EMPTY;
	snprintf(name, sizeof(name), "vfio-user:%s,files", peer->path);
	assert_err(coherent_device_open(&dev, name, .hugepages = true, .report = log_report,
					.report_arg = &reports),
		   -EOPNOTSUPP);
	assert_true(log_has(&reports, "because its memory is files"));
}

/* --- Threads --- */

static void *expose_and_reclaim(void *arg)
{
	(void)arg;
	for (unsigned int turn = 0; turn < 100; turn++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		COHERENT_AUTO(uint8_t, mem);

		assert_ok(coherent_box_zeroed(&box, dev, BYTES));
		coherent_box_ptr(&box)[0] = 1;
		assert_ok(coherent_expose(&box, &mem));
		/* The device asks, so each transfer is copied or refused as the mem comes and goes. */
		(void)peer_transfer(peer, VFIO_USER_DMA_READ, coherent_addr(&mem).raw, BYTES);
		assert_ok(coherent_reclaim(&mem, &box, .idle = true));
		assert_int_equal(coherent_box_ptr(&box)[0], 1);
	}
	return NULL;
}

static void threads_share_a_device(void **state)
{
	pthread_t threads[3];

	start(state);
	peer->asks = true;
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_create(&threads[i], NULL, expose_and_reclaim, NULL));
	for (unsigned int turn = 0; turn < 20; turn++) {
		assert_int_equal(coherent_bar_read32(bar, PEER_ID), PEER_MAGIC);
		assert_ok(coherent_device_fence(dev));
	}
	for (size_t i = 0; i < 3; i++)
		assert_ok(pthread_join(threads[i], NULL));
	assert_int_equal(peer->maps.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(peer_maps_only_what_is_exposed, stop_peer),
		cmocka_unit_test_teardown(transfer_in_flight_does_not_reach_a_box, stop_peer),
		cmocka_unit_test_teardown(nothing_leaks, stop_peer),
		cmocka_unit_test_teardown(memory_is_not_shared, stop_peer),
		cmocka_unit_test_teardown(read_only_file_cannot_be_written, stop_peer),
		cmocka_unit_test_teardown(messages_get_the_usual_answers, stop_peer),
		cmocka_unit_test_teardown(freed_memory_waits_for_a_fence, stop_peer),
		cmocka_unit_test_teardown(pages_of_freed_memory_are_private_after_a_fence,
					  stop_peer),
		cmocka_unit_test_teardown(regions_run_out_until_a_fence, stop_peer),
		cmocka_unit_test_teardown(limit_of_files_is_a_lack_of_memory, stop_peer),
		cmocka_unit_test_teardown(peer_must_take_a_region, stop_peer),
		cmocka_unit_test_teardown(refused_region_is_a_lack_of_regions, stop_peer),
		cmocka_unit_test_teardown(refused_removal_ends_the_connection, stop_peer),
		cmocka_unit_test_teardown(new_connection_gets_what_is_exposed, stop_peer),
		cmocka_unit_test_teardown(peer_may_hang_up_during_a_reset, stop_peer),
		cmocka_unit_test_teardown(no_fence_connects_during_a_close, stop_peer),
		cmocka_unit_test_teardown(new_connection_must_take_all, stop_peer),
		cmocka_unit_test_teardown(peer_that_does_not_answer_is_lost, stop_peer),
		cmocka_unit_test_teardown(pages_cannot_be_chosen, stop_peer),
		cmocka_unit_test_teardown(threads_share_a_device, stop_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
