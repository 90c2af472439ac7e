// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * This test shows why reclaim needs .idle with vhost-user, and why freed memory waits for a fence.
 * It sends the protocol's messages without the library. QEMU's storage daemon then overwrites
 * memory that no request named. Another test shows that this cannot happen with the library.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../examples/blk.h"
#include "../../examples/qsd.h"
#include "../../src/base/sys.h"
#include "../../src/base/sys_socket.h"
#include "../../src/vhost_user/message.h"
#include "../test.h"

#define DIRT 0x5a
#define READS 16
#define READS_A_SECOND 20
#define DEADLINE sys_deadline_ns(LONG)

/* Memory that the test shares itself. Its device address is also its user address. */
struct memory {
	int fd;
	void *va;
	size_t bytes;
	uint64_t address;
};

static int connection;

static void make_memory(struct memory *memory, size_t bytes, uint64_t address)
{
	*memory = (struct memory){ .bytes = bytes, .address = address };
	assert_ok(sys_memfd("coherent", &memory->fd));
	assert_ok(ftruncate(memory->fd, (off_t)bytes));
	assert_ok(sys_map_file(memory->fd, 0, bytes, &memory->va));
}

static void free_memory(struct memory *memory)
{
	sys_unmap(memory->va, memory->bytes);
	close(memory->fd);
}

static void send_message(struct vhost_user_message message, const int *fd)
{
	struct vhost_user_answers answers = { .fd = connection, .deadline_ns = DEADLINE };
	struct vhost_user_message both[] = { message, { .request = VHOST_USER_GET_FEATURES } };
	struct vhost_user_message answer;

	assert_ok(vhost_user_message_send(connection, both, 2, fd, !!fd, answers.deadline_ns));
	assert_ok(vhost_user_message_receive(&answers, VHOST_USER_GET_FEATURES, &answer, 8, 8));
}

static void send_u64(enum vhost_user_request request, uint64_t value, const int *fd)
{
	send_message((struct vhost_user_message){ .request = request, .bytes = 8, .u64 = value },
		     fd);
}

static void send_state(enum vhost_user_request request, uint32_t number)
{
	send_message((struct vhost_user_message){ .request = request,
						  .bytes = 8,
						  .state = { 0, number } },
		     NULL);
}

static void send_region(enum vhost_user_request request, const struct memory *memory)
{
	send_message(
		(struct vhost_user_message){
			.request = request,
			.bytes = 40,
			.region.region = { memory->address, memory->bytes, memory->address, 0 },
		},
		request == VHOST_USER_ADD_MEM_REG ? &memory->fd : NULL);
}

static void start_queue(const struct memory *rings, int kick, int call)
{
	send_state(VHOST_USER_SET_VRING_NUM, BLK_ENTRIES);
	send_state(VHOST_USER_SET_VRING_BASE, 0);
	send_message((struct vhost_user_message){
		    .request = VHOST_USER_SET_VRING_ADDR,
		    .bytes = 40,
		    .rings = {
			    .desc = rings->address + offsetof(struct blk_queue, desc),
			    .avail = rings->address + offsetof(struct blk_queue, avail),
			    .used = rings->address + offsetof(struct blk_queue, used),
		    } },
	    NULL);
	send_u64(VHOST_USER_SET_VRING_CALL, 0, &call);
	send_u64(VHOST_USER_SET_VRING_KICK, 0, &kick);
	send_state(VHOST_USER_SET_VRING_ENABLE, 1);
}

static void start_reads(const struct memory *rings, const struct memory *to, int kick)
{
	struct blk_queue *queue = rings->va;

	for (uint16_t i = 0; i < READS; i++) {
		const uint16_t first = 3 * i;
		const uint64_t headers = offsetof(struct blk_queue, headers);
		const uint64_t status = offsetof(struct blk_queue, status);

		queue->headers[i].type.raw = VIRTIO_BLK_T_IN;
		queue->desc[first] = (struct blk_desc){ { rings->address + headers +
							  i * sizeof(struct blk_header) },
							{ sizeof(struct blk_header) },
							{ VRING_DESC_F_NEXT },
							{ (uint16_t)(first + 1) } };
		queue->desc[first + 1] =
			(struct blk_desc){ { to->address + i * PAGE },
					   { PAGE },
					   { VRING_DESC_F_NEXT | VRING_DESC_F_WRITE },
					   { (uint16_t)(first + 2) } };
		queue->desc[first + 2] = (struct blk_desc){
			{ rings->address + status + i }, { 1 }, { VRING_DESC_F_WRITE }, { 0 }
		};
		queue->avail.ring[i].raw = first;
	}
	__atomic_store_n(&queue->avail.index.raw, READS, __ATOMIC_RELEASE);
	sys_eventfd_signal(kick);
}

static unsigned int finished(const struct memory *rings)
{
	return __atomic_load_n(&((struct blk_queue *)rings->va)->used.index.raw, __ATOMIC_ACQUIRE);
}

static void wait_for(const struct memory *rings, unsigned int count)
{
	const uint64_t deadline = DEADLINE;

	while (finished(rings) < count) {
		assert_true(sys_now_ns() < deadline);
		sys_sleep_ns(MS);
	}
}

static void connect_to_daemon(const char *path)
{
	connection = sys_connect(path, DEADLINE);
	assert_true(connection >= 0);
	send_u64(VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS, NULL);
	send_u64(VHOST_USER_SET_FEATURES, UINT64_C(1) << 32 | VHOST_USER_F_PROTOCOL_FEATURES, NULL);
	send_message((struct vhost_user_message){ .request = VHOST_USER_SET_OWNER }, NULL);
}

static int make_image(char *path)
{
	int fd = mkstemp(path);
	char dirt[PAGE];

	memset(dirt, DIRT, sizeof(dirt));
	for (off_t at = 0; at < 1 << 20; at += PAGE)
		assert_int_equal(pwrite(fd, dirt, PAGE, at), PAGE);
	return fd;
}

/* Returns how many pages the daemon overwrote; 0 if it finished before it lost the region. */
static unsigned int remove_region_during_reads(const char *image)
{
	struct memory rings, target, innocent;
	struct qsd qsd;
	unsigned int dirty = 0;
	int kick, call;

	assert_ok(qsd_start(&qsd, image, READS_A_SECOND, -1));
	connect_to_daemon(qsd.path);
	make_memory(&rings, 4 * PAGE, UINT64_C(1) << 32);
	make_memory(&target, READS * PAGE, UINT64_C(2) << 32);
	make_memory(&innocent, READS * PAGE, UINT64_C(3) << 32);
	send_region(VHOST_USER_ADD_MEM_REG, &rings);
	send_region(VHOST_USER_ADD_MEM_REG, &target);
	assert_ok(sys_eventfd(&kick));
	assert_ok(sys_eventfd(&call));
	start_queue(&rings, kick, call);
	start_reads(&rings, &target, kick);
	wait_for(&rings, 1);
	send_region(VHOST_USER_REM_MEM_REG, &target);
	send_region(VHOST_USER_ADD_MEM_REG, &innocent);
	wait_for(&rings, READS);
	for (size_t i = 0; i < READS; i++)
		dirty += *((char *)innocent.va + i * PAGE) == DIRT;
	close(connection);
	qsd_end(&qsd);
	free_memory(&rings);
	free_memory(&target);
	free_memory(&innocent);
	close(kick);
	close(call);
	return dirty;
}

static void removed_region_lets_the_daemon_overwrite_the_next(void **state)
{
	char image[SCRATCH_MAX];
	int fd = make_image(scratch(image, "test-raw-XXXXXX"));
	unsigned int dirty;

	(void)state;
	/* A loaded machine may run this process again only when all reads are done. */
	do
		dirty = remove_region_during_reads(image);
	while (!dirty);
	print_message("# %u of %d pages overwritten that no request named\n", dirty, READS);
	close(fd);
	unlink(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removed_region_lets_the_daemon_overwrite_the_next),
	};

	_Static_assert(sizeof(struct blk_queue) <= 4 * PAGE, "the rings have four pages");
	if (system("qemu-storage-daemon --version >/dev/null 2>&1")) {
		puts("1..1\nok 1 - vhost-user # SKIP there is no qemu-storage-daemon");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
