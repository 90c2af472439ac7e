// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * In these tests several threads use the library at the same time. With ThreadSanitizer they
 * test the rules for threads at the head of coherent.h.
 *
 * Only the main thread may use assertions. Other threads report a failure by their result.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "../src/device/device.h"
#include "test.h"

#define ENTRIES 64
#define REQUESTS 3000

/* --- Two threads on one ring --- */

struct queue {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	COHERENT(struct coherent_sim_ring_desc) descs;
	COHERENT(struct coherent_sim_ring_completion) completions;
	COHERENT_RING(struct coherent_sim_ring_desc) desc;
	COHERENT_RING(struct coherent_sim_ring_completion) completion;
	COHERENT(uint8_t) data[ENTRIES];
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	uint32_t completed;
	bool failed;
};

static void fail_queue(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->failed = true;
	pthread_cond_broadcast(&queue->cond);
	pthread_mutex_unlock(&queue->mutex);
}

/* Waits for a free slot. Returns false if the other thread has failed. */
static bool has_room(struct queue *queue, uint32_t tail)
{
	bool failed;

	pthread_mutex_lock(&queue->mutex);
	while (!queue->failed && tail - queue->completed == ENTRIES)
		pthread_cond_wait(&queue->cond, &queue->mutex);
	failed = queue->failed;
	pthread_mutex_unlock(&queue->mutex);
	return !failed;
}

/* Request n tells the device to sum n % 200 + 1 bytes of the value n, in a new mem. */
static int submit(struct queue *queue, uint32_t n)
{
	const uint32_t slot = n % ENTRIES;
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	int err;

	err = coherent_box_zeroed(&box, queue->dev, n % 200 + 1);
	if (err)
		return err;
	memset(coherent_box_ptr(&box), (uint8_t)n, coherent_box_count(&box));
	err = coherent_expose(&box, &queue->data[slot], .permission = COHERENT_READ_ONLY);
	if (err)
		return err;
	coherent_ring_put(&queue->desc, n, .src, coherent_addr(&queue->data[slot]).raw);
	coherent_ring_put(&queue->desc, n, .len, n % 200 + 1);
	coherent_ring_put(&queue->desc, n, .op, COHERENT_SIM_RING_SUM);
	coherent_ring_put_release(&queue->desc, n, .cookie, n);
	coherent_bar_write32(queue->bar, COHERENT_SIM_RING_TAIL, n + 1);
	return 0;
}

static void *submitter(void *arg)
{
	struct queue *queue = arg;

	for (uint32_t n = 0; n < REQUESTS && has_room(queue, n); n++)
		if (submit(queue, n)) {
			fail_queue(queue);
			break;
		}
	return NULL;
}

static int complete(struct queue *queue, uint32_t n)
{
	while (coherent_ring_get_acquire(&queue->completion, n, .seq) != n + 1) {
		int err = coherent_irq_wait(queue->irq, LONG);

		if (err)
			return err;
	}
	if (coherent_ring_get(&queue->completion, n, .cookie) != (uint16_t)n ||
	    coherent_ring_get(&queue->completion, n, .status) ||
	    coherent_ring_get(&queue->completion, n, .sum) != (n % 200 + 1) * (uint8_t)n)
		return -EBADMSG;
	/* The other thread made this mem. The device's completion hands it over to this thread. */
	coherent_free(&queue->data[n % ENTRIES]);
	pthread_mutex_lock(&queue->mutex);
	queue->completed = n + 1;
	pthread_cond_broadcast(&queue->cond);
	pthread_mutex_unlock(&queue->mutex);
	return 0;
}

static void *completer(void *arg)
{
	struct queue *queue = arg;

	for (uint32_t n = 0; n < REQUESTS; n++)
		if (complete(queue, n)) {
			fail_queue(queue);
			break;
		}
	return NULL;
}

static void two_threads_on_one_ring(void **state)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	pthread_t threads[2];

	(void)state;
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->cond, NULL);
	assert_ok(coherent_device_open(&queue->dev, "sim:ring"));
	assert_ok(coherent_bar_open(&queue->bar, queue->dev, 0));
	assert_ok(coherent_irq_open(&queue->irq, queue->dev, 0));
	assert_ok(coherent_zeroed(&queue->descs, queue->dev, ENTRIES,
				  .permission = COHERENT_READ_ONLY));
	assert_ok(coherent_zeroed(&queue->completions, queue->dev, ENTRIES));
	assert_ok(coherent_ring(&queue->descs, &queue->desc));
	assert_ok(coherent_ring(&queue->completions, &queue->completion));
	coherent_bar_write32(queue->bar, COHERENT_SIM_RING_ENTRIES, ENTRIES);
	coherent_bar_write64(queue->bar, COHERENT_SIM_RING_DESCS, coherent_addr(&queue->descs).raw);
	coherent_bar_write64(queue->bar, COHERENT_SIM_RING_COMPLETIONS,
			     coherent_addr(&queue->completions).raw);
	coherent_bar_write32(queue->bar, COHERENT_SIM_RING_RUN, 1);
	assert_ok(pthread_create(&threads[0], NULL, submitter, queue));
	assert_ok(pthread_create(&threads[1], NULL, completer, queue));
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_false(queue->failed);
	assert_int_equal(queue->completed, REQUESTS);
	assert_no_fault(queue->dev);
	coherent_free(&queue->descs);
	coherent_free(&queue->completions);
	coherent_irq_close(queue->irq);
	coherent_bar_close(queue->bar);
	coherent_device_close(queue->dev);
	free(queue);
}

/* --- Different objects of one device --- */

struct worker {
	struct coherent_device *dev;
	unsigned int id;
	int err;
};

static int work(struct worker *worker, unsigned int turn)
{
	const size_t count = 1 + (worker->id * 7 + turn) * 97 % 3000;
	COHERENT_AUTO(uint32_t, mem);
	COHERENT_BOX_AUTO(uint32_t, box);
	COHERENT_HANDLE_AUTO(handle);
	uint32_t value;
	int err;

	err = coherent_zeroed(&mem, worker->dev, count);
	if (!err)
		err = coherent_write(&mem, count - 1, worker->id);
	if (!err)
		err = coherent_sim_try(worker->dev, &mem, (count - 1) * 4, &value, 4,
				       COHERENT_ACCESS_READ);
	if (!err && value != worker->id)
		err = -EBADMSG;
	if (!err)
		err = coherent_reclaim(&mem, &box, .idle = true);
	if (!err && coherent_box_ptr(&box)[count - 1] != worker->id)
		err = -EBADMSG;
	if (!err && coherent_sim_try(worker->dev, &box, 0, &value, 4, COHERENT_ACCESS_READ) != -EIO)
		err = -EBADMSG;
	if (!err)
		err = coherent_expose(&box, &mem);
	if (!err)
		err = coherent_handle_zeroed(&handle, worker->dev, 100);
	if (!err && turn % 16 == 0)
		err = coherent_device_fence(worker->dev);
	return err;
}

static void *worker_thread(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int turn = 0; turn < 400 && !worker->err; turn++)
		worker->err = work(worker, turn);
	return NULL;
}

static void workers_on(const char *name)
{
	struct coherent_fault fault;
	struct coherent_device *dev;
	struct worker workers[4];
	pthread_t threads[4];

	assert_ok(coherent_device_open(&dev, name));
	for (unsigned int i = 0; i < 4; i++) {
		workers[i] = (struct worker){ .dev = dev, .id = i + 1 };
		assert_ok(pthread_create(&threads[i], NULL, worker_thread, &workers[i]));
	}
	/* Meanwhile the main thread reads the faults. */
	for (unsigned int i = 0; i < 2000; i++)
		(void)!coherent_device_next_fault(dev, &fault);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(workers[i].err);
	}
	coherent_device_close(dev);
}

static void threads_use_different_objects_freely(void **state)
{
	(void)state;
	workers_on("sim:edu,mask=40");
	workers_on("sim:edu,mask=40,lazy");
	/* With few addresses, each object gets the one that another thread freed before. */
	workers_on("sim:edu,mask=20");
}

/* --- Accessors of one mem --- */

struct shared {
	COHERENT(uint64_t) mem;
	int err;
};

static void *read_both_fields(void *arg)
{
	struct shared *shared = arg;
	uint64_t first, second = 0;

	/* A thread that reads with _acquire sees the writes that came before the _release. */
	while (second < 20000 && !shared->err) {
		shared->err = coherent_read_acquire(&shared->mem, 1, &second);
		if (!shared->err)
			shared->err = coherent_read(&shared->mem, 0, &first);
		if (!shared->err && first < second)
			shared->err = -EBADMSG;
	}
	return NULL;
}

static void two_threads_access_one_mem(void **state)
{
	struct shared shared = { .mem = COHERENT_EMPTY };
	struct coherent_device *dev;
	pthread_t thread;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(coherent_zeroed(&shared.mem, dev, 2));
	assert_ok(pthread_create(&thread, NULL, read_both_fields, &shared));
	for (uint64_t i = 1; i <= 20000; i++) {
		assert_ok(coherent_write(&shared.mem, 0, i));
		assert_ok(coherent_write_release(&shared.mem, 1, i));
	}
	pthread_join(thread, NULL);
	assert_ok(shared.err);
	coherent_free(&shared.mem);
	coherent_device_close(dev);
}

/* --- A line that the device reads --- */

struct line {
	COHERENT(uint64_t) mem;
	atomic_uint reads;
	atomic_bool stop;
};

/*
 * Writes two words of a line, one after the other, at most once in each read. Otherwise the device would
 * give up.
 */
static void *write_both_words(void *arg)
{
	struct line *line = arg;
	unsigned int reads, seen = 0;

	for (uint64_t i = 1; !atomic_load(&line->stop); seen = reads) {
		reads = atomic_load(&line->reads);
		if (reads == seen)
			continue;
		/* The moment of the write varies. */
		for (volatile unsigned int pause = 0; pause < i % 64; pause++)
			;
		if (coherent_write(&line->mem, 0, i) || coherent_write_release(&line->mem, 6, i))
			return arg;
		i++;
	}
	return NULL;
}

/* Each line is read as one, so there is at most one new word without the other. */
static void device_reads_a_line_as_one(void **state)
{
	struct line line = { .reads = 0 };
	uint64_t words[8] = { 0 };
	struct coherent_device *dev;
	pthread_t thread;
	void *failed;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu,step"));
	assert_ok(coherent_zeroed(&line.mem, dev, 8));
	assert_ok(pthread_create(&thread, NULL, write_both_words, &line));
	/* On a machine with one CPU there are few writes between the reads. */
	for (unsigned int i = 0; i < 1000000 && words[6] < 20000; i++) {
		atomic_fetch_add(&line.reads, 1);
		/* Each second read is one of a part of the line. */
		assert_ok(coherent_sim_try(dev, &line.mem, 0, words, i % 2 ? 64 : 56,
					   COHERENT_ACCESS_READ));
		if (words[0] != words[6] && words[0] != words[6] + 1)
			fail_msg("the words are %llu and %llu", (unsigned long long)words[0],
				 (unsigned long long)words[6]);
	}
	atomic_store(&line.stop, true);
	assert_ok(pthread_join(thread, &failed));
	assert_null(failed);
	coherent_free(&line.mem);
	coherent_device_close(dev);
}

/* --- A close while other threads use the device --- */

/* The argument of a model whose tick does not end while @hold is set. */
struct slow {
	struct coherent_device *dev;
	atomic_bool hold;
	atomic_bool held;
	_Atomic uint64_t target;
	atomic_int wrote;
};

static void slow_tick(struct coherent_sim *sim, void *arg)
{
	struct slow *slow = arg;
	const uint64_t target = slow->target;
	const uint32_t value = 0x41414141;

	if (!slow->hold)
		return;
	slow->held = true;
	while (slow->hold)
		usleep(100);
	if (target && !coherent_sim_dma_write(sim, target, &value, sizeof(value)))
		slow->wrote++;
}

static void *close_device(void *arg)
{
	coherent_device_close(arg);
	return NULL;
}

static void free_while_closing_leaves_nothing_reachable(void **state)
{
	const struct coherent_sim_model model = { .name = "slow",
						  .mask = UINT32_MAX,
						  .tick = slow_tick };
	COHERENT(uint32_t) mem = COHERENT_EMPTY;
	struct slow slow = { .dev = NULL };
	pthread_t thread;

	(void)state;
	assert_ok(
		coherent_device_open(&slow.dev, "sim:custom", .model = &model, .model_arg = &slow));
	assert_ok(coherent_zeroed(&mem, slow.dev, 1));
	slow.target = coherent_addr(&mem).raw;
	slow.hold = true;
	while (!slow.held)
		usleep(100);
	assert_ok(pthread_create(&thread, NULL, close_device, slow.dev));
	while (coherent_device_level(slow.dev))
		usleep(100);
	/* The close has begun, but it waits for the tick. */
	coherent_free(&mem);
	slow.hold = false;
	pthread_join(thread, NULL);
	assert_int_equal(slow.wrote, 0);
}

static void *set_masks(void *arg)
{
	for (unsigned int i = 0; i < 2000; i++)
		(void)!coherent_device_set_mask(arg, coherent_mask(20 + i % 2));
	return NULL;
}

/* Another process that reads the records must see the mask that the device has at the end. */
static void two_threads_set_masks(void **state)
{
	COHERENT_DEVICE_AUTO(dev);
	struct coherent_limits limits;
	pthread_t thread;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu"));
	assert_ok(pthread_create(&thread, NULL, set_masks, dev));
	set_masks(dev);
	assert_ok(pthread_join(thread, NULL));
	assert_ok(coherent_device_limits(dev, &limits));
	assert_int_equal(dev->store.segment.header->mask, limits.mask);
}

static void masks_change_while_allocations_fail(void **state)
{
	COHERENT_BOX(uint8_t) box = COHERENT_EMPTY;
	struct coherent_device *dev;
	struct log log = LOG_EMPTY;
	pthread_t thread;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:edu", .report = log_report, .report_arg = &log));
	assert_ok(coherent_device_set_mask(dev, coherent_mask(20)));
	assert_ok(pthread_create(&thread, NULL, set_masks, dev));
	for (unsigned int i = 0; i < 2000; i++)
		assert_err(coherent_box_zeroed(&box, dev, 1 << 22), -ENOSPC);
	pthread_join(thread, NULL);
	coherent_device_close(dev);
}

/* --- A vector that is closed and opened at the same time --- */

static void interrupting_write(struct coherent_sim *sim, void *arg, unsigned int bar,
			       uint64_t offset, unsigned int width, uint64_t value)
{
	(void)arg;
	(void)bar;
	(void)offset;
	(void)width;
	if (value)
		usleep((useconds_t)value);
	else
		coherent_sim_irq(sim, 0);
}

static void *close_irq(void *arg)
{
	coherent_irq_close(arg);
	return NULL;
}

static void *hold_sim(void *arg)
{
	coherent_bar_write32(arg, 0, 2000);
	return NULL;
}

static void vector_reopened_during_its_close_gets_interrupts(void **state)
{
	const struct coherent_sim_model model = { .name = "irq",
						  .mask = UINT32_MAX,
						  .vectors = 1,
						  .bar_size = { 16 },
						  .reg_write = interrupting_write };
	struct coherent_device *dev;
	struct coherent_bar *bar;
	struct coherent_irq *irq;
	pthread_t threads[2];
	int err;

	(void)state;
	assert_ok(coherent_device_open(&dev, "sim:custom,step", .model = &model));
	assert_ok(coherent_bar_open(&bar, dev, 0));
	assert_ok(coherent_irq_open(&irq, dev, 0));
	for (unsigned int turn = 0; turn < 100; turn++) {
		assert_ok(pthread_create(&threads[0], NULL, hold_sim, bar));
		assert_ok(pthread_create(&threads[1], NULL, close_irq, irq));
		do
			err = coherent_irq_open(&irq, dev, 0);
		while (err == -EBUSY);
		assert_ok(err);
		pthread_join(threads[0], NULL);
		pthread_join(threads[1], NULL);
		coherent_bar_write32(bar, 0, 0);
		assert_ok(coherent_irq_wait(irq, LONG));
	}
	coherent_irq_close(irq);
	coherent_bar_close(bar);
	coherent_device_close(dev);
}

/* --- A thread with a small stack --- */

static void *trace_objects(void *failed)
{
	struct coherent_device *dev;
	COHERENT(uint8_t) mem = COHERENT_EMPTY;
	int err = coherent_device_open(&dev, "sim:edu");

	if (!err)
		err = coherent_zeroed(&mem, dev, 1);
	coherent_free(&mem);
	coherent_device_close(dev);
	return err ? failed : NULL;
}

/* A sanitizer puts more on the stack. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
#define SMALL_STACK (1L << 18)
#else
#define SMALL_STACK (1L << 15)
#endif

static void *run_on_small_stack(void *(*fn)(void *arg), void *arg)
{
	/* Some CPUs and systems have a higher minimum. */
	const long least = sysconf(_SC_THREAD_STACK_MIN);
	pthread_attr_t attr;
	pthread_t thread;
	void *result;

	assert_ok(pthread_attr_init(&attr));
	assert_ok(pthread_attr_setstacksize(&attr,
					    (size_t)(least > SMALL_STACK ? least : SMALL_STACK)));
	assert_ok(pthread_create(&thread, &attr, fn, arg));
	assert_ok(pthread_join(thread, &result));
	pthread_attr_destroy(&attr);
	return result;
}

/* The first run makes the file. The second one finds that the end of the file is missing. */
static void small_stack_is_enough_for_a_trace(void **state)
{
	char path[SCRATCH_MAX];

	(void)state;
	unlink(scratch(path, "small-stack.json"));
	assert_ok(setenv("COHERENT_TRACE", path, 1));
	assert_null(run_on_small_stack(trace_objects, path));
	assert_ok(truncate(path, 300));
	assert_null(run_on_small_stack(trace_objects, path));
	assert_ok(unsetenv("COHERENT_TRACE"));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_on_one_ring),
		cmocka_unit_test(threads_use_different_objects_freely),
		cmocka_unit_test(two_threads_access_one_mem),
		cmocka_unit_test(device_reads_a_line_as_one),
		cmocka_unit_test(free_while_closing_leaves_nothing_reachable),
		cmocka_unit_test(two_threads_set_masks),
		cmocka_unit_test(masks_change_while_allocations_fail),
		cmocka_unit_test(vector_reopened_during_its_close_gets_interrupts),
		cmocka_unit_test(small_stack_is_enough_for_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
