// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "vhost_test.h"

struct peer peer;

int start_peer(void **state)
{
	(void)state;
	peer_start(&peer);
	return 0;
}

int end_peer(void **state)
{
	(void)state;
	peer_end(&peer);
	return 0;
}

struct job *new_job(void)
{
	struct job *job = __real_calloc(1, sizeof(*job));

	assert_non_null(job);
	job->log = (struct log)LOG_EMPTY;
	return job;
}

int open_keys(struct job *job, const char *keys)
{
	char name[128];

	snprintf(name, sizeof(name), "vhost-user:%s%s", peer.path, keys);
	return coherent_device_open(&job->dev, name, .report = log_report, .report_arg = &job->log);
}

void set_queue(struct job *job, uint32_t queue, uint64_t used)
{
	const uint64_t at = coherent_addr(&job->rings).raw;

	coherent_bar_write32(job->bar, QUEUE, queue);
	coherent_bar_write32(job->bar, NUMBER, ENTRIES);
	coherent_bar_write32(job->bar, DESC, (uint32_t)at);
	coherent_bar_write32(job->bar, AVAIL, (uint32_t)at + PAGE);
	coherent_bar_write32(job->bar, USED, (uint32_t)(at + used));
	coherent_bar_write32(job->bar, READY, 1);
}

int set_up(struct job *job)
{
	coherent_bar_write32(job->bar, STATUS, 3);
	coherent_bar_write32(job->bar, SELECT, 1);
	coherent_bar_write32(job->bar, FEATURES, 1);
	coherent_bar_write32(job->bar, STATUS, 11);
	if (coherent_bar_read32(job->bar, STATUS) != 11)
		return -EIO;
	set_queue(job, 0, 2 * PAGE);
	coherent_bar_write32(job->bar, STATUS, 15);
	coherent_bar_write32(job->bar, NOTIFY, 0);
	return coherent_bar_read32(job->bar, STATUS) == 15 ? 0 : -EIO;
}

int run_job(struct job *job, const char *keys)
{
	uint8_t byte = 0;
	int err = open_keys(job, keys);

	if (!err)
		err = coherent_bar_open(&job->bar, job->dev, 0);
	if (!err)
		err = coherent_zeroed(&job->rings, job->dev, 3 * PAGE);
	if (!err)
		err = coherent_zeroed(&job->mem, job->dev, 2 * PAGE);
	if (!err)
		err = coherent_write(&job->mem, PAGE, 7);
	if (!err)
		err = set_up(job);
	if (!err)
		err = coherent_irq_open(&job->irq, job->dev, 0);
	if (!err && coherent_bar_read32(job->bar, CONFIG) != 1000)
		err = -EIO;
	if (!err)
		coherent_bar_write8(job->bar, CONFIG + 32, 1);
	if (!err)
		err = coherent_reclaim(&job->mem, &job->box, .idle = true);
	if (!err && coherent_box_ptr(&job->box)[PAGE] != 7)
		err = -EBADMSG;
	if (!err)
		err = coherent_expose(&job->box, &job->mem);
	if (!err)
		err = coherent_read(&job->mem, PAGE, &byte);
	if (!err && byte != 7)
		err = -EBADMSG;
	return err ? err : coherent_device_reset(job->dev);
}

void end_job(struct job *job)
{
	coherent_free(&job->mem);
	coherent_free(&job->rings);
	coherent_box_free(&job->box);
	coherent_irq_close(job->irq);
	coherent_bar_close(job->bar);
	coherent_device_close(job->dev);
	__real_free(job);
}

void nothing_is_left(const struct inject *before)
{
	assert_int_equal(inject.blocks, before->blocks);
	assert_int_equal(inject.bytes, before->bytes);
	assert_int_equal(inject.fds, before->fds);
}

struct job *open_job(const char *keys)
{
	struct job *job = new_job();

	assert_ok(open_keys(job, keys));
	assert_ok(coherent_bar_open(&job->bar, job->dev, 0));
	assert_ok(coherent_zeroed(&job->rings, job->dev, 3 * PAGE));
	return job;
}
