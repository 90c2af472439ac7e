// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Request and response with firmware that the driver does not trust. The driver copies each answer
 * once, checks its own copy and then uses the copy. The model of the firmware sometimes answers
 * wrongly and sometimes not at all.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/sim.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAYLOAD 2032
#define TIMEOUT_NS (UINT64_C(20) * 1000 * 1000)

enum mbox_reg { MBOX_REQUEST = 0x00, MBOX_RESPONSE = 0x08, MBOX_BELL = 0x10, MBOX_BAR = 0x20 };

struct mbox_message {
	coherent_le32 seq; /* written last: the other fields are complete */
	coherent_le32 len;
	coherent_le32 op;
	coherent_le32 sum;
	uint8_t payload[PAYLOAD];
};

COHERENT_TYPE(mbox_mem, struct mbox_message);

static uint32_t sum_of(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0x1234;

	while (n--)
		sum = sum * 31 + *bytes++;
	return sum;
}

/* --- The driver --- */

struct mbox {
	struct coherent_device *dev;
	struct coherent_bar *bar;
	union mbox_mem request;
	union mbox_mem response;
	COHERENT_SLOT(struct mbox_message) out;
	COHERENT_SLOT(struct mbox_message) in;
	uint32_t seq;
};

static int mbox_send(struct mbox *mbox, uint32_t op, const void *data, uint32_t len)
{
	int err;

	err = coherent_copy_in_field(&mbox->request, 0, .payload, 0, data, len);
	if (err)
		return err;
	coherent_slot_put(&mbox->out, .len, len);
	coherent_slot_put(&mbox->out, .op, op);
	coherent_slot_put(&mbox->out, .sum, sum_of(data, len));
	/* Release: the firmware must not see the new number before the other fields. */
	coherent_slot_put_release(&mbox->out, .seq, ++mbox->seq);
	coherent_bar_write32(mbox->bar, MBOX_BELL, mbox->seq);
	return 0;
}

/*
 * Sends a request and waits for the answer. Returns the length of the answer, -ETIMEDOUT, or
 * -EPROTO if the answer is malformed.
 */
static int mbox_call(struct mbox *mbox, uint32_t op, const void *data, uint32_t len, void *answer,
		     size_t size)
{
	uint32_t seq, got;
	int err;

	err = mbox_send(mbox, op, data, len);
	if (err)
		return err;
	err = coherent_poll(&mbox->response, 0, .seq, &seq, seq == mbox->seq, TIMEOUT_NS);
	if (err)
		return err;
	/* Read the length once: the firmware could change it between the check and the copy. */
	got = coherent_slot_get(&mbox->in, .len);
	if (got > size || coherent_slot_get(&mbox->in, .op) != op)
		return -EPROTO;
	err = coherent_copy_out_field(&mbox->response, 0, .payload, 0, answer, got);
	if (err)
		return err;
	return sum_of(answer, got) == coherent_slot_get(&mbox->in, .sum) ? (int)got : -EPROTO;
}

static void mbox_close(struct mbox *mbox)
{
	coherent_free(&mbox->request);
	coherent_free(&mbox->response);
	coherent_bar_close(mbox->bar);
	coherent_device_close(mbox->dev);
}

static int mbox_open(struct mbox *mbox, const char *name, const struct coherent_sim_model *model,
		     void *model_arg)
{
	int err;

	*mbox = (struct mbox){ .dev = NULL };
	err = coherent_device_open(&mbox->dev, name, .model = model, .model_arg = model_arg,
				   .report = coherent_report_stderr);
	if (!err)
		err = coherent_bar_open(&mbox->bar, mbox->dev, 0);
	if (!err)
		err = coherent_zeroed(&mbox->request, mbox->dev, 1,
				      .permission = COHERENT_READ_ONLY);
	if (!err)
		err = coherent_zeroed(&mbox->response, mbox->dev, 1);
	if (!err)
		err = coherent_slot(&mbox->request, 0, &mbox->out);
	if (!err)
		err = coherent_slot(&mbox->response, 0, &mbox->in);
	if (err) {
		mbox_close(mbox);
		return err;
	}
	coherent_bar_write64(mbox->bar, MBOX_REQUEST, coherent_addr(&mbox->request).raw);
	coherent_bar_write64(mbox->bar, MBOX_RESPONSE, coherent_addr(&mbox->response).raw);
	return 0;
}

/* --- The model: it answers in upper case. Every 3rd answer is wrong, every 4th is lost. --- */

struct firmware {
	uint64_t request;
	uint64_t response;
};

/*
 * The write of the bell calls this and returns after the answer. So the driver waits only for lost
 * answers, and a slow machine does not change the number of timeouts.
 */
static void firmware_answer(struct coherent_sim *sim, const struct firmware *firmware,
			    uint64_t number)
{
	struct mbox_message message;
	uint32_t len;

	if (number % 4 == 0 ||
	    coherent_sim_dma_read(sim, firmware->request, &message, sizeof(message)))
		return;
	len = coherent_le32_to_cpu(message.len) % (PAYLOAD + 1);
	for (uint32_t i = 0; i < len; i++)
		message.payload[i] = (uint8_t)(message.payload[i] - 32);
	message.sum = coherent_cpu_to_le32(sum_of(message.payload, len));
	if (number % 3 == 0)
		message.len = coherent_cpu_to_le32(0xfffffff0);
	/* The number comes last: it says that the other fields are complete. */
	if (!coherent_sim_dma_write(sim, firmware->response + 4, (char *)&message + 4,
				    sizeof(message) - 4))
		(void)!coherent_sim_dma_write(sim, firmware->response, &message.seq, 4);
}

static void firmware_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			   unsigned int width, uint64_t value)
{
	struct firmware *firmware = arg;

	(void)bar;
	(void)width;
	if (offset == MBOX_REQUEST)
		firmware->request = value;
	else if (offset == MBOX_RESPONSE)
		firmware->response = value;
	else if (offset == MBOX_BELL)
		firmware_answer(sim, firmware, value);
}

static const struct coherent_sim_model firmware_model = {
	.name = "mailbox",
	.mask = UINT32_MAX,
	.bar_size = { MBOX_BAR },
	.reg_write = firmware_write,
};

int main(void)
{
	struct firmware firmware = { .request = 0 };
	unsigned int good = 0, wrong = 0, late = 0;
	struct mbox mbox;
	char answer[64];

	if (mbox_open(&mbox, "sim:custom", &firmware_model, &firmware))
		return 1;
	for (unsigned int i = 0; i < 24; i++) {
		const int len = mbox_call(&mbox, 7, "hello", 5, answer, sizeof(answer));

		good += len == 5 && !memcmp(answer, "HELLO", 5);
		wrong += len == -EPROTO;
		late += len == -ETIMEDOUT;
	}
	mbox_close(&mbox);
	printf("mailbox: %u good answers, %u wrong answers and %u timeouts\n", good, wrong, late);
	return good == 12 && wrong == 6 && late == 6 ? 0 : 1;
}
