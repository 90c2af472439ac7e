// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The model of a served device calls the library from its callbacks. A call that would wait for the
 * callback itself ends with an error, and the server goes on.
 */
#include <coherent/bar.h>
#include <stdatomic.h>
#include <unistd.h>

#include "client.h"

/* An answer that waits for the callback cannot come in this time. */
#define SHORT_MS 20
/* In this time others come. */
#define USUAL_MS 2000

enum place { NOWHERE, IN_READ, IN_WRITE, IN_TICK, IN_RESET };

/**
 * struct caller - The state of a model that calls the library.
 * @place: The callback that does it, once.
 * @call: The call.
 * @err: The result of the call.
 * @done: The call was made.
 * @log: The reports of the call.
 */
static struct caller {
	_Atomic enum place place;
	int (*call)(void);
	int err;
	atomic_bool done;
	struct log log;
} caller;

static struct server server;
static struct coherent_device *driver;
static struct coherent_bar *driver_bar;

/* --- The model --- */

static void call_in(enum place place)
{
	if (caller.place != place || caller.done)
		return;
	caller.err = caller.call();
	caller.done = true;
}

static uint64_t caller_read(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			    unsigned int width)
{
	(void)sim, (void)arg, (void)bar, (void)offset, (void)width;
	call_in(IN_READ);
	return 0x1234;
}

static void caller_write(struct coherent_sim *sim, void *arg, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value)
{
	(void)sim, (void)arg, (void)bar, (void)offset, (void)width, (void)value;
	call_in(IN_WRITE);
}

static void caller_tick(struct coherent_sim *sim, void *arg)
{
	(void)sim, (void)arg;
	call_in(IN_TICK);
}

static void caller_reset(struct coherent_sim *sim, void *arg)
{
	(void)sim, (void)arg;
	call_in(IN_RESET);
}

static const struct coherent_sim_model caller_model = {
	.name = "caller",
	.mask = UINT64_MAX,
	.bar_size = { 16 },
	.reg_read = caller_read,
	.reg_write = caller_write,
	.tick = caller_tick,
	.reset = caller_reset,
};

/* --- The calls --- */

static int open_own_device(void)
{
	struct coherent_device *dev;
	char name[100];

	snprintf(name, sizeof(name), "vfio-user:%s,timeout=%d", server.path, SHORT_MS);
	return coherent_device_open(&dev, name, .report = log_report, .report_arg = &caller.log);
}

static int serve_own_path(void)
{
	return coherent_sim_serve("sim:edu", server.path, .report = log_report,
				  .report_arg = &caller.log);
}

static int use_another_device(void)
{
	struct coherent_device *dev;
	COHERENT(uint8_t) mem = { 0 };
	int err = coherent_device_open(&dev, "sim:edu", .report = log_report,
				       .report_arg = &caller.log);

	if (!err)
		err = coherent_zeroed(&mem, dev, 100);
	if (err)
		return err;
	coherent_free(&mem);
	coherent_device_close(dev);
	return 0;
}

static int read_driver_register(void)
{
	return coherent_bar_read32(driver_bar, 0) == UINT32_MAX ? -ENODEV : 0;
}

/* --- Tests --- */

static void start_server(void)
{
	memset(&server, 0, sizeof(server));
	caller.place = NOWHERE;
	server.options.name = "sim:custom";
	server.options.model = &caller_model;
	server_start(&server);
}

/* Makes the callback run, and waits until it has made its call. */
static void provoke(struct client *client, enum place place, int (*call)(void))
{
	uint32_t value = 1;

	pthread_mutex_init(&caller.log.mutex, NULL);
	log_clear(&caller.log);
	caller.call = call;
	caller.done = false;
	caller.place = place;
	assert_ok(client_write(client, 0, 0, &value, sizeof(value)));
	assert_ok(client_read(client, 0, 0, &value, sizeof(value)));
	assert_int_equal(value, 0x1234);
	assert_ok(client_ask(client, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0));
	while (!caller.done)
		usleep(1000);
	/* The device works on. */
	assert_ok(client_read(client, 0, 0, &value, sizeof(value)));
	assert_int_equal(value, 0x1234);
}

static void provoke_everywhere(int (*call)(void), int err, const char *report)
{
	for (unsigned int i = 0; i < 2; i++)
		for (enum place place = IN_READ; place <= IN_RESET; place++) {
			struct client client;

			start_server();
			client_open(&client, server.path, i);
			provoke(&client, place, call);
			assert_err(caller.err, err);
			if (report && !log_has(&caller.log, report))
				fail_msg("\"%s\" is not in: %s", report, caller.log.text);
			client_close(&client);
			/* The server goes on with the next client. */
			client_open(&client, server.path, true);
			client_close(&client);
			assert_ok(server_stop(&server));
			assert_int_equal(server.reports.count, 0);
		}
}

/* The server is busy with the client whose command it executes. */
static void model_cannot_open_its_own_device(void **state)
{
	(void)state;
	provoke_everywhere(open_own_device, -ETIMEDOUT, "the peer did not answer");
}

static void model_cannot_serve_at_its_own_path(void **state)
{
	(void)state;
	provoke_everywhere(serve_own_path, -EADDRINUSE, "a server runs there");
}

static void model_can_use_another_device(void **state)
{
	(void)state;
	provoke_everywhere(use_another_device, 0, NULL);
}

/* The driver is in the same process. Both its access and that of the model end at the timeout. */
static void model_cannot_use_the_device_of_its_driver(void **state)
{
	struct log log = LOG_EMPTY;
	char name[100];

	(void)state;
	for (enum place place = IN_READ; place <= IN_WRITE; place++) {
		start_server();
		snprintf(name, sizeof(name), "vfio-user:%s,timeout=%d", server.path, USUAL_MS);
		assert_ok(coherent_device_open(&driver, name, .report = log_report,
					       .report_arg = &log));
		assert_ok(coherent_bar_open(&driver_bar, driver, 0));
		caller.call = read_driver_register;
		caller.done = false;
		caller.place = place;
		coherent_bar_write32(driver_bar, 0, 1);
		(void)coherent_bar_read32(driver_bar, 0);
		while (!caller.done)
			usleep(1000);
		assert_err(caller.err, -ENODEV);
		assert_true(log_has(&log, "the peer did not answer"));
		caller.place = NOWHERE;
		assert_ok(coherent_device_reset(driver));
		assert_int_equal(coherent_bar_read32(driver_bar, 0), 0x1234);
		coherent_bar_close(driver_bar);
		coherent_device_close(driver);
		assert_ok(server_stop(&server));
		log_clear(&log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_cannot_open_its_own_device),
		cmocka_unit_test(model_cannot_serve_at_its_own_path),
		cmocka_unit_test(model_can_use_another_device),
		cmocka_unit_test(model_cannot_use_the_device_of_its_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
