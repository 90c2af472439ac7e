/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The endpoint: how it is opened, closed and kept going.
 */
#ifndef FABRIC_ENDPOINT_H
#define FABRIC_ENDPOINT_H

#include "fabric/device.h"

/**
 * fabric_endpoint_open_locked() - Open the endpoint, and make the peers known to it.
 * @fabric: The device, with a domain.
 *
 * Return: 0; -EIO, -ENOMEM. A report says why.
 */
int fabric_endpoint_open_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock);

/**
 * fabric_endpoint_end_reads_locked() - Wait at most 2 s for the reads that a close would free twice.
 * @fabric: The device. The call drops the lock while it waits.
 * @otherwise: The end of a report. It tells what happens because the reads do not end.
 *
 * While tcp or net receives the answer to a read, libfabric before 1.18 has the read in two places,
 * and a close of the endpoint frees it twice (afdcab40a of libfabric). With another provider or a
 * later libfabric the call does nothing.
 *
 * Return: 0; -ETIMEDOUT (a peer has not sent the rest, so the endpoint must not be closed).
 */
int fabric_endpoint_end_reads_locked(struct fabric *fabric, const char *otherwise)
	NEEDS_LOCK(fabric->lock);

/**
 * fabric_endpoint_keep_locked() - Use an endpoint no more, and leave it open until the process ends.
 * @fabric: The device, which forgets its domain and its network too. Transfers in flight end with
 *	-ENODEV.
 */
void fabric_endpoint_keep_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock);

/**
 * fabric_endpoint_close_locked() - Close the endpoint. Transfers in flight end with -ENODEV.
 * @fabric: The device.
 */
void fabric_endpoint_close_locked(struct fabric *fabric) NEEDS_LOCK(fabric->lock);

/**
 * fabric_report_failed() - Report that a part of the device does not open.
 * @fabric: The device.
 * @what: The part.
 * @err: The error of libfabric or of the system, negative.
 *
 * Return: -ENOSPC (no descriptor is left), -ENOMEM, otherwise -EIO.
 */
int fabric_report_failed(const struct fabric *fabric, const char *what, int err);

/**
 * fabric_error() - Translate an error of libfabric.
 * @err: The error, positive.
 *
 * Return: -ENODEV (the connection broke), -ETIMEDOUT, -ENOMEM, otherwise -EIO.
 */
int fabric_error(int err);

/**
 * fabric_progress_locked() - Let the endpoint serve peers, and note which transfers have ended.
 * @fabric: The device.
 * @until: Return when this transfer has ended, even if others have, too; NULL for none.
 */
void fabric_progress_locked(struct fabric *fabric, const struct fabric_transfer *until)
	NEEDS_LOCK(fabric->lock);

/**
 * fabric_wait() - Wait until the endpoint has something to do.
 * @fabric: The device, whose lock the caller does not have.
 * @timeout_ns: How long at most. 1 ms at most where the provider cannot tell, and
 *	0.1 ms while callers poll the endpoint.
 */
void fabric_wait(struct fabric *fabric, uint64_t timeout_ns);

#endif
