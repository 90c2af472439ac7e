// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Executes the commands of the client of a served device. All that the client sends is checked here.
 * A message of a wrong size ends the connection. A command with wrong values gets an errno.
 */
#include <linux/vfio.h>

#include "base/sys_doorbell.h"
#include "base/sys_socket.h"
#include "device/device.h"
#include "sim/serve_command.h"

static struct backend *backend_of(const struct serve_session *session)
{
	return &session->served->sim->backend;
}

/* --- Answers --- */

static int answer_error(struct serve_session *session, const struct vfio_user_received *received,
			uint32_t error)
{
	return vfio_user_channel_reply(&session->main, &received->header, error, NULL, 0);
}

static int answer(struct serve_session *session, const struct vfio_user_received *received,
		  const void *data, size_t bytes)
{
	const struct iovec part = { (void *)(uintptr_t)data, bytes };

	return vfio_user_channel_reply(&session->main, &received->header, 0, &part, 1);
}

/* --- What the device has --- */

#define INFO_BYTES offsetof(struct vfio_device_info, cap_offset)

static int device_info(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_device_info info = { .argsz = 0 };

	if (received->bytes < INFO_BYTES)
		return -EPROTO;
	memcpy(&info, received->payload, INFO_BYTES);
	if (info.argsz < INFO_BYTES)
		return answer_error(session, received, EINVAL);
	info = (struct vfio_device_info){
		.argsz = INFO_BYTES,
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};
	return answer(session, received, &info, INFO_BYTES);
}

static uint64_t region_bytes(const struct serve_session *session, uint32_t region)
{
	if (region < SERVE_BARS)
		return session->served->config.bar_bytes[region];
	return region == VFIO_PCI_CONFIG_REGION_INDEX ? SERVE_CONFIG_BYTES : 0;
}

static int region_info(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_region_info info;
	uint64_t bytes;

	if (received->bytes < sizeof(info))
		return -EPROTO;
	memcpy(&info, received->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_REGIONS)
		return answer_error(session, received, EINVAL);
	bytes = region_bytes(session, info.index);
	info = (struct vfio_region_info){
		.argsz = sizeof(info),
		.flags = bytes ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0,
		.index = info.index,
		.size = bytes,
	};
	return answer(session, received, &info, sizeof(info));
}

static uint32_t vectors_of(const struct serve_session *session, uint32_t index)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX ? session->served->sim->model->vectors : 0;
}

static int irq_info(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_irq_info info;

	if (received->bytes < sizeof(info))
		return -EPROTO;
	memcpy(&info, received->payload, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VFIO_PCI_NUM_IRQS)
		return answer_error(session, received, EINVAL);
	info = (struct vfio_irq_info){
		.argsz = sizeof(info),
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		.index = info.index,
		.count = vectors_of(session, info.index),
	};
	return answer(session, received, &info, sizeof(info));
}

/* --- Interrupts --- */

void serve_command_connect(struct serve_session *session, uint32_t vector, int fd)
{
	struct backend *backend = backend_of(session);
	int *const now = &session->irq_fds[vector];

	/* The key "fail-irq" may refuse a descriptor. */
	if (fd >= 0 && backend->ops->irq_connect(backend, vector, fd)) {
		sys_close_foreign(fd);
		fd = -1;
	}
	if (fd < 0)
		(void)backend->ops->irq_connect(backend, vector, -1);
	if (*now >= 0)
		sys_close_foreign(*now);
	*now = fd;
}

/*
 * A write to a pipe or a socket can end this process by SIGPIPE. A client can make a write to an eventfd
 * wait, so the kernel signals it. Without a context, and after a filter refused its use, an honest
 * client must still not delay the model.
 */
static bool can_signal(const struct serve_session *session, int fd)
{
	int err = fd < 0 ? -EINVAL : sys_doorbell_check(fd);

	/* Without /proc, the kernel signals nothing but eventfds. */
	if (err && (err == -EINVAL || !session->served->doorbell))
		return false;
	return !sys_do_not_block(fd);
}

/* The client did nothing wrong, so its user looks here. One report is enough: the client may try again. */
static void report_no_fds(struct serve_session *session)
{
	if (!session->has_no_fds)
		report(&session->served->reporter, COHERENT_WARNING,
		       "%s: no descriptor is left for an interrupt of the client; raise ulimit -n",
		       session->served->dev->name);
	session->has_no_fds = true;
}

/* The kernel drops a descriptor for which this process has no number. */
static bool lacks_fds(const struct vfio_user_fds *fds)
{
	return fds->count && fds->fds[fds->count - 1] == -EMFILE;
}

/* Each vector gets a descriptor, or none of them does. */
static uint32_t connect_vectors(struct serve_session *session, const struct vfio_irq_set *set,
				struct vfio_user_fds *fds)
{
	if (lacks_fds(fds)) {
		report_no_fds(session);
		return EMFILE;
	}
	if (fds->count && fds->count != set->count)
		return EINVAL;
	for (size_t i = 0; i < fds->count; i++)
		if (!can_signal(session, fds->fds[i]))
			return EINVAL;
	for (uint32_t i = 0; i < set->count; i++)
		serve_command_connect(session, set->start + i, fds->count ? fds->fds[i] : -1);
	fds->count = 0;
	return 0;
}

static uint32_t set_irqs(struct serve_session *session, const struct vfio_irq_set *set,
			 struct vfio_user_fds *fds, size_t data_bytes)
{
	const uint32_t vectors = vectors_of(session, set->index);
	const uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (set->argsz < sizeof(*set) || set->index >= VFIO_PCI_NUM_IRQS ||
	    set->flags & ~(VFIO_IRQ_SET_ACTION_TYPE_MASK | VFIO_IRQ_SET_DATA_TYPE_MASK) ||
	    set->start > vectors || set->count > vectors - set->start)
		return EINVAL;
	if (data_bytes != (data == VFIO_IRQ_SET_DATA_BOOL ? set->count : 0))
		return EINVAL;
	if (action == VFIO_IRQ_SET_ACTION_TRIGGER && data == VFIO_IRQ_SET_DATA_EVENTFD)
		return connect_vectors(session, set, fds);
	if (action == VFIO_IRQ_SET_ACTION_TRIGGER && data == VFIO_IRQ_SET_DATA_NONE &&
	    !set->count) {
		for (uint32_t i = 0; i < vectors; i++)
			serve_command_connect(session, i, -1);
		return 0;
	}
	/* The model does not see masks: the client drops or keeps what it masked. */
	if ((action == VFIO_IRQ_SET_ACTION_MASK || action == VFIO_IRQ_SET_ACTION_UNMASK) &&
	    (data == VFIO_IRQ_SET_DATA_NONE || data == VFIO_IRQ_SET_DATA_BOOL))
		return 0;
	return EINVAL;
}

static int irqs(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_irq_set set;

	if (received->bytes < sizeof(set))
		return -EPROTO;
	memcpy(&set, received->payload, sizeof(set));
	return answer_error(session, received,
			    set_irqs(session, &set, &received->fds, received->bytes - sizeof(set)));
}

/* --- Regions --- */

static void access_bar(struct serve_session *session, const struct vfio_user_region *head,
		       uint8_t *data, bool is_write)
{
	struct backend *backend = backend_of(session);
	const uint64_t there = session->served->sim->model->bar_size[head->region];

	for (uint32_t done = 0; done < head->bytes;) {
		const uint64_t at = head->offset + done;
		char *const bytes = (char *)data + done;
		unsigned int width = backend_copy_width(at, head->bytes - done, 8);

		/* An access across the end of the model's BAR gets the bytes that are there. */
		while (at < there && width > there - at)
			width /= 2;
		/* The BAR is larger than that of the model. */
		if (at >= there) {
			if (!is_write)
				memset(bytes, 0xff, width);
		} else if (is_write) {
			backend->ops->reg_write(backend, head->region, at, width,
						backend_get_bytes(bytes, width));
		} else {
			backend_put_bytes(bytes,
					  backend->ops->reg_read(backend, head->region, at, width),
					  width);
		}
		done += width;
	}
}

static void access_region(struct serve_session *session, const struct vfio_user_region *head,
			  uint8_t *data, bool is_write)
{
	struct serve_config *config = &session->served->config;

	if (head->region == VFIO_PCI_CONFIG_REGION_INDEX)
		serve_config_access(config, session->served->sim, head->offset, data, head->bytes,
				    is_write);
	else if (head->region != config->table_bar)
		access_bar(session, head, data, is_write);
	else if (is_write)
		memcpy(config->table + head->offset, data, head->bytes);
	else
		memcpy(data, config->table + head->offset, head->bytes);
}

static int access_data(struct serve_session *session, struct vfio_user_received *received)
{
	const bool is_write = received->header.command == VFIO_USER_REGION_WRITE;
	struct vfio_user_region head;
	const size_t head_bytes = sizeof(head);
	struct iovec parts[2];
	uint64_t there;

	if (received->bytes < head_bytes)
		return -EPROTO;
	memcpy(&head, received->payload, head_bytes);
	if (received->bytes - head_bytes != (is_write ? head.bytes : 0))
		return -EPROTO;
	there = region_bytes(session, head.region);
	if (!head.bytes || head.bytes > VFIO_USER_DATA_MAX || head.offset > there ||
	    head.bytes > there - head.offset)
		return answer_error(session, received, EINVAL);
	access_region(session, &head,
		      is_write ? (uint8_t *)received->payload + head_bytes : session->data,
		      is_write);
	parts[0] = (struct iovec){ &head, head_bytes };
	parts[1] = (struct iovec){ session->data, head.bytes };
	return vfio_user_channel_reply(&session->main, &received->header, 0, parts,
				       is_write ? 1 : 2);
}

/* --- The rest --- */

static int dma_map(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_user_fds *fds = &received->fds;
	struct vfio_user_dma_map map;
	int fd = -1;

	if (received->bytes != sizeof(map))
		return -EPROTO;
	memcpy(&map, received->payload, sizeof(map));
	if (fds->count > 1)
		return answer_error(session, received, EINVAL);
	if (fds->count && fds->fds[0] >= 0) {
		fd = fds->fds[0];
		fds->count = 0;
	}
	return answer_error(session, received, serve_dma_map(&session->dma, &map, fd));
}

static int dma_unmap(struct serve_session *session, struct vfio_user_received *received)
{
	struct vfio_user_dma_unmap unmap;
	uint32_t error;

	if (received->bytes != sizeof(unmap))
		return -EPROTO;
	memcpy(&unmap, received->payload, sizeof(unmap));
	error = serve_dma_unmap(&session->dma, &unmap);
	return error ? answer_error(session, received, error) :
		       answer(session, received, &unmap, sizeof(unmap));
}

static int reset(struct serve_session *session, struct vfio_user_received *received)
{
	struct backend *backend = backend_of(session);

	serve_config_reset(&session->served->config);
	return answer_error(session, received, backend->ops->reset(backend) ? EIO : 0);
}

int serve_command_execute(struct serve_session *session, struct vfio_user_received *received)
{
	switch (received->header.command) {
	case VFIO_USER_DMA_MAP:
		return dma_map(session, received);
	case VFIO_USER_DMA_UNMAP:
		return dma_unmap(session, received);
	case VFIO_USER_DEVICE_GET_INFO:
		return device_info(session, received);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return region_info(session, received);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return irq_info(session, received);
	case VFIO_USER_DEVICE_SET_IRQS:
		return irqs(session, received);
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		return access_data(session, received);
	case VFIO_USER_DEVICE_RESET:
		return reset(session, received);
	case VFIO_USER_VERSION:
		return answer_error(session, received, EINVAL);
	default:
		return answer_error(session, received, EOPNOTSUPP);
	}
}
