// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A program that shares each public struct with the library. run.py builds it in several ways and
 * runs it with one library. It prints TAP.
 *
 * With OLDER the structs lack their last members. With NEWER they have a member .added, which the
 * library does not know.
 */
#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/pool.h>
#include <coherent/sim.h>
#include <stdio.h>
#include <string.h>

#ifndef NEWER
#define NEWER 0
#endif

#if COHERENT_VERSION < COHERENT_VERSION_OF(0, 2, 0)
#error "the preprocessor can compare versions"
#endif

/* An option that only a newer library has. */
#if NEWER
#define UNKNOWN .added = 1
#define REFUSED(call) say_refused((call), #call)
#else
#define UNKNOWN
#define REFUSED(call)
#endif

static int count, failed, reports;
static char last_report[1024];

static void say(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

__attribute__((unused)) static void say_refused(int err, const char *call)
{
	char name[256];

	snprintf(name, sizeof(name), "an unknown option is refused: %.60s", call);
	say(err == -EOPNOTSUPP && reports == 1 && strstr(last_report, "newer libcoherent"), name);
	reports = 0;
}

static void keep_report(void *arg, enum coherent_severity severity, const char *line)
{
	coherent_report_stderr(arg, severity, line);
	snprintf(last_report, sizeof(last_report), "%s", line);
	reports++;
}

#define OPEN(dev, name, ...) \
	coherent_device_open(dev, name, .report = keep_report, .report_arg = "", ##__VA_ARGS__)

/* --- Options --- */

struct element {
	uint64_t first;
	uint32_t second;
	uint32_t third;
};

COHERENT_FIELDS(struct element, .first, .second, .third);

static int fill(struct element *elements, size_t elements_count, void *arg)
{
	for (size_t i = 0; i < elements_count; i++)
		elements[i].second = *(uint32_t *)arg;
	return 0;
}

static void check_boxes(struct coherent_device *dev)
{
	const struct element source = { .second = 2 };
	COHERENT_BOX_AUTO(struct element, box);
	COHERENT_AUTO(struct element, mem);
	uint32_t value = 0;
	bool good;

	good = !coherent_box_zeroed(&box, dev, 1, .align = 4096) &&
	       !coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY);
	REFUSED(coherent_reclaim(&mem, &box, UNKNOWN));
	good = good && !coherent_reclaim(&mem, &box, .idle = true);
	say(good, "a box becomes a mem and a box again");
	REFUSED(coherent_expose(&box, &mem, UNKNOWN));
	coherent_box_free(&box);
	good = !coherent_box_from(&box, dev, &source, 1, .align = 65536) &&
	       coherent_box_ptr(&box)->second == 2 && !coherent_expose(&box, &mem) &&
	       !coherent_read(&mem, 0, .second, &value) && value == 2;
	say(good, "a box gets a copy");
	coherent_free(&mem);
	REFUSED(coherent_box_zeroed(&box, dev, 1, UNKNOWN));
	REFUSED(coherent_box_from(&box, dev, &source, 1, UNKNOWN));
}

static void check_exposures(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(struct element, first_box);
	COHERENT_BOX_AUTO(struct element, second_box);
	COHERENT_AUTO(struct element, first);
	COHERENT_AUTO(struct element, second);
	bool good;

	good = !coherent_box_zeroed(&first_box, dev, 1) &&
	       !coherent_box_zeroed(&second_box, dev, 1) &&
	       !coherent_expose_all(
		       COHERENT_EXPOSURE(&first_box, &first, .permission = COHERENT_READ_ONLY),
		       COHERENT_EXPOSURE(&second_box, &second, .permission = COHERENT_READ_WRITE));
	say(good && coherent_count(&first) && coherent_count(&second),
	    "two boxes are exposed in one call");
#if NEWER
	coherent_free(&first);
	coherent_free(&second);
	good = !coherent_box_zeroed(&first_box, dev, 1) &&
	       !coherent_box_zeroed(&second_box, dev, 1);
	REFUSED(coherent_expose_all(COHERENT_EXPOSURE(&first_box, &first),
				    COHERENT_EXPOSURE(&second_box, &second, UNKNOWN)));
	good = good && coherent_is_empty(&first) && coherent_is_empty(&second_box);
	say(good, "an unknown option of the second box leaves both unexposed");
#endif
}

static void check_mems(struct coherent_device *dev)
{
	const struct element source = { .second = 2 };
	COHERENT_AUTO(struct element, mem);
	COHERENT_HANDLE_AUTO(handle);
	uint32_t value = 3;
	bool good;

	good = !coherent_zeroed(&mem, dev, 1, .permission = COHERENT_READ_ONLY);
	coherent_free(&mem);
	good = good && !coherent_from(&mem, dev, &source, 1, .level = COHERENT_HIDDEN);
	coherent_free(&mem);
	good = good && !coherent_init(&mem, dev, 1, fill, &value, .align = 65536) &&
	       !coherent_read(&mem, 0, .second, &value) && value == 3;
	coherent_free(&mem);
	say(good, "a mem is made in one step");
	say(!coherent_handle_zeroed(&handle, dev, 4096, .align = 8192), "a handle is made");
	coherent_handle_free(&handle);
	REFUSED(coherent_zeroed(&mem, dev, 1, UNKNOWN));
	REFUSED(coherent_from(&mem, dev, &source, 1, UNKNOWN));
	REFUSED(coherent_init(&mem, dev, 1, fill, &value, UNKNOWN));
	REFUSED(coherent_handle_zeroed(&handle, dev, 4096, UNKNOWN));
}

static void check_pools(struct coherent_device *dev)
{
	COHERENT_POOL_AUTO(struct element, pool);
	COHERENT_BOX_AUTO(struct element, box);
	COHERENT_AUTO(struct element, mem);
	bool good;

	REFUSED(coherent_pool_create(&pool, dev, UNKNOWN));
	good = !coherent_pool_create(&pool, dev, .align = 32) && !coherent_pool_box(&pool, &box) &&
	       !coherent_expose(&box, &mem);
	REFUSED(coherent_reclaim(&mem, &box, UNKNOWN));
	good = good && !coherent_reclaim(&mem, &box, .idle = true);
	say(good, "a pool has boxes and mems");
	REFUSED(coherent_expose(&box, &mem, UNKNOWN));
}

/* --- Devices --- */

static uint64_t reg_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			 unsigned int width)
{
	(void)sim;
	(void)bar;
	(void)width;
	return *(uint64_t *)arg + offset;
}

static void check_model(void)
{
	const struct coherent_sim_model model = {
		.name = "adder",
		.mask = coherent_mask(40),
		.bar_size = { 4096 },
		.reg_read = reg_read,
	};
	COHERENT_DEVICE_AUTO(dev);
	COHERENT_BAR_AUTO(bar);
	uint64_t base = 100;
	bool good;

	good = !OPEN(&dev, "sim:custom,step", .model = &model, .model_arg = &base) &&
	       !coherent_bar_open(&bar, dev, 0) && coherent_bar_read32(bar, 8) == 108;
	say(good, "a device model runs");
#if NEWER
	struct coherent_sim_model newer = model;

	newer.added = 1;
	REFUSED(OPEN(&dev, "sim:custom,step", .model = &newer, .model_arg = &base));
#endif
}

/* --- Results --- */

#define BEHIND 64

static bool has_only(const unsigned char *bytes, size_t size, unsigned char byte)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

#if NEWER
#define IS_ZERO_IF_UNKNOWN(result) (!(result).added)
#else
#define IS_ZERO_IF_UNKNOWN(result) true
#endif

/* The library must not write behind the struct of the program, and must write all of it. */
#define CHECK_RESULT(type, first_member, call)                                                \
	do {                                                                                  \
		struct {                                                                      \
			struct coherent_##type it;                                            \
			unsigned char behind[BEHIND];                                         \
		} result;                                                                     \
                                                                                              \
		memset(&result, 0xa5, sizeof(result));                                        \
		say(!(call) && has_only(result.behind, BEHIND, 0xa5) &&                       \
			    result.it.first_member !=                                         \
				    (__typeof__(result.it.first_member))0xa5a5a5a5a5a5a5a5 && \
			    IS_ZERO_IF_UNKNOWN(result.it),                                    \
		    "the library fills in struct coherent_" #type " and no more: " #call);    \
	} while (0)

static void check_results(struct coherent_device *dev)
{
	COHERENT_BOX_AUTO(uint32_t, box);
	uint32_t value = 1;
	struct coherent_info info;
	bool good;

	good = !coherent_box_zeroed(&box, dev, 1);
	CHECK_RESULT(limits, mask, coherent_device_limits(dev, &result.it));
	CHECK_RESULT(stats, objects, coherent_device_stats(dev, &result.it));
	CHECK_RESULT(info, state, coherent_find_ptr(dev, coherent_box_ptr(&box), &result.it));
	good = good && !coherent_find_ptr(dev, coherent_box_ptr(&box), &info);
	CHECK_RESULT(info, state, coherent_find_addr(dev, info.address, &result.it));
	good = good && coherent_sim_try(dev, &box, 0, &value, 4, COHERENT_ACCESS_WRITE) == -EIO;
	CHECK_RESULT(fault, address, coherent_device_next_fault(dev, &result.it));
	good = good && coherent_device_next_fault(dev, &(struct coherent_fault){ 0 }) == -EAGAIN;
	say(good, "a box has an address and faults");
}

/* The library writes to each enum of these structs. */
static void check_enums(struct coherent_device *dev)
{
	struct coherent_info info = { .state = COHERENT_STATE_NONE };
	struct coherent_fault fault = { .state = COHERENT_STATE_NONE };
	COHERENT_BOX_AUTO(uint32_t, box);
	uint32_t value = 1;
	bool good;

	good = !coherent_box_zeroed(&box, dev, 1) &&
	       !coherent_find_ptr(dev, coherent_box_ptr(&box), &info);
	say(good && info.state == COHERENT_STATE_BOX, "a lookup gives the state of the object");
	good = coherent_sim_try(dev, &box, 0, &value, 4, COHERENT_ACCESS_WRITE) == -EIO &&
	       !coherent_device_next_fault(dev, &fault);
	say(good && fault.access == COHERENT_ACCESS_WRITE && fault.state == COHERENT_STATE_BOX,
	    "a fault gives the access and the state of the object");
}

static void check_version(void)
{
	say(coherent_version() / 100 == 2, "the version of the library is a 0.2");
	say((coherent_version() == COHERENT_VERSION) == !NEWER,
	    "the version of the library is not taken from the headers of the program");
}

int main(void)
{
	COHERENT_DEVICE_AUTO(dev);
	int err = OPEN(&dev, "sim:edu,step", .level = COHERENT_IOMMU);

	check_version();
	say(!err, "a device opens");
	if (!err) {
		check_boxes(dev);
		check_exposures(dev);
		check_mems(dev);
		check_pools(dev);
		check_results(dev);
		check_enums(dev);
	}
	check_model();
	say(!reports, "there is no other report");
	coherent_device_close(dev);
	dev = NULL;
	REFUSED(OPEN(&dev, "sim:edu,step", UNKNOWN));
	printf("1..%d\n", count);
	return failed || err;
}
