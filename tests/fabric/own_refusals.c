// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Domains that the library refuses, and domains that require what the providers here do not: the test
 * changes the fi_info, or the functions of the domain.
 */
#include <errno.h>
#include <string.h>

#include "fabric_test.h"
#include "raw.h"

static struct raw mine;
static struct fi_info *info;
static struct log reports;

static int set_up(void **state)
{
	(void)state;
	reports = (struct log)LOG_EMPTY;
	raw_open(&mine, "tcp", 0);
	info = fi_dupinfo(mine.info);
	assert_non_null(info);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fi_freeinfo(info);
	raw_close(&mine);
	return 0;
}

static int open_as(struct coherent_device **dev, const char *name, enum coherent_level level)
{
	log_clear(&reports);
	return coherent_device_open(dev, name, .domain = mine.domain, .domain_info = info,
				    .level = level, .report = log_report, .report_arg = &reports);
}

static void refused(int err, int expected, const char *text)
{
	assert_err(err, expected);
	if (!log_has(&reports, text))
		fail_msg("%s: %s", text, reports.text);
	log_clear(&reports);
}

/* Opens a device that is refused. */
static void refuses(int err, const char *text)
{
	struct coherent_device *dev;

	refused(open_as(&dev, "fabric:tcp", 0), err, text);
	assert_null(dev);
}

#define OPEN(name, ...) \
	coherent_device_open(&dev, name, __VA_ARGS__, .report = log_report, .report_arg = &reports)

static void parts_that_are_missing_are_named(void **state)
{
	struct coherent_device *dev;

	(void)state;
	refused(OPEN("fabric:tcp", .domain = mine.domain), -EINVAL, "needs a .domain_info");
	refused(OPEN("fabric:tcp", .domain_info = info), -EINVAL, "need a .domain");
	refused(OPEN("fabric:tcp", .endpoint = mine.endpoint), -EINVAL, "need a .domain");
	refused(OPEN("sim:edu", .domain = mine.domain), -EINVAL,
		"does not take .domain, which is for: fabric");
	refused(OPEN("sim:edu", .endpoint = mine.endpoint), -EINVAL, ".endpoint");
	refused(OPEN("sim:edu", .domain_info = info), -EINVAL, ".domain_info");
	refused(OPEN("fabric:tcp", .domain = (struct fid_domain *)mine.fabric, .domain_info = info),
		-EINVAL, ".domain is not an open domain");
	refused(OPEN("fabric:tcp", .domain = mine.domain, .domain_info = info,
		     .endpoint = (struct fid_ep *)mine.queue),
		-EINVAL, ".endpoint is not an open endpoint");
	refused(OPEN("fabric:tcp", .domain = mine.domain,
		     .domain_info = &(struct fi_info){ .caps = 0 }),
		-EINVAL, "names no domain");
}

static void name_says_the_provider_and_no_more(void **state)
{
	static const char *const keys[] = { "fabric:tcp,manual", "fabric:tcp,node=127.0.0.1",
					    "fabric:tcp,service=7" };
	struct coherent_device *dev;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		refused(open_as(&dev, keys[i], 0), -EINVAL, "leave them out");
	refused(open_as(&dev, "fabric:net", 0), -EINVAL,
		"is of the provider \"tcp;ofi_rxm\", and the device name says \"net\"; open "
		"fabric:tcp");
	refused(open_as(&dev, "fabric:tc", 0), -EINVAL, "open fabric:tcp");
	refused(open_as(&dev, "fabric:tcp;", 0), -EINVAL, "open fabric:tcp");
	refused(open_as(&dev, "fabric:", 0), -EINVAL, "open fabric:tcp");
	refused(open_as(&dev, "fabric:ofi_rxm", 0), -EINVAL, "open fabric:tcp");
	assert_ok(open_as(&dev, "fabric:tcp;ofi_rxm", 0));
	coherent_device_close(dev);
}

static void set_provider(const char *provider)
{
	free(info->fabric_attr->prov_name);
	info->fabric_attr->prov_name = strdup(provider);
}

/* The program says that the domain is of a provider that a peer need not obey. */
static void some_providers_have_no_level(void **state)
{
	static const char *const cases[][2] = {
		{ "shm", "checks no key" },
		{ "SHM", "checks no key" },
		{ "udp;ofi_rxd", "malformed datagram" },
		{ "verbs;ofi_rxd", "malformed datagram" },
		{ "ofi_rxd;Udp", "malformed datagram" },
		{ "tcp2", "no test has shown that the provider tcp2 checks keys" },
		{ "tcp;ofi_other", "no test has shown" },
	};
	struct coherent_device *dev;
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_provider(cases[i][0]);
		snprintf(name, sizeof(name), "fabric:%s", cases[i][0]);
		refused(open_as(&dev, name, 0), -EOPNOTSUPP, cases[i][1]);
	}
	set_provider("shm");
	assert_ok(open_as(&dev, "fabric:shm", COHERENT_NONE));
	assert_int_equal(coherent_device_level(dev), COHERENT_NONE);
	coherent_device_close(dev);
}

/* The domain is of tcp, which refuses the registrations that look for a cache. */
static void cards_are_asked_for_a_cache(void **state)
{
	static const char *const names[] = { "verbs", "Verbs", "ofi_rxm;verbs" };
	struct coherent_device *dev;
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		set_provider(names[i]);
		snprintf(name, sizeof(name), "fabric:%s", names[i]);
		refused(open_as(&dev, name, 0), -EIO, "could not open a registration");
	}
}

static void domains_that_require_more_are_refused(void **state)
{
	static const struct {
		int mode;
		const char *text;
	} modes[] = {
		{ FI_MR_RAW, "FI_MR_RAW" },
		{ FI_MR_MMU_NOTIFY, "FI_MR_MMU_NOTIFY" },
		{ FI_MR_RMA_EVENT, "FI_MR_RMA_EVENT" },
		{ FI_MR_ENDPOINT, "give the .endpoint" },
		{ 1 << 30, "newer than the library" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		info->domain_attr->mr_mode = modes[i].mode;
		refuses(-EOPNOTSUPP, modes[i].text);
	}
	info->domain_attr->mr_mode = 0;
	info->domain_attr->mr_key_size = 4;
	refuses(-EOPNOTSUPP, "a peer could guess");
	info->domain_attr->mr_key_size = 8;
	info->caps = FI_MSG;
	refuses(-EOPNOTSUPP, "no FI_RMA for peers");
	info->caps = FI_RMA | FI_READ | FI_WRITE;
	refuses(-EOPNOTSUPP, "no FI_RMA for peers");
}

static void domains_that_fit_are_accepted(void **state)
{
	static const int modes[] = { 0, 1 /* FI_MR_BASIC */, 2 /* FI_MR_SCALABLE */,
				     FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
					     FI_MR_PROV_KEY,
				     FI_MR_HMEM | FI_MR_COLLECTIVE };
	struct coherent_device *dev;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		info->domain_attr->mr_mode = modes[i];
		assert_ok(open_as(&dev, "fabric:tcp", 0));
		coherent_device_close(dev);
	}
	/* The provider chooses the keys. */
	info->domain_attr->mr_mode = FI_MR_PROV_KEY;
	info->domain_attr->mr_key_size = 4;
	info->caps = FI_RMA;
	assert_ok(open_as(&dev, "fabric:tcp", 0));
	coherent_device_close(dev);
	info->caps = FI_RMA | FI_REMOTE_READ;
	assert_ok(open_as(&dev, "fabric:tcp", 0));
	coherent_device_close(dev);
}

/* The device with FI_MR_BASIC counts addresses as a domain with FI_MR_VIRT_ADDR. */
static void basic_mode_has_virtual_addresses(void **state)
{
	ANY_MEM_AUTO(mem);
	struct coherent_device *dev;
	struct coherent_remote remote;

	(void)state;
	info->domain_attr->mr_mode = 1;
	assert_ok(open_as(&dev, "fabric:tcp", 0));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_ok(coherent_remote(&mem, &remote));
	assert_int_equal(remote.address, htole64((uintptr_t)mem.base.va));
	coherent_free(&mem);
	coherent_device_close(dev);
}

/* --- Registrations that are bound to an endpoint --- */

static struct fi_ops_mr real_mr;
static struct fi_ops real_ops, bound_ops;
static unsigned int bound, enabled, closed;
static int bind_err, enable_err;

static int bind_to(struct fid *fid, struct fid *endpoint, uint64_t flags)
{
	(void)fid;
	assert_ptr_equal(endpoint, &mine.endpoint->fid);
	assert_int_equal(flags, 0);
	bound++;
	return bind_err;
}

static int control(struct fid *fid, int command, void *arg)
{
	(void)fid;
	(void)arg;
	assert_int_equal(command, FI_ENABLE);
	/* fi_mr(3): the registration is bound before. */
	assert_int_equal(bound, enabled + 1);
	enabled++;
	return enable_err;
}

static int close_one(struct fid *fid)
{
	closed++;
	return real_ops.close(fid);
}

static int register_bound(struct fid *fid, const void *buf, size_t bytes, uint64_t access,
			  uint64_t offset, uint64_t key, uint64_t flags, struct fid_mr **mr,
			  void *context)
{
	int err = real_mr.reg(fid, buf, bytes, access, offset, key, flags, mr, context);

	if (err)
		return err;
	real_ops = bound_ops = *(*mr)->fid.ops;
	bound_ops.bind = bind_to;
	bound_ops.control = control;
	bound_ops.close = close_one;
	(*mr)->fid.ops = &bound_ops;
	return 0;
}

/* The domain behaves as one with FI_MR_ENDPOINT from now on. */
static void require_endpoint(void)
{
	static struct fi_ops_mr ops;

	real_mr = ops = *mine.domain->mr;
	ops.reg = register_bound;
	mine.domain->mr = &ops;
	info->domain_attr->mr_mode = FI_MR_ENDPOINT;
	bound = enabled = closed = 0;
	bind_err = enable_err = 0;
}

static void registrations_are_bound_to_the_endpoint(void **state)
{
	union any_mem mem = COHERENT_EMPTY;
	struct coherent_device *dev;

	(void)state;
	require_endpoint();
	assert_ok(OPEN("fabric:tcp", .domain = mine.domain, .domain_info = info,
		       .endpoint = mine.endpoint));
	assert_ok(coherent_zeroed(&mem, dev, PAGE));
	assert_true(bound == 1 && enabled == 1 && closed == 0);
	coherent_free(&mem);
	assert_int_equal(closed, 1);
	/* A registration that cannot be bound is closed, and the expose fails. */
	bind_err = -FI_ENOSYS;
	assert_err(coherent_zeroed(&mem, dev, PAGE), -EIO);
	assert_true(bound == 2 && enabled == 1 && closed == 2);
	bound = enabled = bind_err = 0;
	enable_err = -FI_ENOMEM;
	assert_err(coherent_zeroed(&mem, dev, PAGE), -ENOMEM);
	assert_true(bound == 1 && enabled == 1 && closed == 3);
	coherent_device_close(dev);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parts_that_are_missing_are_named, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(name_says_the_provider_and_no_more, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(some_providers_have_no_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cards_are_asked_for_a_cache, set_up, tear_down),
		cmocka_unit_test_setup_teardown(domains_that_require_more_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(domains_that_fit_are_accepted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(basic_mode_has_virtual_addresses, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(registrations_are_bound_to_the_endpoint, set_up,
						tear_down),
	};

	return provider_of(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
