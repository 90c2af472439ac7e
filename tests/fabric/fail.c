// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Opens that fail, and calls of libfabric that fail. The linker puts __wrap_dlopen() between the library
 * and the C library. Calls through an object of libfabric get other functions in that object.
 */
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/fabric/device.h"
#include "../../src/fabric/memory.h"
#include "fabric_test.h"

void *__real_dlopen(const char *name, int flags);
void *__wrap_dlopen(const char *name, int flags);

static bool has_no_libfabric;

void *__wrap_dlopen(const char *name, int flags)
{
	if (has_no_libfabric && name && strstr(name, "libfabric"))
		return __real_dlopen("libfabric-that-is-not-there.so", flags);
	return __real_dlopen(name, flags);
}

static struct coherent_device *dev;
static struct log reports;

static int set_up(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	assert_ok(coherent_device_open(&dev, "fabric:tcp,node=127.0.0.1", .report = log_report,
				       .report_arg = &reports));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	coherent_device_close(dev);
	return 0;
}

/* --- Opens --- */

static void bad_names_are_explained(void **state)
{
	static const struct {
		const char *name;
		int err;
		const char *text;
	} cases[] = {
		{ "fabric:", -EINVAL, "which provider?" },
		{ "fabric", -EINVAL, "which provider?" },
		{ "fabric:tc", -ENODEV, "no provider \"tc\" that offers RMA at node (any)" },
		{ "fabric:tpc", -ENODEV, "no provider \"tpc\" that offers RMA at node (any)" },
		{ "fabric:tpc", -ENODEV, "sockets" },
		{ "fabric:tcp,node", -EINVAL, "key \"node\" takes a value" },
		{ "fabric:tcp,service", -EINVAL, "key \"service\" takes a value" },
		{ "fabric:tcp,manual=1", -EINVAL, "takes no value" },
		{ "fabric:tcp,port=7", -EINVAL, "only: node=, service=, manual" },
		{ "fabric:tcp,node=192.0.2.1", -EIO,
		  "could not open the endpoint: Cannot assign requested address; node= must be an "
		  "address of this machine" },
		{ "fabric:tcp,node=no.such.host.invalid", -ENODEV,
		  "the provider tcp has no endpoint" },
		{ "fabric:tcp,service=x", -ENODEV, "at node (any), service x; the node must be" },
		{ "fabric:tcp,service=65536", -EINVAL,
		  "there is no port 65536; the highest one is" },
		{ "fabric:tcp,service=99999999999999999999", -EINVAL, "there is no port" },
		{ "fabric:tcp,node=no.such.host.invalid", -ENODEV, "no.such.host.invalid" },
		{ "fabric:shm", -EOPNOTSUPP,
		  "checks no key; the device opens only with .level = COHERENT_NONE" },
		{ "fabric:udp,node=127.0.0.1", -EOPNOTSUPP, "malformed datagram" },
		/* libfabric accepts any case, and layers in any order. */
		{ "fabric:Shm", -EOPNOTSUPP, "checks no key" },
		{ "fabric:SHM", -EOPNOTSUPP, "checks no key" },
		{ "fabric:UDP,node=127.0.0.1", -EOPNOTSUPP, "malformed datagram" },
		{ "fabric:ofi_rxd;udp,node=127.0.0.1", -EOPNOTSUPP, "malformed datagram" },
		{ "fabric:ofi_rxd,node=127.0.0.1", -EOPNOTSUPP, "malformed datagram" },
		{ "fabric:Tcp,node=no.such.host.invalid", -ENODEV,
		  "the provider Tcp has no endpoint" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct log log = LOG_EMPTY;

		assert_err(coherent_device_open(&dev, cases[i].name, .report = log_report,
						.report_arg = &log),
			   cases[i].err);
		assert_null(dev);
		if (!log_has(&log, cases[i].text))
			fail_msg("%s: %s", cases[i].name, log.text);
	}
}

static void options_of_others_are_refused(void **state)
{
	struct log log = LOG_EMPTY;

	(void)state;
	assert_err(coherent_device_open(&dev, "fabric:tcp", .socket_fd = 3, .report = log_report,
					.report_arg = &log),
		   -EINVAL);
	assert_true(log_has(&log, ".socket_fd"));
}

static void missing_libfabric_is_explained(void **state)
{
	struct log log = LOG_EMPTY;

	(void)state;
	has_no_libfabric = true;
	assert_err(coherent_device_open(&dev, "fabric:tcp", .report = log_report,
					.report_arg = &log),
		   -ENODEV);
	has_no_libfabric = false;
	assert_true(log_has(&log, "the package libfabric1 has it"));
}

/* Two endpoints cannot have one port. */
static void port_in_use_is_refused(void **state)
{
	struct log log = LOG_EMPTY;
	struct coherent_device *other;
	struct coherent_fabric_name name;
	char text[64];

	(void)state;
	assert_ok(set_up(NULL));
	assert_ok(coherent_fabric_get_name(dev, &name));
	/* The port is behind the family, in network order. */
	snprintf(text, sizeof(text), "fabric:tcp,node=127.0.0.1,service=%d",
		 name.data[2] << 8 | name.data[3]);
	assert_err(coherent_device_open(&other, text, .report = log_report, .report_arg = &log),
		   -EIO);
	assert_true(log_has(&log, "Address already in use; give another service="));
	coherent_device_close(dev);
}

/* A child has the listening socket until it ends. */
static void port_of_a_child_is_explained(void **state)
{
	const pid_t child = fork();

	(void)state;
	if (!child)
		for (;;)
			pause();
	assert_true(child > 0);
	assert_err(coherent_device_fence(dev), -EIO);
	assert_true(log_has(&reports, "perhaps a child of this one; end it and call"));
	assert_false(log_has(&reports, "service="));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_ok(coherent_device_fence(dev));
}

static int lowest_free_descriptor(void)
{
	const int lowest = dup(0);

	assert_true(lowest >= 0);
	close(lowest);
	return lowest;
}

/* Opens the device while at most so many more descriptors may be open. Returns the error. */
static int open_with_few(unsigned int more, struct log *log)
{
	struct rlimit all, few;
	int err;

	assert_ok(getrlimit(RLIMIT_NOFILE, &all));
	few = all;
	few.rlim_cur = (rlim_t)lowest_free_descriptor() + more;
	assert_ok(setrlimit(RLIMIT_NOFILE, &few));
	err = coherent_device_open(&dev, "fabric:tcp,node=127.0.0.1", .report = log_report,
				   .report_arg = log);
	assert_ok(setrlimit(RLIMIT_NOFILE, &all));
	return err;
}

/* Each open of a descriptor fails once. libfabric hides the reason of one, which is -EIO then. */
static void lack_of_descriptors_is_explained(void **state)
{
	unsigned int more = 0, hidden = 0;
	int lowest, err;

	(void)state;
	/* libfabric is loaded, and has looked at the machine. */
	assert_ok(set_up(NULL));
	coherent_device_close(dev);
	lowest = lowest_free_descriptor();
	do {
		struct log log = LOG_EMPTY;

		err = open_with_few(more++, &log);
		hidden += err == -EIO;
		assert_true(!err || (err == -EIO && log_has(&log, "so raise it")) ||
			    (err == -ENOSPC && log_has(&log, "raise ulimit -n")));
		assert_true(!err || lowest_free_descriptor() == lowest);
	} while (err);
	coherent_device_close(dev);
	assert_true(more > 5 && hidden < 2);
}

/* The devices work as usual, but protect nothing. */
static void shm_and_udp_open_if_the_driver_wants_no_level(void **state)
{
	static const char *const names[] = { "fabric:shm", "fabric:udp,node=127.0.0.1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ANY_MEM_AUTO(mem);
		COHERENT_DEVICE_AUTO(open);
		struct coherent_remote remote;

		assert_ok(coherent_device_open(&open, names[i], .level = COHERENT_NONE));
		assert_int_equal(coherent_device_level(open), COHERENT_NONE);
		assert_ok(coherent_zeroed(&mem, open, PAGE, .level = COHERENT_NONE));
		assert_ok(coherent_remote(&mem, &remote));
		coherent_free(&mem);
	}
}

/* The variable is set in the environment. */
static void opens_only_without_a_level(const char *name, const char *variable)
{
	struct log log = LOG_EMPTY;

	assert_err(coherent_device_open(&dev, name, .report = log_report, .report_arg = &log),
		   -EOPNOTSUPP);
	assert_true(log_has(&log, variable));
	assert_ok(coherent_device_open(&dev, name, .level = COHERENT_NONE));
	assert_int_equal(coherent_device_level(dev), COHERENT_NONE);
	coherent_device_close(dev);
}

/* A provider that sends pages without a copy sends what the CPU wrote after a reclaim. */
static void pinned_pages_need_no_level(void **state)
{
	static const char *const variables[] = { "FI_TCP_ZEROCOPY_SIZE", "FI_NET_ZEROCOPY_SIZE" };
	static const char *const names[] = { "tcp", "TCP", "ofi_rxm;tcp", "ofi_rxm" };
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		assert_ok(setenv(variables[i], "65536", 1));
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			snprintf(name, sizeof(name), "fabric:%s,node=127.0.0.1", names[k]);
			opens_only_without_a_level(name, variables[i]);
		}
		assert_ok(unsetenv(variables[i]));
	}
}

static unsigned int warnings_of(const char *name, enum coherent_level level)
{
	struct log log = LOG_EMPTY;

	assert_ok(coherent_device_open(&dev, name, .level = level, .report = log_report,
				       .report_arg = &log));
	assert_int_equal(coherent_device_level(dev), COHERENT_PEER);
	assert_ok(coherent_device_fence(dev));
	coherent_device_close(dev);
	if (log.count)
		assert_true(log_has(&log, "a peer sends malformed bytes; use tcp"));
	return log.count;
}

/* A transfer is refused as with others, so the level is the same. */
static void open_warns_of_sockets(void **state)
{
	(void)state;
	assert_int_equal(warnings_of("fabric:sockets,node=127.0.0.1", 0), 1);
	assert_int_equal(warnings_of("fabric:Sockets,node=127.0.0.1", COHERENT_PEER), 1);
	assert_int_equal(warnings_of("fabric:sockets,node=127.0.0.1", COHERENT_NONE), 0);
	assert_int_equal(warnings_of("fabric:tcp,node=127.0.0.1", 0), 0);
}

/* --- Calls of libfabric that fail --- */

static struct fi_ops_mr real_mr;
static unsigned int failures;
static int failure;

static int register_fails(struct fid *fid, const void *buf, size_t bytes, uint64_t access,
			  uint64_t offset, uint64_t key, uint64_t flags, struct fid_mr **mr,
			  void *context)
{
	if (failures && failures--)
		return failure;
	return real_mr.reg(fid, buf, bytes, access, offset, key, flags, mr, context);
}

static void fail_registrations(int err, unsigned int count)
{
	static struct fi_ops_mr ops;
	struct fabric *fabric = (struct fabric *)dev->backend;

	if (fabric->domain->mr != &ops) {
		real_mr = *fabric->domain->mr;
		ops = real_mr;
		ops.reg = register_fails;
		fabric->domain->mr = &ops;
	}
	failure = err;
	failures = count;
}

static void failed_registration_fails_the_expose(void **state)
{
	static const struct {
		int failure;
		unsigned int count;
		int err;
	} cases[] = {
		/* A key that is in use already is drawn again. */
		{ -FI_ENOKEY, 1, 0 },
		{ -FI_ENOKEY, 100, -EIO },
		{ -FI_ENOMEM, 1, -ENOMEM },
		{ -FI_EINVAL, 1, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ANY_MEM_AUTO(mem);
		struct coherent_stats stats;

		fail_registrations(cases[i].failure, cases[i].count);
		assert_err(coherent_zeroed(&mem, dev, PAGE), cases[i].err);
		assert_int_equal(coherent_is_empty(&mem), !!cases[i].err);
		coherent_free(&mem);
		assert_ok(coherent_device_stats(dev, &stats));
		assert_int_equal(stats.mems, 0);
		fail_registrations(0, 0);
	}
}

static struct fi_ops real_close;

static int close_fails(struct fid *fid)
{
	if (failures && failures--)
		return failure;
	return real_close.close(fid);
}

/* The next close of the registration of a mem fails. */
static void fail_close(const union any_mem *mem)
{
	static struct fi_ops ops;
	struct fabric *fabric = (struct fabric *)dev->backend;
	struct fabric_registration *registration;

	lock_take(&fabric->lock);
	registration = fabric_find_locked(fabric, coherent_addr(mem).raw);
	real_close = *registration->mr->fid.ops;
	ops = real_close;
	ops.close = close_fails;
	registration->mr->fid.ops = &ops;
	lock_drop(&fabric->lock);
	failure = -FI_EBUSY;
	failures = 1;
}

static void failed_close_leaks_and_reports(void **state)
{
	(void)state;
	for (unsigned int turn = 0; turn < 2; turn++) {
		COHERENT_BOX_AUTO(uint8_t, box);
		union any_mem mem = COHERENT_EMPTY;

		assert_ok(coherent_zeroed(&mem, dev, PAGE));
		fail_close(&mem);
		log_clear(&reports);
		if (turn)
			coherent_free(&mem);
		else
			assert_err(coherent_reclaim(&mem, &box), -EIO);
		assert_true(coherent_is_empty(&mem) && coherent_is_empty(&box));
		assert_true(log_has(&reports, "are leaked"));
	}
	/* The close of the device ends the registrations. */
	coherent_device_close(dev);
	dev = NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_names_are_explained),
		cmocka_unit_test(options_of_others_are_refused),
		cmocka_unit_test(missing_libfabric_is_explained),
		cmocka_unit_test(port_in_use_is_refused),
		cmocka_unit_test_setup_teardown(port_of_a_child_is_explained, set_up, tear_down),
		cmocka_unit_test(lack_of_descriptors_is_explained),
		cmocka_unit_test(shm_and_udp_open_if_the_driver_wants_no_level),
		cmocka_unit_test(pinned_pages_need_no_level),
		cmocka_unit_test(open_warns_of_sockets),
		cmocka_unit_test_setup_teardown(failed_registration_fails_the_expose, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(failed_close_leaks_and_reports, set_up, tear_down),
	};

	return provider_of(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
